"""Who is of this machine: the question that the development conveniences ask before they open.

Owns the answer for one request. Does not own what is open to whom (api.py, outbox.py). It
cannot be certain behind a proxy that hides itself, so the first lines of a start say what is open.
"""

import re

HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
NAMES = {"localhost", "127.0.0.1", "[::1]"}
ADDRESSES = (None, "127.0.0.1", "::1")
PROXY_HEADERS = frozenset(("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP",
                           "HTTP_VIA"))
"""As WSGI names them."""


def sent(environ: dict) -> bool:
    """Whether a request, as WSGI has it, came from this machine itself, from no other host and through no proxy.

    A page from anywhere can make a browser send requests to loopback: its Origin tells, and for a
    rebound DNS name the Host. A proxy tells by its headers, or by the HTTP/1.0 that some still speak.
    """
    old = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
    return (environ.get("REMOTE_ADDR") in ADDRESSES and PROXY_HEADERS.isdisjoint(environ) and not old
            and is_ours(environ.get("HTTP_HOST", "")) and _origin_is_ours(environ.get("HTTP_ORIGIN")))


def is_ours(host: str) -> bool:
    """Whether a Host header, `name[:port]`, names this machine: loopback, or a name below localhost."""
    found = HOST.fullmatch(host.lower())
    return found is not None and (found["name"] in NAMES or found["name"].endswith(".localhost"))


def _origin_is_ours(origin: str | None) -> bool:
    return origin is None or is_ours(re.sub(r"^https?://", "", origin))
