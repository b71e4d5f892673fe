"""Whether the database can be had now: what an error of it means, how many calls wait for it, the wait at a start.

Owns the difference between "try again", "not now" and a bug. Does not own how a call is run again (backend.py), nor
which waits are bounded by how much (database.py).
"""

import logging
import threading
import time
from enum import Enum
from queue import Empty, SimpleQueue

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError, TimeoutError
from sqlalchemy.orm.exc import StaleDataError

from authservice.errors import Unavailable
from authservice.local import database
from authservice.local.database import SchemaError

log = logging.getLogger(__name__)

STUCK_SECONDS = 2.0
"""When so long no call has come to its end, the next one does not wait behind them. A busy machine is not stuck."""
LOOK_SECONDS = 1.0
"""How often a worker that was started before its database looks whether it is there."""
SAY_SECONDS = 10.0
SILENT = "the database does not answer yet"


class Meaning(Enum):
    """What is to be done about an error of the database; anything without a meaning is a bug."""

    CONFLICT = "somebody was faster: run the call again, on fresh rows"
    BROKEN = "the connection is gone: what was not committed has not happened, so run the call again"
    AWAY = "not to be had now, or not in time"


CONFLICTS = {"40001", "40P01"}
"""Serialization failure and deadlock, as distributed engines report them too."""
AWAY_CLASSES = ("08", "53", "57", "58")
"""PostgreSQL's connection errors, exhausted resources, an operator (or a timeout) intervened, errors of the system."""
AWAY_STATES = {"55P03", "25006"}
"""A lock not to be had in time; a server that only reads, as during a failover."""
SQLITE_AWAY = {5, 6, 8, 10, 13, 14}
"""SQLITE_BUSY after its wait, LOCKED, READONLY, IOERR, FULL, CANTOPEN."""


def meaning(error: SQLAlchemyError) -> Meaning | None:
    """What an error of SQLAlchemy or its driver means for the call that met it."""
    if isinstance(error, (IntegrityError, StaleDataError)):
        return Meaning.CONFLICT
    if isinstance(error, TimeoutError):  # all connections are in use
        return Meaning.AWAY
    if not isinstance(error, DBAPIError):
        return None
    state, code = getattr(error.orig, "sqlstate", None), getattr(error.orig, "sqlite_errorcode", None)
    if state in CONFLICTS:
        return Meaning.CONFLICT
    if error.connection_invalidated:
        return Meaning.BROKEN
    if code is not None:
        return Meaning.AWAY if code & 0xFF in SQLITE_AWAY else None
    if state is None:  # no server has said anything
        return Meaning.AWAY if isinstance(error, OperationalError) else None
    return Meaning.AWAY if state in AWAY_STATES or state.startswith(AWAY_CLASSES) else None


def refuse(error: SQLAlchemyError) -> Unavailable:
    """Say in the log that the database is not to be had, by the error's kind alone, for its words may quote a row."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    told = {"error": type(cause).__name__, **({"code": code} if code else {})}
    log.warning("the database is not to be had now", extra={"fields": told})
    return Unavailable()


class Gate:
    """So many calls are inside at once. Who would be one more waits, but not behind calls that are stuck.

    A slow database therefore holds `most` threads and no more; another is free to say so, and that the process lives.
    """

    def __init__(self, most: int):
        self._places = SimpleQueue()
        for _ in range(most):
            self._places.put(None)
        self._moved_at = time.monotonic()
        """When a call last came in or left."""

    def __enter__(self) -> None:
        try:
            self._places.get_nowait()
        except Empty:
            self._wait()
        self._moved_at = time.monotonic()

    def _wait(self) -> None:
        try:
            self._places.get(timeout=max(0.0, self._moved_at + STUCK_SECONDS - time.monotonic()))
        except Empty:
            log.warning("too many calls wait for the database")
            raise Unavailable() from None

    def __exit__(self, *_) -> None:
        self._moved_at = time.monotonic()
        self._places.put(None)


class Preparation:
    """The schema of a database that may not be there yet: tried at once, then every second until it is done.

    Workers start without their database, rather than dying again and again: they answer that they live, refuse all
    else with 503, and go to work by themselves. SchemaError where the database is there and no good.
    """

    def __init__(self, engine: Engine):
        self._engine, self._given_up = engine, threading.Event()
        self.done = self._try()
        if not self.done:
            log.warning("the database does not answer: waiting for it")
            threading.Thread(target=self._keep_trying, name="preparation", daemon=True).start()

    def give_up(self) -> None:
        self._given_up.set()

    def _try(self) -> bool:
        try:
            database.prepare(self._engine)
            return True
        except SQLAlchemyError as error:
            if meaning(error) is None:
                raise
            return False

    def _keep_trying(self) -> None:
        said, said_at = SILENT, time.monotonic()
        while not (self.done or self._given_up.wait(LOOK_SECONDS)):
            reason = SILENT
            try:
                self.done = self._try()
            except SchemaError as refusal:  # an operator may still mend it
                reason = str(refusal)
            except Exception as error:
                reason = f"the database could not be prepared: {type(error).__name__}"
            if self.done:
                log.warning("the database is there")
            elif reason != said or time.monotonic() - said_at >= SAY_SECONDS:
                said, said_at = reason, time.monotonic()
                log.warning(reason)
