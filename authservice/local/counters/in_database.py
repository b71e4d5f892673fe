"""The counts in the database, in the table `attempts`: nothing else is needed, and a count costs a write.

Housekeeping removes what has expired.
"""

from collections.abc import Callable
from functools import lru_cache

from sqlalchemy import Engine, Select, and_, bindparam, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from authservice.local import database
from authservice.local.call import Call
from authservice.local.counters import Count, Key, Rule
from authservice.local.models import Attempts


class DatabaseCounters:
    """Counts as rows; see counters.Counters."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def find(self, call: Call, *keys: Key) -> dict[Key, Count]:
        return _counts(call.read(*_query(*keys)))

    def guard(self, call: Call, key: Key, judge: Callable[[Count | None], object]) -> None:
        call.guard(lambda rows: judge(_counts(rows).get(key)), *_query(key))

    def add(self, call: Call, subject: bytes, rule: Rule) -> Count:
        with database.session(self._engine) as db:
            database.begin_writing(db)
            row = _row(db, call, subject, rule)
            found = row.locked_until
            row.count += 1
            if lock := rule.lock(row.count):
                row.locked_until = max(call.now + lock, found or call.now)
            if rule.quiet:
                row.since = call.now
            row.expires_at = max(row.locked_until or call.now, row.since + rule.window)
            count = Count(row.count, found)
            db.commit()
        return count

    def forget(self, call: Call, key: Key, even_locked: bool = False) -> None:
        statement = delete(Attempts).where(Attempts.subject == key[0], Attempts.kind == key[1])
        unlocked = or_(Attempts.locked_until.is_(None), Attempts.locked_until <= call.now)
        call.also(statement if even_locked else statement.where(unlocked))

    def rates(self):
        """Each worker's own memory: a write for each request would be too much to ask of a database."""
        from limits.storage import MemoryStorage
        return MemoryStorage(wrap_exceptions=True)

    def checks(self):
        """Nothing: the database is looked at anyway."""
        return {}

    def close(self) -> None:
        """The engine is the backend's."""


def _query(*keys: Key) -> tuple[Select, dict]:
    """What finds their rows, and its parameters."""
    return _find(len(keys)), {f"{name}_{number}": value for number, key in enumerate(keys)
                              for name, value in zip(("subject", "kind"), key)}


def _counts(rows: list[tuple]) -> dict[Key, Count]:
    return {(row.subject, row.kind): Count(row.count, row.locked_until) for row in rows}


@lru_cache
def _find(keys: int) -> Select:
    """Built once for each number of keys: building a query costs more than running it."""
    row = Attempts.__table__.c
    return select(row.subject, row.kind, row.count, row.locked_until).where(or_(*[
        and_(row.subject == bindparam(f"subject_{number}"), row.kind == bindparam(f"kind_{number}"))
        for number in range(keys)]))


def _row(db, call: Call, subject: bytes, rule: Rule) -> Attempts:
    """The row of this subject, locked; it starts anew after the rule's window."""
    insert = (sqlite if db.get_bind().dialect.name == "sqlite" else postgresql).insert
    db.execute(insert(Attempts).values(subject=subject, kind=rule.kind, count=0, since=call.now, expires_at=call.now
                                       ).on_conflict_do_update(index_elements=["subject", "kind"],
                                                               set_={"kind": rule.kind}))  # it locks the row
    row = db.get(Attempts, (subject, rule.kind), with_for_update=True)
    if call.now >= row.since + rule.window and not (row.locked_until and row.locked_until > call.now):
        row.count, row.since, row.locked_until = 0, call.now, None
    return row
