"""The audit trail: every call's event in the database, and as a line of a log where `audit_log` names one.

Owns when an event is written. Of a call that changed something: in the transaction of the change, so that neither
is without the other. Of one that only read, or was refused: a moment later, many at once, by one thread; while the
database is away they wait, so many as fit, and the log says how many were lost. Does not own what is in an event
(audit/), nor looking them up (history.py).
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from multiprocessing.util import Finalize
from urllib.parse import urlsplit

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from authservice import json_text
from authservice.audit import events
from authservice.config import Settings
from authservice.contract import Caller
from authservice.local import database, prepared
from authservice.local.models import Event

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Events that wait to be written; what comes on top is lost, and counted."""
BATCH = 250
"""Events of one INSERT: nobody waits longer for the write lock than that takes."""
PAUSE_SECONDS = 0.25
"""So long the thread lets events gather before it writes them."""
RETRY_SECONDS = 1.0
STOP_SECONDS = 5.0
LONGEST_RECORD = 102_400
"""Characters of an event; of a longer one parameters and answer are left out, as CloudTrail does at 100 KB."""

_INSERT = insert(Event.__table__)


class Trail:
    """One backend's trail. Any number of processes write to one database and one log."""

    def __init__(self, engine: Engine, settings: Settings, clock: Callable[[], datetime],
                 random: Callable[[int], bytes]):
        self.clock = clock
        self.is_on = settings.audit != "off"
        self.lost = 0
        """Events that were lost since the start, for want of room or of a log that can be written."""
        self._engine, self._random = engine, random
        self._only_changes = settings.audit == "changes"
        self._log = settings.instance / settings.audit_log if settings.audit_log else None
        self._place = events.Place(settings.region, settings.account_id, urlsplit(settings.public_url).netloc)
        self._waiting: deque[events.Entry] = deque()
        self._rows: list[dict] = []
        """A batch that could not be written yet."""
        self._is_away = self._line_is_torn = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._something_to_do, self._stopping = threading.Event(), threading.Event()

    def operation(self, name: str, request: dict, caller: Caller) -> "Recording":
        """For a with block in which the operation runs: its entry, which is recorded at the block's end."""
        return Recording(self, events.of_call(name, request, caller, self.clock())) if self.is_on else NOT_RECORDED

    @contextmanager
    def shell(self, name: str, **parameters) -> Iterator[None]:
        """A with block in which an operator does something that is no operation: what it changes is recorded by it."""
        entry = events.ShellEntry(name, self.clock(), None, parameters=parameters)
        token = events.under_way.set(entry if self.is_on else None)
        try:
            with Recording(self, entry) if self.is_on else NOT_RECORDED:
                yield
        finally:
            events.under_way.reset(token)

    def of_change(self, entry: events.Entry) -> dict:
        """The row of a change's event, to be written in the transaction of the change."""
        return self._row(entry) | {"user_id": entry.about.get("user")}

    def end(self, entry: events.Entry) -> None:
        """The call is over: what is not in the database with its change is written soon."""
        if entry.kept and entry.error:  # it failed after a part of it was committed: that is an event of its own
            entry.kept, entry.number = "", next(events.numbers)
        if entry.kept:
            if self._log:
                self._wait(entry)
        elif entry.error or (entry.stands_alone and not (self._only_changes and entry.is_read)):
            self._wait(entry)

    def _wait(self, entry: events.Entry) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        if entry.source and entry.source.size > events.LARGE:
            entry.parameters = None
        self._waiting.append(entry)
        if not self._something_to_do.is_set():
            self._something_to_do.set()
            self._start()

    def _start(self) -> None:
        """The thread starts with the first event, not with the backend: it would not survive the fork of a worker."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting, suppress(RuntimeError):  # no thread to be had now: the next event tries again
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="audit trail", daemon=True)
                self._thread.start()
                Finalize(self, Trail.stop, args=(self,), exitpriority=1)  # atexit is not for worker processes

    def stop(self) -> None:
        """Write what waits, and end the thread."""
        self._stopping.set()
        self._something_to_do.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._something_to_do.wait()
            self._stopping.wait(PAUSE_SECONDS)
            self._something_to_do.clear()
            if not self.flush():
                self._stopping.wait(RETRY_SECONDS)
                self._something_to_do.set()
        self.flush()

    def flush(self) -> bool:
        """Write what waits; False where the database does not take it."""
        with self._writing:
            while self._rows or self._waiting:
                if not self._rows:
                    self._rows = self._next_batch()
                if not self._write():
                    return False
        return True

    def _next_batch(self) -> list[dict]:
        """Rows of the next entries. Their log lines are written here: each once, whatever becomes of the rows."""
        rows, lines = [], []
        for _ in range(min(BATCH, len(self._waiting))):
            entry = self._waiting.popleft()
            if not entry.kept:
                rows.append(self._row(entry))
            lines.append(entry.kept or rows[-1]["record"])
        if self._log:
            self._write_log(lines)
        return rows

    def _write(self) -> bool:
        try:
            if self._rows:
                self._insert(self._rows)
        except SQLAlchemyError:
            if not self._is_away:
                log.warning("events of the audit trail wait: the database does not take them", exc_info=True)
            self._is_away = True
            return False
        if self._is_away:
            log.warning("events of the audit trail are written again", extra={"fields": {"lost": self.lost}})
        self._rows, self._is_away = [], False
        return True

    def _insert(self, rows: list[dict]) -> None:
        with self._engine.connect() as connection:
            database.begin_writing(connection, lasting=False)  # a power cut takes what still waits, too
            try:
                prepared.add(connection, _INSERT, rows)
            except IntegrityError:  # some are there: a commit whose answer was lost
                connection.rollback()
                ids = select(Event.id).where(Event.id.in_([row["id"] for row in rows]))
                there = set(connection.scalars(ids))
                if rest := [row for row in rows if row["id"] not in there]:
                    prepared.add(connection, _INSERT, rest)
            connection.commit()

    def _row(self, entry: events.Entry) -> dict:
        event_id = events.new_id(entry.at, entry.number, self._random(8))
        event = entry.event(event_id, self._place)
        record = json_text.write(event, datetime.isoformat)
        if len(record) > LONGEST_RECORD:
            record = json_text.write({**event, "requestParameters": None, "responseElements": None}, datetime.isoformat)
        user_id = None if entry.is_read and not entry.error else entry.about.get("user")
        return {"id": event_id, "name": entry.name, "user_id": user_id, "pool_id": entry.pool_id, "record": record}

    def _write_log(self, lines: list[str]) -> None:
        """One line a record. The file is opened for each batch, so that it may be rotated under us."""
        text = "".join(f"{line}\n" for line in lines).encode()
        if self._line_is_torn:
            text = b"\n" + text
        left = len(text)
        try:
            file = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                while left:
                    left -= os.write(file, text[-left:])
            finally:
                os.close(file)
        except OSError as error:
            self.lost += text[-left:].count(b"\n")
            log.warning("the audit log cannot be written: %s", error.strerror, extra={"fields": {"lost": self.lost}})
        self._line_is_torn = 0 < left < len(text)


class Recording:
    """A with block around a call: gives its entry, notes how it ended, records it."""

    __slots__ = ("_trail", "_entry")

    def __init__(self, trail: Trail | None, entry: events.Entry | None):
        self._trail, self._entry = trail, entry

    def __enter__(self) -> events.Entry | None:
        return self._entry

    def __exit__(self, kind, error, trace) -> None:
        if self._entry is None:
            return
        if error is not None:
            self._entry.refuse(error)
        self._trail.end(self._entry)


NOT_RECORDED = Recording(None, None)
