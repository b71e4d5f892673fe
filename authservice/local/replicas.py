"""Copies of the database that only read (PostgreSQL's streaming replicas), for operations that lists are enough of.

Owns which copy may be asked now: one with our schema, no further behind than the setting allows. Does not own which
operations ask one (`@operation(…, reads="replica")`), nor what follows when it fails: backend.py asks the primary.

How far a copy is behind is measured against what the primary had written a moment ago, not by the clock of its last
change: a copy of an idle database is not late, and one that has lost its primary is.
"""

import itertools
import logging
import threading
import time
from collections import deque

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from authservice.config import Settings
from authservice.local import database
from authservice.local.migrations import REVISIONS

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
WRITTEN = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
REPLAYED = "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn"
"""Bytes of the write-ahead log; NULL where the server is no copy of another."""


class Replicas:
    """The copies at the setting's URLs. A thread looks at them every second, from the first use on."""

    def __init__(self, primary: Engine, settings: Settings):
        wait, threads = settings.database_timeout_seconds, settings.calls_at_once
        self._primary, self._most_behind = primary, settings.database_replica_lag_seconds
        self._all = [database.open_engine(url, wait, threads) for url in settings.replica_urls]
        self._told = dict.fromkeys(self._all, "")
        self._good: list[Engine] = []
        self._turn = itertools.count()
        self._written: deque[tuple[float, int]] = deque(maxlen=600)
        """When the primary had written how much."""
        self._stopping, self._starting = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def pick(self) -> Engine | None:
        """One that may be asked, in turn; None if there is none now."""
        if self._all and self._thread is None:
            self._start()
        good = self._good
        return good[next(self._turn) % len(good)] if good else None

    def _start(self) -> None:
        """Here, not with the backend: a thread would not survive the fork of a worker."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="replicas", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Find out which are good for the next second."""
        try:
            self._written.append((time.monotonic(), _number(self._primary, WRITTEN)))
        except SQLAlchemyError:
            self._good = []  # nobody knows how far they are behind
            return
        self._good = [engine for engine in self._all if self._is_good(engine)]

    def _is_good(self, engine: Engine) -> bool:
        reason = self._why_not(engine)
        if reason != self._told[engine]:
            self._told[engine] = reason
            log.warning("replica %s is %s", engine.url.host, f"left alone: {reason}" if reason else "asked")
        return not reason

    def _why_not(self, engine: Engine) -> str:
        try:
            replayed, revision = _number(engine, REPLAYED), database.revision(engine)
        except SQLAlchemyError as error:
            return f"no answer ({type(error).__name__})"
        if replayed is None:
            return "it is no copy of another database"
        if revision != REVISIONS[-1]:
            return f"its schema is {revision}"
        if self._behind(replayed) > self._most_behind:
            return f"it is more than {self._most_behind} s behind"
        return ""

    def _behind(self, replayed: int) -> float:
        """Seconds since the primary had written no more than this."""
        seen = [at for at, written in self._written if written <= replayed]
        return time.monotonic() - seen[-1] if seen else float("inf")

    def close(self) -> None:
        self._stopping.set()
        for engine in self._all:
            engine.dispose()


def _number(engine: Engine, query: str) -> int | None:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).scalar()
        return None if found is None else int(found)
