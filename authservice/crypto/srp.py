"""SRP-6a as Cognito's clients compute it: the server's half of USER_SRP_AUTH and DEVICE_SRP_AUTH.

Owns the arithmetic, the key derivation and the signature a client must answer with. Knows nothing of
challenges, users or storage; the caller keeps salt, verifier and b, and compares signatures in constant
time.

Sources: RFC 2945, RFC 5054 (formulas), RFC 3526 group 15 (N), RFC 5869 (HKDF), and the public client
libraries for what the RFCs do not say: g = 2, the padding rule, the key's label.
"""

import hashlib
import hmac
import math
import re
from datetime import datetime, timezone
from itertools import accumulate, repeat

from gmpy2 import mpz, powmod, powmod_sec

N = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
G = 2
EXPONENT_BYTES, DIGIT = 32, 64
"""Of b: its length, and the base in which its digits are read."""
_LABEL = b"Caldera Derived Key"
_LONGEST_PUBLIC = 770  # hex digits of pad(N): its 768, and the 00 that pad puts before a high first bit
_PUBLIC = re.compile(r"[0-9a-fA-F]{1,%d}" % _LONGEST_PUBLIC)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_TIMESTAMP = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (%s) ([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) UTC ([0-9]{4})"
    % "|".join(_MONTHS)
)
_N = mpz(N)


def pad(number: int) -> bytes:
    """The two's-complement bytes of a non-negative number (Java's BigInteger.toByteArray): a leading 00
    when the first bit would be 1, no other leading zeros. This, not the RFC's fixed width, is what clients
    hash."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _integer_hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


K = _integer_hash(pad(N), pad(G))


def _identity(pool_id: str, username: str) -> bytes:
    return (pool_id.split("_", 1)[-1] + username).encode()


def _private_key(pool_id: str, username: str, password: str, salt: bytes) -> int:
    inner = hashlib.sha256(_identity(pool_id, username) + b":" + password.encode()).digest()
    # The salt is hashed as a number: clients read it from hex, so its leading zero bytes do not count.
    return _integer_hash(pad(int.from_bytes(salt, "big")), inner)


# powmod_sec takes the same path whatever the exponent's bits, for about 1.4 times the cost of powmod. The
# secret exponents x and b go through it, but for g^b, where b lives for one sign-in; u is public.


def verifier(pool_id: str, username: str, password: str, salt: bytes) -> int:
    """v = g^x mod N: what is stored instead of the password.

    `username` is USER_ID_FOR_SRP, the real username. For a device, pass its group key (which holds no
    underscore) as `pool_id` and its device key as `username`. Text that is not Unicode (a lone surrogate)
    is a ValueError.
    """
    return int(powmod_sec(G, _private_key(pool_id, username, password, salt), _N))


def public_b(verifier: int, b: int) -> int:
    """B = (k·v + g^b) mod N. `b` is the caller's 256 random bits, kept until the answer comes; 0 and what is
    longer is a ValueError."""
    if not 0 < b < 1 << 8 * EXPONENT_BYTES:
        raise ValueError("b is not of 1 to 256 bits")
    power, left = mpz(1), b
    for powers in _POWERS_OF_G:
        power = power * powers[left % DIGIT] % _N
        left //= DIGIT
    return int((K * verifier + power) % _N)


def _powers_of_g() -> list[list[mpz]]:
    """g^(d·DIGIT^i) mod N for the i-th digit of an exponent and each value d of it: so a power of g is 43 products, in
    an eighth of powmod_sec's time.

    2N is added to each, so that all are numbers of one length and the time of a product does not tell the digit.
    """
    rows, base = [], mpz(G)
    for _ in range(math.ceil(8 * EXPONENT_BYTES / math.log2(DIGIT))):
        row = list(accumulate(repeat(base, DIGIT - 1), lambda power, base: power * base % _N, initial=mpz(1)))
        rows.append([power + 2 * _N for power in row])
        base = row[-1] * base % _N
    return rows


_POWERS_OF_G = _powers_of_g()  # made in 10 ms, before workers are forked: they share its 1.3 MB


def parse_public(text: str) -> int:
    """A client's SRP_A. ValueError unless it is 1 to 770 hex digits and A mod N is not 0: with A = 0, N, 2N
    … the shared secret is 0 whatever the password (RFC 5054 section 2.5.4)."""
    if not isinstance(text, str) or not _PUBLIC.fullmatch(text):
        raise ValueError("SRP_A is not a hexadecimal number of this group")
    number = int(text, 16)
    if number % N == 0:
        raise ValueError("SRP_A is a multiple of N")
    return number


def session_key(a_public: int, b: int, b_public: int, verifier: int) -> bytes:
    """The 16-byte key both sides share if the client knew the password: HKDF of S = (A·v^u)^b mod N.

    ValueError when A mod N is 0 or u is 0, where S would not depend on the password.
    """
    if a_public % N == 0:
        raise ValueError("SRP_A is a multiple of N")
    u = _integer_hash(pad(a_public), pad(b_public))
    if u == 0:
        raise ValueError("u is zero")
    secret = int(powmod_sec(a_public * powmod(verifier, u, _N) % _N, b, _N))
    extracted = hmac.digest(pad(u), pad(secret), "sha256")
    return hmac.digest(extracted, _LABEL + b"\x01", "sha256")[:16]


def signature(key: bytes, pool_id: str, username: str, secret_block: bytes, timestamp: str) -> bytes:
    """The 32 bytes whose base64 a client must send as PASSWORD_CLAIM_SIGNATURE. `secret_block` is decoded,
    `timestamp` is the text as sent. For a device: group key and device key, as in `verifier`."""
    return hmac.digest(key, _identity(pool_id, username) + secret_block + timestamp.encode(), "sha256")


def parse_timestamp(text: str) -> datetime:
    """A client's TIMESTAMP, `Tue Sep 5 07:04:09 UTC 2023`, as an aware datetime; English whatever the locale.

    A leading zero before the day is let pass, because client libraries differ; anything else is a ValueError.
    """
    found = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError("TIMESTAMP is not of the form EEE MMM d HH:mm:ss UTC yyyy")
    month = _MONTHS.index(found[1]) + 1
    day, hour, minute, second, year = (int(number) for number in found.groups()[1:])
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
