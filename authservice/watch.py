"""Watches requests: of each, once it is answered, what was asked of which pool and client, how it ended, how long.

Owns that one look and what it may hold: nothing of bodies, queries, cookies or headers but the ids named here, so that
no password, code or token can be in it. Does not own who is told: the log (logs.py), the figures (metrics.py), the
traces (tracing.py).
"""

import random
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from flask import Flask, Response, g, request

from authservice.contract import about
from authservice.crypto import ids

ID = re.compile(r"([\w-]{1,30}_)?[\w+]{1,128}", re.ASCII)
METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
"""Any other is a guest's own word."""


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


def new_id() -> str:
    """An id for a request, a random UUID. It opens nothing, so it need not be one that nobody can guess."""
    return ids.uuid4(random.randbytes(16))


def requests(app: Flask, *tellers: Callable[[Seen], None]) -> None:
    """Tell of every request of the app when it is answered. A teller must not raise."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        about.set({})

    @app.after_request
    def look(response: Response) -> Response:
        seen = _seen(g.__dict__, response.status_code)
        for tell in tellers:
            tell(seen)
        return response


def _seen(known: dict, status: int) -> Seen:
    # `known` is what the doors left in g.
    last = about.get()
    return Seen(known.get("request_id") or new_id(),
                known.get("operation") or _route(),
                _plausible(known.get("pool_id")) or last.get("pool"),
                _plausible(known.get("client_id")) or last.get("client"),
                known.get("outcome") or status, status,
                time.perf_counter() - known["began"] if "began" in known else 0.0,
                known.get("trace_id"))


def _route() -> str:
    method, rule = request.method, request.url_rule
    return f"{method if method in METHODS else 'other'} {rule.rule if rule else 'unknown path'}"


def _plausible(asked: str | None) -> str | None:
    """An id as the request has it, unless it is none: what a guest writes in its place is not kept."""
    return asked if asked and ID.fullmatch(asked) else None
