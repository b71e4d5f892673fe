"""Removing what has expired. Nothing depends on it: an expired row is refused whether or not it is still there.

Owns which rows go when, and how many at a time. What only its owner ends (users, groups, keys) is not its matter.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, func, inspect, select, tuple_

from authservice.audit.events import first_id
from authservice.local import database
from authservice.local.call import Call
from authservice.local.models import (Attempts, AuthorizationCode, BrowserSession, ChallengeSession, Code, Event,
                                      OutboxMessage, RefreshToken, SignIn)

EXPIRING = (ChallengeSession, Code, AuthorizationCode, BrowserSession, Attempts, RefreshToken, SignIn)
"""In this order: a sign-in goes after its tokens, and after the code that gave it."""
GRACE = timedelta(hours=1)
"""So long an expired row stays, and whoever comes with it is told that it has expired."""
BATCH = 500
"""Rows that one call removes: some ten milliseconds in which nobody else writes to SQLite."""
EVERY = timedelta(minutes=1)
"""How often a running backend removes a batch."""
SOON = timedelta(milliseconds=200)
"""When it comes again while there is more."""
MESSAGES_KEPT = timedelta(days=30)
"""How long a delivered message, or one that stays in the development outbox, is remembered."""


def prune(call: Call) -> int:
    """Delete a batch of what has expired, of one kind after the other; gives the number of rows, 0 at the end."""
    removed = 0
    database.begin_writing(call.db)
    for table, condition in over(call):
        removed += _delete(call, table, condition, BATCH - removed)
        if removed >= BATCH:
            break
    call.db.commit()
    return removed


def sweep(run: Callable[[Callable[[Call], int]], int], removed: Callable[[int], None]) -> None:
    """Delete all that has expired, by `run` of a backend; `removed` is told of each batch.

    Others have the database for as long as each batch took.
    """
    began = time.monotonic()
    while batch := run(prune):
        removed(batch)
        time.sleep(time.monotonic() - began)
        began = time.monotonic()


def waiting(call: Call) -> int:
    """How many rows there are to remove."""
    return sum(call.db.scalar(select(func.count()).select_from(table).where(condition)) for table, condition in over(call))


def over(call: Call) -> list[tuple[type, ColumnElement[bool]]]:
    """Each table that grows by itself, and which of its rows may go; an index finds them."""
    over = [(table, table.expires_at < call.now - GRACE) for table in EXPIRING]
    told = and_(OutboxMessage.next_try_at.is_(None), OutboxMessage.created_at < call.now - MESSAGES_KEPT)
    old = Event.id < first_id(call.now - timedelta(days=call.settings.audit_days))
    return [*over, (OutboxMessage, told), (Event, old)]


def _delete(call: Call, table: type, condition: ColumnElement[bool], most: int) -> int:
    key = inspect(table).primary_key
    some = select(*key).where(condition).limit(most)
    where = tuple_(*key).in_(some) if len(key) > 1 else key[0].in_(some)
    return call.db.execute(delete(table).where(where), execution_options={"synchronize_session": False}).rowcount
