"""Who is at this browser: sessions kept on the server under a random id; the cookie holds the id alone.

Tokens do not belong into a cookie: what the browser never has, nobody can steal from it. Also owns the form
token against forged posts. Does not own: what an account is (account.py).

One dict in one process: the site therefore runs one worker, and a restart signs everybody out.
"""
import hmac
import secrets
import threading
import time
from collections import OrderedDict

from flask import Flask, Request, Response, request, session
from flask.sessions import SessionInterface, SessionMixin

from authservice.demo.problems import Problem

COOKIE = "demo_session"
LIFETIME = 8 * 3600         # seconds, from the last use
LIMIT = 2000                # sessions; the one unused for longest makes room


class Visit(dict, SessionMixin):
    """One request's view of its browser's session: a dict of Python objects under an id that can change."""

    def __init__(self, kept: dict | None = None, id: str | None = None):
        super().__init__(kept or {})
        self.opened_id, self.id = id, id or secrets.token_urlsafe(32)

    def renew(self) -> None:
        """Empty it under a new id, at sign-in and sign-out: an id known before is worth nothing after."""
        self.clear()
        self.id = secrets.token_urlsafe(32)


class ServerSideSessions(SessionInterface):
    """Flask's `session`, kept in memory: bounded, the oldest dropped; an empty one is not kept at all."""

    def __init__(self, *, secure: bool):
        self.secure = secure
        self._kept: OrderedDict[str, tuple[float, dict]] = OrderedDict()    # id: (last use, content)
        self._lock = threading.Lock()

    def open_session(self, app: Flask, request: Request) -> Visit:
        id = request.cookies.get(COOKIE, "")
        with self._lock:
            used, content = self._kept.get(id, (float("-inf"), {}))
        return Visit(content, id) if used > time.monotonic() - LIFETIME else Visit()

    def save_session(self, app: Flask, visit: Visit, response: Response) -> None:
        with self._lock:
            if visit.opened_id and visit.opened_id not in self._kept:
                # Another request has renewed it meanwhile: this one must not revive it, nor learn the new id.
                return
            self._kept.pop(visit.opened_id, None)
            if visit:
                self._kept[visit.id] = (time.monotonic(), dict(visit))
                while len(self._kept) > LIMIT:
                    self._kept.popitem(last=False)
        if visit and visit.id != visit.opened_id:
            response.set_cookie(COOKIE, visit.id, httponly=True, samesite="Lax", secure=self.secure)
        elif not visit and COOKIE in request.cookies:
            response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=self.secure)


def csrf_token() -> str:
    """The token every form carries: another site can make a browser post here, but cannot know it."""
    return session.setdefault("csrf_token", secrets.token_urlsafe(32))


def require_csrf_token() -> None:
    """Refuse a posted form that did not come from a page of this browser's session."""
    if request.method == "POST":
        expected, sent = session.get("csrf_token", ""), request.form.get("csrf_token", "")
        if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
            raise Problem("This form is no longer valid",
                          "Its session has ended, or it was sent from another site.",
                          advice="Go back, load the page again and send the form once more.", status=403)
