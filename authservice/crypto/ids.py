"""Random UUIDs (RFC 9562, version 4) as text; the standard library's object for one costs five times as much.

Does not own where the randomness is from.
"""


def uuid4(random: bytes) -> str:
    """The UUID of 16 random bytes, 122 bits of which it keeps; in lower case."""
    digits = random.hex()
    variant = "89ab"[random[8] >> 4 & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
