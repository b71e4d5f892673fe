"""One structured line per request: id, what was asked of which pool and client, how it ended, how long.

Owns the log's form. Nothing is taken from bodies, queries, cookies or headers but the
names above, so that no password, code or token can be in it.
"""

import json
import logging
import re
import sys
import time
import traceback
import uuid

from flask import Flask, Response, g, request

from authservice.contract import about

log = logging.getLogger("authservice")
ID = re.compile(r"([\w-]{1,30}_)?[\w+]{1,128}", re.ASCII)


def set_up(level: str) -> None:
    """Write the log to standard error, one JSON object a line."""
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        log.addHandler(handler)
        log.propagate = False
    log.setLevel(level.upper())


class JsonLines(logging.Formatter):
    """A record as JSON: time, level, message, and the members given as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"), "level": record.levelname,
                "message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info:
            line["trace"] = trace(record.exc_info[1])
        return json.dumps(line)


def trace(error: BaseException) -> str:
    """Where an error came from and what kind it is, but not its words: a database's name the row it refused."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    kinds = []
    while error is not None:
        kinds.append(f"{type(error).__module__}.{type(error).__name__}")
        error = error.__cause__ or error.__context__
    return " <- ".join(kinds) + " | " + " > ".join(places)


def log_requests(app: Flask) -> None:
    """Log every request of the app when it is answered."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        about.set({})

    @app.after_request
    def write(response: Response) -> Response:
        fields = {"id": g.get("request_id") or str(uuid.uuid4()),
                  "operation": g.get("operation") or f"{request.method} {request.url_rule or 'unknown path'}",
                  "pool": _plausible(g.get("pool_id")) or about.get().get("pool"),
                  "client": _plausible(g.get("client_id")) or about.get().get("client"),
                  "outcome": g.get("outcome") or response.status_code,
                  "ms": round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None}
        told = {name: value for name, value in fields.items() if value is not None}
        log.info("request", extra={"fields": told})
        return response


def _plausible(asked: str | None) -> str | None:
    """An id as the request has it, unless it is none: what a guest writes in its place is not kept."""
    return asked if asked and ID.fullmatch(asked) else None
