"""Removing what has expired. Nothing depends on it: an expired row is refused whether or not it is still there."""

from sqlalchemy import delete

from authservice.local.call import Call
from authservice.local.models import (Attempts, AuthorizationCode, BrowserSession, ChallengeSession, Code,
                                      RefreshToken, SignIn)

EXPIRING = (ChallengeSession, Code, AuthorizationCode, BrowserSession, Attempts, RefreshToken, SignIn)


def prune(call: Call) -> int:
    """Delete expired rows of every kind; gives their number."""
    from authservice.local import database
    database.begin_writing(call.db)
    removed = sum(call.db.execute(delete(table).where(table.expires_at < call.now),
                                  execution_options={"synchronize_session": False}).rowcount for table in EXPIRING)
    call.db.commit()
    return removed
