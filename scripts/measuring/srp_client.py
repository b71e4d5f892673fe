"""The client's half of a sign-in by SRP, as Cognito's client libraries compute it (see authservice/crypto/srp.py).

Owns nothing but that arithmetic. One A serves for all sign-ins: for the server that makes no difference, since its b
is drawn anew each time.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timezone

from gmpy2 import powmod

from authservice.crypto.srp import G, N

from .world import PASSWORD


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


def _bytes(number: int) -> bytes:
    """As clients hash a number: no leading zeros, but one where the first bit would be set."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


a = secrets.randbits(256)
A_NUMBER = int(powmod(G, a, N))
A = f"{A_NUMBER:x}"
K = _hash(_bytes(N), _bytes(G))


def responses(pool_id: str, asked: dict) -> dict:
    """ChallengeResponses to PASSWORD_VERIFIER with these ChallengeParameters, by the password that all users have."""
    user, block = asked["USER_ID_FOR_SRP"], base64.b64decode(asked["SECRET_BLOCK"])
    pool, b_public = pool_id.split("_", 1)[1], int(asked["SRP_B"], 16)
    inner = hashlib.sha256(f"{pool}{user}:{PASSWORD}".encode()).digest()
    x, u = _hash(_bytes(int(asked["SALT"], 16)), inner), _hash(_bytes(A_NUMBER), _bytes(b_public))
    shared = int(powmod(b_public - K * powmod(G, x, N), a + u * x, N))
    extracted = hmac.digest(_bytes(u), _bytes(shared), "sha256")
    key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
    now = datetime.now(timezone.utc)
    timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now:%Y}"
    proof = hmac.digest(key, f"{pool}{user}".encode() + block + timestamp.encode(), "sha256")
    return {"USERNAME": user, "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"], "TIMESTAMP": timestamp,
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(proof).decode()}
