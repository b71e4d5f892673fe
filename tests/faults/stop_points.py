"""Stop points: whoever writes a refresh token is held between his claims and his commit, by the database itself.

The service knows nothing of it. On PostgreSQL another session holds the table; on SQLite a trigger counts very far.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

from sqlalchemy import text

from authservice.local import database
from authservice.local.backend import LocalBackend

FAR = 400_000_000
"""Rows that SQLite counts in half a minute or more: longer than anybody is to be held."""
LONG = 0.3
"""Seconds; who has SQLite's lock so long is held, and does not only write."""
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@contextlib.contextmanager
def held_up(store: LocalBackend) -> Iterator[Callable[[], int]]:
    """Hold them for the time of the block; yields what tells how many are held now (on SQLite only one can be)."""
    holding = _held_by_trigger if store.engine.dialect.name == "sqlite" else _held_by_lock
    with holding(store) as number:
        yield number


@contextlib.contextmanager
def _held_by_lock(store: LocalBackend) -> Iterator[Callable[[], int]]:
    with store.engine.connect() as holder, store.engine.connect() as onlooker:
        database.begin_writing(holder)
        holder.execute(text("LOCK TABLE refresh_tokens IN SHARE MODE"))
        yield lambda: onlooker.scalar(WAITING)
        holder.rollback()


@contextlib.contextmanager
def _held_by_trigger(store: LocalBackend) -> Iterator[Callable[[], int]]:
    with contextlib.closing(sqlite3.connect(store.engine.url.database, timeout=LONG, isolation_level=None)) as db:
        db.execute("CREATE TRIGGER hold AFTER INSERT ON refresh_tokens BEGIN SELECT count(*) FROM (WITH RECURSIVE c(x) "
                   f"AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {FAR}) SELECT x FROM c); END")

        def writing() -> int:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return 1
            db.execute("ROLLBACK")
            return 0

        yield writing
        db.execute("PRAGMA busy_timeout = 10000")
        db.execute("DROP TRIGGER hold")
