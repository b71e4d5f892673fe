"""Removing what has expired. Nothing depends on it: an expired row is refused whether or not it is still there."""

from datetime import timedelta

from sqlalchemy import and_, delete, inspect, select, tuple_

from authservice.audit.events import first_id
from authservice.local import database
from authservice.local.call import Call
from authservice.local.models import (Attempts, AuthorizationCode, BrowserSession, ChallengeSession, Code, Event,
                                      OutboxMessage, RefreshToken, SignIn)

EXPIRING = (ChallengeSession, Code, AuthorizationCode, BrowserSession, Attempts, RefreshToken, SignIn)
GRACE = timedelta(hours=1)
"""So long an expired row stays, and whoever comes with it is told that it has expired."""
BATCH = 500
"""Rows of one kind that one call removes."""
EVERY = timedelta(minutes=1)
"""How often a running backend removes a batch."""
SOON = timedelta(seconds=1)
"""When it comes again while there is more."""
MESSAGES_KEPT = timedelta(days=30)
"""How long a delivered message, or one that stays in the development outbox, is remembered."""


def prune(call: Call) -> int:
    """Delete a batch of expired rows of every kind; gives their number, 0 when there are no more.

    A batch is small, so that nobody waits long for the write lock.
    """
    database.begin_writing(call.db)
    removed = sum(_delete(call, table, table.expires_at < call.now - GRACE) for table in EXPIRING)
    removed += _delete(call, OutboxMessage, and_(OutboxMessage.next_try_at.is_(None),
                                                 OutboxMessage.created_at < call.now - MESSAGES_KEPT))
    removed += _delete(call, Event, Event.id < first_id(call.now - timedelta(days=call.settings.audit_days)))
    call.db.commit()
    return removed


def _delete(call: Call, table, condition) -> int:
    key = [column for column in inspect(table).primary_key]
    some = select(*key).where(condition).limit(BATCH)
    where = tuple_(*key).in_(some) if len(key) > 1 else key[0].in_(some)
    return call.db.execute(delete(table).where(where), execution_options={"synchronize_session": False}).rowcount
