"""JSON as text, for what every request has: its body, its answer, its event, and what it reads of the database.

Owns that orjson does it, at a tenth of what Python's own json costs, and in which form: ASCII, for in a log or a
terminal other characters may be orders. What orjson does not know, Python's own does: other characters' escapes,
halves of surrogate pairs, numbers beyond 64 bits, NaN. Does not own what crypto/ signs and checks.
"""

import json
from collections.abc import Callable

import orjson


def read(data: bytes | str):
    """The value; ValueError or RecursionError for what is no JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def write(value, default: Callable | None = None) -> str:
    """The text, without spaces. `default` makes a value that JSON has of another, also of a date."""
    try:
        text = orjson.dumps(value, default, orjson.OPT_PASSTHROUGH_DATETIME)
        if text.isascii():
            return text.decode()
    except orjson.JSONEncodeError:
        pass
    return json.dumps(value, default=default, separators=(",", ":"))
