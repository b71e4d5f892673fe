"""Reads of several threads in one round trip to PostgreSQL: where that is near, each costs more to ask than to answer.

Owns who asks: a thread that comes while nobody does; those that come meanwhile wait, and the first of them asks for all.
Nobody waits longer than a moment behind others, nor for company, and whatever was committed before a read began is seen.
Does not own the queries, nor what an error means (availability.py). SQLite is within the process, and asked by each call
itself.
"""

import threading
from time import perf_counter

from sqlalchemy import Engine, Select

from authservice.local import prepared
from authservice.local.availability import Meaning, meaning
from authservice.local.database import Connections

PATIENCE_SECONDS = 0.05
"""So long a read waits for others; then it is asked alone."""
NEAR_SECONDS = 0.0005
"""A database whose quickest answer takes longer is far: then threads do better to wait for it all at once."""
TRIPS = 100
"""So often it is asked before it is judged anew how far it is."""


class _Read:
    """What one thread asks for."""

    __slots__ = ("query", "values", "found", "turn", "together")

    def __init__(self, query: Select, values: dict):
        self.query, self.values = query, values
        self.found: list[tuple] | None = None
        self.turn = threading.Lock()  # the quickest thing to wait on; held until there is something to do
        self.turn.acquire()
        self.together: list[_Read] = []
        """What its thread has to ask for, this first."""


class SharedReads:
    """The reads of one process at one database."""

    def __init__(self, engine: Engine, connections: Connections):
        self.engine, self._connections = engine, connections
        self._lock = threading.Lock()
        self._is_asking = False
        self._waiting: list[_Read] = []
        self._is_near, self._trips, self._quickest = True, 0, float("inf")

    def rows(self, query: Select, values: dict) -> list[tuple]:
        """What a query that was made once finds, as prepared.rows."""
        mine = _Read(query, values)
        if not self._is_near:
            return self._alone(mine)
        with self._lock:
            if self._is_asking:
                self._waiting.append(mine)
            else:
                self._is_asking, mine.together = True, [mine]
        if not (mine.together or mine.turn.acquire(timeout=PATIENCE_SECONDS)):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
        if mine.together:
            self._ask(mine.together)
        return self._alone(mine) if mine.found is None else mine.found

    def _ask(self, reads: list[_Read]) -> None:
        """Ask for these, and then have the first of those ask who came meanwhile. An error is that of the first read
        alone: whoever else has no answer by then asks himself."""
        try:
            self._fetch(reads)
        except Exception as error:  # perhaps another's, where there are others
            if reads[0].found is None and (len(reads) == 1 or meaning(error) in (Meaning.BROKEN, Meaning.AWAY)):
                raise
        finally:
            with self._lock:
                following, self._waiting = self._waiting, []
                self._is_asking = bool(following)
                if following:
                    following[0].together = following
            for read in reads[1:] + following[:1]:
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
            began = perf_counter()
            found = prepared.rows(connection, read.query, read.values)
            self._note(perf_counter() - began)
            return found
        finally:
            self._connections.give_back(connection)

    def _note(self, seconds: float) -> None:
        """The quickest of many answers tells how far the database is; the others tell how busy everybody is."""
        self._quickest, self._trips = min(self._quickest, seconds), self._trips + 1
        if self._trips >= TRIPS:
            self._is_near = self._quickest < NEAR_SECONDS
            self._quickest, self._trips = float("inf"), 0
