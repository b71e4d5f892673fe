"""The outbox: one row a message, written in the transaction that causes it: neither is without the other.

Owns writing and listing the rows; the content is sealed. Does not own the words (templates.py)
nor the way out (delivery.py). A medium without a way out stays here, to be read by a developer.
"""

import json
import logging
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import func, select

from authservice.config import Settings
from authservice.local.call import Call
from authservice.local.messaging import templates
from authservice.local.models import OutboxMessage, Pool
from authservice.local.vault import Vault

log = logging.getLogger(__name__)


def has_sink(settings: Settings, medium: str) -> bool:
    """Whether messages of a medium (EMAIL, SMS) leave this installation. SMS has no way out yet."""
    return medium == "EMAIL" and bool(settings.smtp_url)


def post(call: Call, pool: Pool, recipient: str, medium: str, purpose: str, subject: str | None, text: str,
         code: str | None = None, link: str | None = None) -> OutboxMessage:
    """Put a message into the outbox; it is there, and due for delivery, when the call commits.

    `medium` is EMAIL or SMS; `purpose` as the CustomMessage trigger has it (SignUp, ForgotPassword…);
    `subject` and `text` as templates.render gives them; `code` and `link` are what the text carries.
    """
    leaves = has_sink(call.settings, medium)
    if not leaves:
        _say_that_it_stays(call.settings, medium)
    row = OutboxMessage(id=call.uuid(), pool_id=pool.id, recipient=recipient, medium=medium, purpose=purpose,
                        created_at=_after_the_last(call, recipient), tries=0,
                        next_try_at=call.now if leaves else None)
    content = {"subject": subject, "text": text, "code": code, "link": link}
    call.vault.keep(row, "content", json.dumps(content))
    call.db.add(row)
    return row


def _after_the_last(call: Call, recipient: str) -> datetime:
    """Now, or a moment after the recipient's last message: the newest is first even if the clock stands."""
    newest = select(func.max(OutboxMessage.created_at)).where(OutboxMessage.recipient == recipient)
    last = call.db.scalar(newest)
    return call.now if last is None else max(call.now, last + timedelta(microseconds=1))


@lru_cache(maxsize=8)
def _say_that_it_stays(settings: Settings, medium: str) -> None:
    """Log it once for an installation."""
    log.info("%s messages stay in the outbox: no way out is configured for them", medium)


def recent(backend, to: str | None = None, limit: int = 100) -> list[dict]:
    """The newest messages first, all or those to one address: what a developer or an end-to-end test reads.

    Members: id, pool, to, medium, purpose, code, link, subject, text (plain), sent_at (ISO 8601 in UTC).
    Of a delivered message the last five but sent_at are None: it has been erased. sent_at of one that is
    still on its way, or was given up, is None; one that stays in the outbox was sent when it was written.
    """
    rows = select(OutboxMessage).order_by(OutboxMessage.created_at.desc(), OutboxMessage.id).limit(limit)
    if to:
        rows = rows.where(OutboxMessage.recipient == to)
    return backend.run(lambda call: [_shown(call.vault, row) for row in call.db.scalars(rows)])


def depth(backend) -> tuple[int, float]:
    """How many messages wait to be sent, and for how many seconds the oldest has: what is due or will be tried again."""
    waiting = select(func.count(), func.min(OutboxMessage.created_at)).where(
        OutboxMessage.next_try_at.is_not(None), OutboxMessage.content.is_not(None))
    with backend.engine.connect() as connection:  # beside the calls, however many wait their turn
        number, oldest = connection.execute(waiting).one()
    return number, (backend.tools.clock() - oldest).total_seconds() if oldest else 0.0


def _shown(vault: Vault, row: OutboxMessage) -> dict:
    content = read(vault, row)
    text = content["text"]
    stays = row.next_try_at is None and row.error is None
    sent_at = row.sent_at or (row.created_at if stays else None)
    return {"id": row.id, "pool": row.pool_id, "to": row.recipient, "medium": row.medium,
            "purpose": row.purpose, "code": content["code"], "link": content["link"],
            "subject": content["subject"],
            "text": templates.readable(text) if text and row.medium == "EMAIL" else text,
            "sent_at": sent_at and sent_at.isoformat(timespec="microseconds")}


def read(vault: Vault, row: OutboxMessage) -> dict:
    """A message's subject, text, code and link; all None once erased. ValueError when tampered with."""
    if row.content is None:
        return dict.fromkeys(("subject", "text", "code", "link"))
    return json.loads(vault.read_text(row, "content"))
