"""Watches requests: of each, once it is answered, what was asked of which pool and client, how it ended, how long.

Owns that one look and what it may hold: nothing of bodies, queries, cookies or headers but the ids named here, so that
no password, code or token can be in it. Does not own who is told: the log (logs.py), the figures (metrics.py), the
traces (tracing.py).
"""

import random
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple

from flask import Flask, Response, g, request

from authservice.contract import about
from authservice.crypto import ids

ID = re.compile(r"([\w-]{1,30}_)?[\w+]{1,128}", re.ASCII)
METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
OTHER = "other"
"""Any other is a guest's own word."""

trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Of the request that is being answered, where there are traces."""


class Seen(NamedTuple):
    """An answered request."""

    id: str
    operation: str
    """Cognito's name, or method and route; never a path as a guest wrote it."""
    pool: str | None
    client: str | None
    outcome: str | int
    """The error's code where there is one, else the HTTP status."""
    status: int
    seconds: float
    trace_id: str | None = None
    """Of the span, where there is one."""
    method: str = ""
    route: str | None = None


def new_id() -> str:
    """An id for a request, a random UUID. It opens nothing, so it need not be one that nobody can guess."""
    return ids.uuid4(random.randbytes(16))


class Watch:
    """Tells of every request when it is answered. A teller must not raise."""

    def __init__(self, *tellers: Callable[[Seen], None]):
        self._tellers = tellers

    def requests(self, app: Flask) -> None:
        """Watch those of a Flask app."""
        @app.before_request
        def begin() -> None:
            g.began = self.began()

        @app.after_request
        def look(response: Response) -> Response:
            rule = request.url_rule
            self.saw(g.__dict__, response.status_code, request.method, rule and rule.rule)
            return response

    def began(self) -> float:
        """A request begins; gives the moment, for `known`."""
        about.set({})
        return time.perf_counter()

    def saw(self, known: dict, status: int, method: str, route: str | None) -> None:
        """A request is answered; `known` is what its door has noted."""
        last, method = about.get(), method if method in METHODS else OTHER
        seen = Seen(known.get("request_id") or new_id(),
                    known.get("operation") or f"{method} {route or 'unknown path'}",
                    _plausible(known.get("pool_id")) or last.get("pool"),
                    _plausible(known.get("client_id")) or last.get("client"),
                    known.get("outcome") or status, status,
                    time.perf_counter() - known["began"] if "began" in known else 0.0,
                    trace_id.get(), method, route)
        for tell in self._tellers:
            tell(seen)


def _plausible(asked: str | None) -> str | None:
    """An id as the request has it, unless it is none: what a guest writes in its place is not kept."""
    return asked if asked and ID.fullmatch(asked) else None
