"""JSON as text, for what every request has: its body, its answer, its event, and what it reads of the database.

Owns that orjson does it, at a tenth of what Python's own json costs, and in which form: ASCII, for in a log or a
terminal other characters may be orders. What orjson refuses, Python's own reads and writes, such as halves of surrogate
pairs; but a whole number beyond 64 bits is read as a float. Does not own what crypto/ signs and checks.
"""

import json
from collections.abc import Callable

import orjson

OTHERS_ARE_NO_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
DELETE = b"\x7f"


def read(data: bytes | str):
    """The value; ValueError or RecursionError for what is no JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def write(value, default: Callable | None = None) -> str:
    """The text, without spaces. `default` makes a value that JSON has of another, also of a date."""
    try:
        text = orjson.dumps(value, default, OTHERS_ARE_NO_JSON)
        if text.isascii() and DELETE not in text:
            return text.decode()
    except orjson.JSONEncodeError:
        pass
    return json.dumps(value, default=default, separators=(",", ":"))
