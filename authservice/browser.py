"""Who is at this browser: the cookies, the CSRF token and the security headers of every HTML answer.

Three cookies. `login` holds the state of a journey through the pages, sealed, for at most an hour; it is Flask's
`session`. `cognito.<pool id>` holds the opaque id of a browser session (single sign-on for all app clients of one
pool); whether that session still lives, and since when, is known behind the seam, never here. `lang` names a
language and is nobody's secret.
Does not sign anyone in: hosted/ does that through the seam, oauth/ asks here who is signed in.
Neighbours: hosted/, oauth/; create_app builds SealedSessions.
"""
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import Flask, Request, Response, abort, after_this_request, current_app, g, request, session
from flask.sessions import SecureCookieSession, SessionInterface

JOURNEY_SECONDS = 3600
SIGNED_IN_SECONDS = 3600  # Developer Guide, "Managed login": valid for one hour, a re-use does not extend it
STEPS_SECONDS = 300
LONGEST_ID = 128
"""Characters of a browser session's id; a longer one is not ours, and has no room in the journey's cookie."""
LANGUAGE_SECONDS = 365 * 86400


class SealedSessions(SessionInterface):
    """Flask's `session` in one sealed cookie; a tampered, foreign or expired cookie is an empty session.

    `seal` and `open` are authenticated encryption bound to this purpose; `open` raises on anything it did not
    seal. `https` says how the service is reached from outside (from the public URL, never from the request:
    behind a proxy the request is plain http). `clock` gives seconds since the epoch. `hsts` says whether pages
    bind the browser to https.
    """

    def __init__(self, seal: Callable[[bytes], bytes], open: Callable[[bytes], bytes], https: bool = False,
                 clock: Callable[[], float] = time.time, hsts: bool = False):
        self.seal, self.open, self.https, self.clock, self.hsts = seal, open, https, clock, hsts

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        if "HTTP_COOKIE" not in request.environ:  # a program's request, most likely
            return SecureCookieSession()
        cookie = request.cookies.get(self.cookie("login"), "")
        try:
            written_at, state = json.loads(self.open(base64.urlsafe_b64decode(cookie)))
        except Exception:  # whatever cannot be opened is nobody's, and says nothing about why
            return SecureCookieSession()
        alive = 0 <= self.clock() - written_at < JOURNEY_SECONDS
        return SecureCookieSession(state if alive else None)

    def save_session(self, app: Flask, session: SecureCookieSession, response: Response) -> None:
        if not session.modified:
            return
        if not session:
            response.delete_cookie(self.cookie("login"), **self.attributes)
            return
        state = json.dumps([self.clock(), dict(session)], separators=(",", ":"), ensure_ascii=False).encode()
        value = base64.urlsafe_b64encode(self.seal(state)).decode()
        response.set_cookie(self.cookie("login"), value, max_age=JOURNEY_SECONDS, **self.attributes)

    def cookie(self, name: str) -> str:
        """The cookie's full name: under https the prefix that no other host or path can set (S2)."""
        return f"__Host-{name}" if self.https else name

    @property
    def attributes(self) -> dict:
        return {"path": "/", "secure": self.https, "httponly": True, "samesite": "Lax"}


def _cookies() -> SealedSessions:
    return current_app.session_interface


# Who is signed in

def sign_in(pool_id: str, new_id: str) -> None:
    """Put the browser session into the pool's cookie here and begin the journey's state anew (S1)."""
    replaced = session_id(pool_id)
    session.clear()
    if replaced:
        keep("replaced", [pool_id, replaced], STEPS_SECONDS)
    _answer_with_cookie(f"cognito.{pool_id}", new_id, SIGNED_IN_SECONDS)


def session_id(pool_id: str) -> str | None:
    """The id of the pool's browser session that this browser shows; the caller asks whether it lives."""
    shown = request.cookies.get(_cookies().cookie(f"cognito.{pool_id}"), "")
    return shown if 0 < len(shown) <= LONGEST_ID else None


def replaced() -> tuple[str, str] | None:
    """Pool and id of the browser session that the sign-in just now has replaced. Its end on the server is the
    caller's, who then drops it here."""
    found = kept("replaced")
    return found and tuple(found)


def pool_ids() -> list[str]:
    """The pools that this browser has a session cookie of, whatever it is worth."""
    prefix = _cookies().cookie("cognito.")
    return [name.removeprefix(prefix) for name in request.cookies if name.startswith(prefix)]


def sign_out(pool_id: str) -> None:
    """Forget the pool's browser session here. Its end on the server is the caller's."""
    session.clear()
    _answer_with_cookie(f"cognito.{pool_id}", "", 0)


def _answer_with_cookie(name: str, value: str, seconds: int) -> None:
    @after_this_request
    def set_cookie(response: Response) -> Response:
        cookies = _cookies()
        response.set_cookie(cookies.cookie(name), value, max_age=seconds, **cookies.attributes)
        return response


# Which language

def language() -> str:
    """The language tag this browser was given last, or whatever else stands in that cookie."""
    return request.cookies.get(_cookies().cookie("lang"), "")


def remember_language(tag: str) -> None:
    """Keep a language tag for a year."""
    _answer_with_cookie("lang", tag, LANGUAGE_SECONDS)


# The journey's state

def keep(name: str, value: object, seconds: int) -> None:
    """Hold a JSON value in the sealed session for at most `seconds`."""
    session[name] = [_cookies().clock() + seconds, value]


def kept(name: str) -> object | None:
    """The value held under the name, unless its time is over."""
    until, value = session.get(name, (0, None))
    if _cookies().clock() < until:
        return value
    drop(name)
    return None


def drop(name: str) -> None:
    """Forget the value held under the name."""
    if name in session:
        del session[name]


def take_step(step: str, query: str) -> None:
    """Mark that a step which exactly this authorize query demanded has just happened: signed-in, chosen,
    consented or denied.
    """
    keep("steps", [_digest(query), sorted({*steps_taken(query), step})], STEPS_SECONDS)


def steps_taken(query: str) -> set[str]:
    """The steps that have just happened for exactly this query."""
    of, steps = kept("steps") or (None, [])
    return set(steps) if of == _digest(query) else set()


def forget_steps() -> None:
    """Once the app has its answer no step counts any more: so `prompt=login` neither loops nor is skipped."""
    drop("steps")


def _digest(query: str) -> str:
    """A request's mark. In which language its pages are read is no part of what the app demanded."""
    demanded = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "lang"]
    return hashlib.sha256(json.dumps(demanded).encode()).hexdigest()


# Forms

def csrf_token() -> str:
    """The token that every form of this browser carries in its field `_csrf`."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return session["csrf"]


def check_csrf() -> None:
    """Refuse (403) a form that was not made for this browser (S4)."""
    sent = request.form.get("_csrf", "")
    if not hmac.compare_digest(sent.encode(), session.get("csrf", "").encode()) or not sent:
        abort(403, "The form is not from this browser, or it was open for too long.")


# Headers

def allow_redirect_to(origin: str) -> None:
    """Let forms of the page now being made end at this origin, an app client's registered redirect URI.

    Chromium holds a form's navigation to the page's `form-action` through every redirect that follows.
    """
    g.form_action = _source(origin)


def _source(origin: str) -> str:
    """The origin as a policy's source; its scheme where the grammar knows no better (IPv6, an app's own)."""
    if re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?", origin):
        return origin
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", origin)
    return scheme.group() if scheme else ""


def secure_headers(response: Response) -> Response:
    """For after_request: give HTML the headers of S6; what a view has set itself stays."""
    if response.mimetype != "text/html":
        return response
    form_action = f"'self' {g.get('form_action', '')}".strip()
    headers = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                                   "img-src 'self' data:; "
                                   f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if _cookies().hsts:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    return response
