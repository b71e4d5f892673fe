"""Pages of a list: a page ends with a token that leads to the next one.

Owns the tokens and the keyset query behind them: the rows after the last one shown,
so that rows that come or go meanwhile never shift a page. Does not own what is listed.
"""

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from authservice.errors import CognitoError, invalid_parameter
from authservice.local.call import Call
from authservice.local.database import UTCDateTime

LIFE = timedelta(hours=1)
LARGEST = 60
MAC_BYTES = 32


def page(call: Call, query: Select, keys: Sequence[InstrumentedAttribute], *, listing: tuple[str, ...],
         size: int | None = None, token: str | None = None) -> tuple[list, str | None]:
    """The rows of one page of `query`, and the token of the next page (None on the last).

    `keys` are columns, none of them NULL, whose values order the rows and name one alone. `listing` says
    what is listed (operation, pool, filter, ...): a token of another listing, an altered one, or one
    older than an hour is refused with InvalidParameterException. `size` 0 or None means 60.
    """
    size = min(size or LARGEST, LARGEST)
    if token is not None:
        after = _read(call, listing, token)
        query = query.where(tuple_(*keys) > tuple_(*(literal(_value(key, text), key.type)
                                                     for key, text in zip(keys, after, strict=True))))
    rows = list(call.db.scalars(query.order_by(*keys).limit(size + 1)).unique())
    if len(rows) <= size:
        return rows, None
    last = [getattr(rows[size - 1], key.key) for key in keys]
    return rows[:size], _write(call, listing, [v.isoformat() if isinstance(v, datetime) else v for v in last])


def member(token: str | None, name: str = "NextToken") -> dict:
    """The answer's member for the next page: absent on the last one."""
    return {name: token} if token else {}


def _value(key: InstrumentedAttribute, stored):
    return datetime.fromisoformat(stored) if isinstance(key.type, UTCDateTime) else stored


def _write(call: Call, listing: tuple[str, ...], after: list) -> str:
    body = json.dumps([(call.now + LIFE).timestamp(), *after], separators=(",", ":"))
    return base64.urlsafe_b64encode(_mac(call, listing, body) + body.encode()).decode().rstrip("=")


def _read(call: Call, listing: tuple[str, ...], token: str) -> list:
    """The key values a token stands for; its MAC covers the listing, so it opens no other."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body = raw[MAC_BYTES:].decode()
    except ValueError:
        raise _refusal() from None
    if not hmac.compare_digest(raw[:MAC_BYTES], _mac(call, listing, body)):
        raise _refusal()
    expires, *after = json.loads(body)
    if call.now.timestamp() >= expires:
        raise _refusal()
    return after


def _mac(call: Call, listing: tuple[str, ...], body: str) -> bytes:
    return call.vault.mac("page", json.dumps([*listing, body]))


def _refusal() -> CognitoError:
    return invalid_parameter("Invalid pagination token")
