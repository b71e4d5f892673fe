"""Who is at this browser: sessions kept here, on the server, under a random id; the cookie holds that id alone.

Tokens do not belong into a cookie: what the browser never has, nobody can steal from it. Also owns the form token
against forged posts. Does not own: what an account is (account.py).

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
    """One browser's session: a plain dict of Python objects with an id that can be changed."""

    def __init__(self):
        super().__init__()
        self.id, self.former_id, self.used = secrets.token_urlsafe(32), None, 0.0

    def renew(self) -> None:
        """Empty it under a new id, at sign-in and sign-out: an id known before the change is worth nothing after."""
        self.clear()
        self.former_id, self.id = self.id, secrets.token_urlsafe(32)


class ServerSideSessions(SessionInterface):
    """Flask's `session`, kept in memory: bounded, the oldest dropped; an empty one is not kept at all."""

    def __init__(self, *, secure: bool):
        self.secure = secure
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def open_session(self, app: Flask, request: Request) -> Visit:
        with self._lock:
            visit = self._visits.get(request.cookies.get(COOKIE, ""))
            return visit if visit is not None and visit.used > time.time() - LIFETIME else Visit()

    def save_session(self, app: Flask, visit: Visit, response: Response) -> None:
        with self._lock:
            self._visits.pop(visit.former_id, None)
            self._visits.pop(visit.id, None)
            if visit:
                visit.used = time.time()
                self._visits[visit.id] = visit
                while len(self._visits) > LIMIT:
                    self._visits.popitem(last=False)
        if visit and request.cookies.get(COOKIE) != visit.id:
            response.set_cookie(COOKIE, visit.id, httponly=True, samesite="Lax", secure=self.secure)
        elif not visit and COOKIE in request.cookies:
            response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=self.secure)


def csrf_token() -> str:
    """The token every form of this site carries: another site can make a browser post here, but cannot know it."""
    return session.setdefault("csrf_token", secrets.token_urlsafe(32))


def require_csrf_token() -> None:
    """Refuse a posted form that did not come from a page of this browser's session."""
    if request.method == "POST":
        expected, sent = session.get("csrf_token", ""), request.form.get("csrf_token", "")
        if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
            raise Problem("This form is no longer valid", "Its session has ended, or it was sent from another site.",
                          advice="Go back, load the page again and send the form once more.", status=403)
