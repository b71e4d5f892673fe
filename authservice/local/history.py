"""Looking events up in the audit trail, newest first, and removing old ones.

Source: CloudTrail's LookupEvents, by its attributes EventName and Username among others.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from authservice.audit.events import first_id
from authservice.local.accounts import directory
from authservice.local.call import Call
from authservice.local.models import Event, Pool

WHO = {"Unknown": "anonymous", "AWSService": "page", "Root": "shell"}
PAGE = 200
"""Events that one query brings."""


def look_up(call: Call, name: str | None = None, user: str | None = None, pool: str | None = None,
            since: datetime | None = None, reads: bool = False) -> Iterator[dict]:
    """The events that have all of these, newest first; `user` is a sub, `since` the earliest time.

    Of a user's events those that only read are found with `reads`, which looks into every event since then.
    """
    wanted = {Event.name: name, Event.pool_id: pool, Event.user_id: None if reads else user}
    query = select(Event.id, Event.record).where(*(column == value for column, value in wanted.items() if value))
    if user and reads:
        query = query.where(Event.record.contains(f'"sub":"{user}"', autoescape=True))
    if since:
        query = query.where(Event.id >= first_id(since))
    query, last = query.order_by(Event.id.desc()).limit(PAGE), None
    while rows := call.db.execute(query.where(Event.id < last) if last else query).all():
        for last, record in rows:
            yield json.loads(record)
        if len(rows) < PAGE:
            return


def sub_of(call: Call, pool_id: str | None, name: str | None) -> str | None:
    """The sub that a name stands for in this pool; without a pool, or for a user who is gone, it must be the sub."""
    pool = call.db.get(Pool, pool_id) if pool_id and name else None
    user = pool and directory.find_user(call, pool, name)
    return user.id if user else name


def in_a_line(event: dict) -> str:
    """An event for people: when, what, how it ended, who asked from where, and about whom."""
    identity, more = event["userIdentity"], event.get("additionalEventData") or {}
    who = identity.get("accessKeyId") or WHO.get(identity.get("type", ""), "page")
    told = [event["eventTime"], f"{event['eventName']:32}", f"{event.get('errorCode', 'ok'):28}", f"{who:10}",
            event["sourceIPAddress"] or "-", more.get("sub", "")]
    return "  ".join(told).rstrip()
