"""Browser sessions: who is signed in at a browser, by the id in its cookie.

Owns reading and ending them. Does not own how one begins (authentication/sign_in.py) nor the cookie
(browser.py).
"""

from sqlalchemy import delete, update
from sqlalchemy.orm.exc import StaleDataError

from authservice.local.call import Call, digest
from authservice.local.models import BrowserSession


def find(call: Call, pool_id: str, session_id: str | None) -> BrowserSession | None:
    """The living session of this id in this pool, of a user who may still sign in."""
    row = call.db.get(BrowserSession, digest(session_id)) if session_id else None
    if row is None or row.pool_id != pool_id or call.now >= row.expires_at:
        return None
    return row if row.user.enabled and row.user.status != "RESET_REQUIRED" else None


def keep_alive(call: Call, session: BrowserSession) -> None:
    """Promise that the session still is there when the call commits; if it was ended meanwhile the call runs
    again, and finds nobody signed in."""
    call.claim(update(BrowserSession).where(BrowserSession.id == session.id)
               .values(expires_at=BrowserSession.expires_at),
               lambda: StaleDataError("the browser session was ended meanwhile"))


def end(call: Call, pool_id: str, session_id: str | None) -> None:
    """End the session on the server: the cookie is worth nothing afterwards, wherever a copy of it may be."""
    if session_id:
        call.also(delete(BrowserSession).where(BrowserSession.id == digest(session_id),
                                               BrowserSession.pool_id == pool_id))
