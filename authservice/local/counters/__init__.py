"""How often something was tried, and until when no more of it is looked at: one truth for all workers.

Owns the wall: what a rule and a count are, and what keeps the counts must do. Does not own which tries are counted,
nor how many are too many: that is accounts/lockout.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Engine

from authservice.config import Settings, SettingsError

if TYPE_CHECKING:  # a call has the counters at hand, so it knows them; limits is imported where it is turned on
    from limits.storage import Storage

    from authservice.local.call import Call

Key = tuple[bytes, str]
"""Whose tries, as a keyed fingerprint, and tries at what: a rule's kind."""


@dataclass(frozen=True)
class Rule:
    """How tries of one kind are counted, and when there were too many."""

    kind: str
    window: timedelta
    """The count starts anew so long after its first try; where it is `quiet`, after its last."""
    allowed: int
    locks: tuple[timedelta, ...] = ()
    """How long each try beyond those allowed locks; the last of them holds for all that follow."""
    quiet: bool = False

    def lock(self, tries: int) -> timedelta | None:
        """How long the last of so many tries locks."""
        beyond = tries - self.allowed
        return self.locks[min(beyond, len(self.locks)) - 1] if self.locks and beyond > 0 else None


@dataclass(frozen=True)
class Count:
    """So many tries, and the end of the lock if there ever was one."""

    tries: int
    locked_until: datetime | None

    def locks(self, now: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > now


class Counters(Protocol):
    """What keeps the counts. The time is always the call's own."""

    def find(self, call: "Call", *keys: Key) -> dict[Key, Count]:
        """The counts on record."""

    def guard(self, call: "Call", key: Key, judge: Callable[[Count | None], object]) -> None:
        """Have `judge` look at a count again when the call commits, and refuse by an exception."""

    def add(self, call: "Call", subject: bytes, rule: Rule) -> Count:
        """Count a try at once, whatever becomes of the call, and lock where the rule says so.

        Gives the tries with this one, and the lock that it came upon, not the one that it set.
        """

    def forget(self, call: "Call", key: Key, even_locked: bool = False) -> None:
        """End a count when the call commits; one that is locked by then only if told so."""

    def rates(self) -> "Storage":
        """Where `limits` counts the requests of a second."""

    def checks(self) -> dict[str, Callable[[], str]]:
        """What /readyz has to look at because of them; as in readiness.py."""

    def close(self) -> None:
        """Give back what they hold."""


def open_counters(settings: Settings, engine: Engine) -> Counters:
    """Who keeps the counts, by the setting `counters_url`."""
    # Imported here: the makers know calls, which know this module; and redis is an extra.
    if not settings.counters_url:
        from authservice.local.counters.in_database import DatabaseCounters
        return DatabaseCounters(engine)
    try:
        from authservice.local.counters.in_redis import RedisCounters
    except ImportError:
        raise SettingsError("counters_url: Redis needs an extra: pip install 'authservice[redis]'") from None
    return RedisCounters(settings.counters_url)
