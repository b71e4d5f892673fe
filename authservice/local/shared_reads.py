"""Reads of several threads in one round trip to PostgreSQL: alone, each costs both sides more than it is to answer.

Owns who asks: a thread that comes while nobody does; those that come meanwhile wait, and the first of them asks for all.
So nobody waits for company, and whatever was committed before a read began is seen. Does not own the queries, nor what an
error means (availability.py). SQLite is within the process, and asked by each call itself.
"""

import threading
from collections.abc import Iterable

from sqlalchemy import Engine, Select

from authservice.local import prepared
from authservice.local.availability import Meaning, meaning
from authservice.local.database import Connections

FOR_ALL = {Meaning.BROKEN, Meaning.AWAY}
"""Errors that are not one query's own: who waits for the database hears of them too, and waits no longer."""


class _Read:
    """What one thread asks for."""

    __slots__ = ("query", "values", "found", "error", "turn", "together")

    def __init__(self, query: Select, values: dict):
        self.query, self.values = query, values
        self.found: list[tuple] | None = None
        self.error: Exception | None = None
        self.turn = threading.Lock()  # the quickest thing to wait on; held until there is something to do
        self.turn.acquire()
        self.together: list[_Read] = []
        """What its thread is to ask for, this first, if nobody has done so."""


class SharedReads:
    """The reads of one process at one database."""

    def __init__(self, engine: Engine, connections: Connections):
        self.engine, self._connections = engine, connections
        self._lock = threading.Lock()
        self._is_asking = False
        self._waiting: list[_Read] = []

    def rows(self, query: Select, values: dict) -> list[tuple]:
        """What a query that was made once finds, as prepared.rows."""
        mine = _Read(query, values)
        with self._lock:
            waits, self._is_asking = self._is_asking, True
            if waits:
                self._waiting.append(mine)
        if waits:
            mine.turn.acquire()
        self._ask(mine.together if waits else [mine])
        if mine.error:
            raise mine.error
        return self._alone(mine) if mine.found is None else mine.found

    def _ask(self, reads: list[_Read]) -> None:
        """Ask for these, if any, and then let those who came meanwhile."""
        if not reads:
            return
        error = None
        try:
            self._fetch(reads)
        except Exception as met:  # perhaps of one alone, and then the others have theirs yet to come: see rows
            error = met if meaning(met) in FOR_ALL else None
        with self._lock:
            following, self._waiting = self._waiting, []
            self._is_asking = bool(following) and not error
        if error:
            _tell(error, reads + following)
        elif following:
            following[0].together = following
        for read in reads[1:] + (following if error else following[:1]):
            read.turn.release()

    def _fetch(self, reads: list[_Read]) -> None:
        if len(reads) == 1:
            reads[0].found = self._alone(reads[0])
            return
        connection = self._connections.take(self.engine)
        try:
            steps = [(read.query, read.values) for read in reads]
            for read, found in zip(reads, prepared.together(connection, steps)):
                read.found = found
        finally:
            self._connections.give_back(connection)

    def _alone(self, read: _Read) -> list[tuple]:
        connection = self._connections.take(self.engine)
        try:
            return prepared.rows(connection, read.query, read.values)
        finally:
            self._connections.give_back(connection)


def _tell(error: Exception, reads: Iterable[_Read]) -> None:
    for read in reads:
        if read.found is None:
            read.error = error
