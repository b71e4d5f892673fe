"""Who is of this machine: the question that the development conveniences ask before they open.

Owns the answer for one request. Does not own what is open to whom (api.py, outbox.py). It
cannot be certain behind a proxy that hides itself, so the first lines of a start say what is open.
"""

import re

from flask import Request

HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
NAMES = {"localhost", "127.0.0.1", "[::1]"}
ADDRESSES = (None, "127.0.0.1", "::1")
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def sent(request: Request) -> bool:
    """Whether a request came from this machine itself, from no other host and through no proxy.

    A page from anywhere can make a browser send requests to loopback: its Origin tells, and for a
    rebound DNS name the Host. A proxy tells by its headers, or by the HTTP/1.0 that some still speak.
    """
    proxied = any(name in request.headers for name in PROXY_HEADERS)
    old = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
    return (request.remote_addr in ADDRESSES and not proxied and not old
            and is_ours(request.headers.get("Host", "")) and _origin_is_ours(request.headers.get("Origin")))


def is_ours(host: str) -> bool:
    """Whether a Host header, `name[:port]`, names this machine: loopback, or a name below localhost."""
    found = HOST.fullmatch(host.lower())
    return found is not None and (found["name"] in NAMES or found["name"].endswith(".localhost"))


def _origin_is_ours(origin: str | None) -> bool:
    return origin is None or is_ours(re.sub(r"^https?://", "", origin))
