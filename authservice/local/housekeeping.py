"""Removing what has expired. Nothing depends on it: an expired row is refused whether or not it is still there."""

from datetime import timedelta

from sqlalchemy import delete

from authservice.local.call import Call
from authservice.local.models import (Attempts, AuthorizationCode, BrowserSession, ChallengeSession, Code,
                                      OutboxMessage, RefreshToken, SignIn)

EXPIRING = (ChallengeSession, Code, AuthorizationCode, BrowserSession, Attempts, RefreshToken, SignIn)
MESSAGES_KEPT = timedelta(days=30)
"""How long a delivered message, or one that stays in the development outbox, is remembered."""


def prune(call: Call) -> int:
    """Delete expired rows of every kind; gives their number."""
    from authservice.local import database
    database.begin_writing(call.db)
    removed = sum(call.db.execute(delete(table).where(table.expires_at < call.now),
                                  execution_options={"synchronize_session": False}).rowcount for table in EXPIRING)
    old_messages = delete(OutboxMessage).where(OutboxMessage.next_try_at.is_(None),
                                               OutboxMessage.created_at < call.now - MESSAGES_KEPT)
    removed += call.db.execute(old_messages, execution_options={"synchronize_session": False}).rowcount
    call.db.commit()
    return removed
