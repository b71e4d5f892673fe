"""What a process has seen in the database a moment ago, and need not look at again so soon.

Owns for how long it is believed. Does not own how it is looked up (readings.py). A change by another process shows when
the moment is over; one by this process at once, for a commit that may have changed it ends all belief.
"""

from collections.abc import Hashable
from time import monotonic

SECONDS = 0.5
MOST = 10_000
"""Keys that are believed at a time."""
NOTHING = 0.0, None


class Believed:
    """What was seen, by key, and until when in monotonic seconds it is believed."""

    def __init__(self):
        self._seen: dict[Hashable, tuple[float, object]] = {}

    def of(self, key: Hashable):
        """What is believed of this key; None for nothing."""
        until, found = self._seen.get(key, NOTHING)
        return found if until > monotonic() else None

    def look(self) -> "Look":
        """Begin to look something up."""
        return Look(self._seen)

    def forget(self) -> None:
        """Something was changed here: what is being looked up now may be old already, and is not believed either."""
        self._seen = {}


class Look:
    """One look into the database, which counts from when it began."""

    def __init__(self, seen: dict[Hashable, tuple[float, object]]):
        self._seen, self._began = seen, monotonic()

    def saw(self, key: Hashable, found) -> None:
        """This was there, and is believed for a moment."""
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[key] = self._began + SECONDS, found
