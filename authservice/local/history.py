"""Looking events up in the audit trail, newest first, and removing old ones.

Source: CloudTrail's LookupEvents, by its attributes EventName and Username among others.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from authservice.audit.events import first_id
from authservice.local.call import Call
from authservice.local.models import Event

PAGE = 200
"""Events that one query brings."""


def look_up(call: Call, name: str | None = None, user: str | None = None, pool: str | None = None,
            since: datetime | None = None) -> Iterator[dict]:
    """The events that have all of these, newest first; `user` is a sub, `since` the earliest time."""
    wanted = {Event.name: name, Event.user_id: user, Event.pool_id: pool}
    query = select(Event.id, Event.record).where(*(column == value for column, value in wanted.items() if value))
    if since:
        query = query.where(Event.id >= first_id(since))
    query, last = query.order_by(Event.id.desc()).limit(PAGE), None
    while rows := call.db.execute(query.where(Event.id < last) if last else query).all():
        for last, record in rows:
            yield json.loads(record)
        if len(rows) < PAGE:
            return
