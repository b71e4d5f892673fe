"""One structured line per request: id, what was asked, of which pool and client, how it ended, how long it took.

Owns the log's form. Nothing is taken from bodies, queries, cookies or headers but the
names above, so that no password, code or token can be in it.
"""

import json
import logging
import sys
import time
import uuid

from flask import Flask, Response, g, request

from authservice.contract import about

log = logging.getLogger("authservice")


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
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


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
                  "pool": g.get("pool_id") or about.get().get("pool"),
                  "client": g.get("client_id") or about.get().get("client"),
                  "outcome": g.get("outcome") or response.status_code,
                  "ms": round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None}
        log.info("request", extra={"fields": {name: value for name, value in fields.items() if value is not None}})
        return response
