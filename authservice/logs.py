"""The log: one JSON object a line, on standard error; one line a request.

Owns the log's form and its way out. What a request's line may hold is watch.py's.
"""

import json
import logging
import os
import time
import traceback
from functools import lru_cache

from authservice.watch import Seen

log = logging.getLogger("authservice")
written_to = 2
"""File descriptor of the log."""
PROBES = frozenset(f"{method} {path}" for method in ("GET", "HEAD") for path in ("/healthz", "/readyz", "/metrics"))
"""What machines ask every few seconds: told at DEBUG."""


def set_up(level: str) -> None:
    """Write what is logged to standard error, one JSON object a line."""
    if not log.handlers:
        handler = Lines()
        handler.setFormatter(JsonLines())
        log.addHandler(handler)
        log.propagate = False
    log.setLevel(level.upper())


def _write(line: str) -> None:
    """Write a line at once and whole, so that those of several workers do not mix. One that cannot be written, for the
    disk is full or nobody reads, is lost: nothing fails that could be done without it."""
    try:
        os.write(written_to, line.encode() + b"\n")
    except OSError:
        pass


class Lines(logging.Handler):
    """Writes records to the log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self.format(record))
        except Exception:  # a line that has no form is the log's own fault
            self.handleError(record)


class JsonLines(logging.Formatter):
    """A record as JSON: time, level, message, and the members given as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _local_time(int(record.created)), "level": record.levelname, "message": record.getMessage(),
                **getattr(record, "fields", {})}
        if record.exc_info:
            line["trace"] = trace(record.exc_info[1])
        return json.dumps(line)


@lru_cache(maxsize=1)
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(second))


def trace(error: BaseException) -> str:
    """Where an error came from and what kind it is, but not its words: a database's name the row it refused."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    kinds = []
    while error is not None:
        kinds.append(f"{type(error).__module__}.{type(error).__name__}")
        error = error.__cause__ or error.__context__
    return " <- ".join(kinds) + " | " + " > ".join(places)


def tell(seen: Seen) -> None:
    """Write the line of an answered request; without a LogRecord, whose making costs as much again."""
    level = "DEBUG" if seen.operation in PROBES else "INFO"
    if not log.isEnabledFor(getattr(logging, level)):
        return
    # Ids and the names of operations and routes need no escapes.
    known = "".join(f'"{name}": "{value}", ' for name, value in
                    (("pool", seen.pool), ("client", seen.client), ("trace_id", seen.trace_id)) if value)
    outcome = seen.outcome if type(seen.outcome) is int else json.dumps(seen.outcome)
    _write(f'{{"time": "{_local_time(int(time.time()))}", "level": "{level}", "message": "request", "id": "{seen.id}", '
           f'"operation": "{seen.operation}", {known}"outcome": {outcome}, "ms": {seen.seconds * 1000:.1f}}}')
