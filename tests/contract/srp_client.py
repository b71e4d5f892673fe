"""The client's half of SRP, written from the rules; it can also lie.

Shares no line with authservice/crypto/srp.py. Rules: the public client libraries of Cognito.
"""

import base64
import hashlib
import hmac
import secrets

from gmpy2 import powmod

from authservice.crypto.srp import N

G = 2


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def number(data: bytes) -> int:
    return int.from_bytes(data)


def pad(value: int) -> bytes:
    text = f"{value:x}"
    if len(text) % 2:
        text = "0" + text
    elif text[0] in "89abcdef":
        text = "00" + text
    return bytes.fromhex(text)


K = number(sha256(pad(N) + pad(G)))


class SrpClient:
    """One exchange. `a_public` may be any number, to try what a dishonest client would send."""

    def __init__(self, client, username: str, password: str, a_public: int | None = None):
        self.client, self.username, self.password = client, username, password
        self.a = number(secrets.token_bytes(32))
        self.a_public = int(powmod(G, self.a, N)) if a_public is None else a_public
        self.parameters = {}

    def begin(self, flow: str = "USER_SRP_AUTH", **given) -> dict:
        """The first call; gives and remembers the ChallengeParameters."""
        asked = self.client.begin(flow, USERNAME=self.username, SRP_A=f"{self.a_public:x}", **given)
        assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
        self.parameters = asked["ChallengeParameters"]
        return self.parameters

    def proof(self, at, shared: int | None = None) -> dict:
        """The challenge responses at a moment; `shared` replaces the shared secret S."""
        pool_part, user_id = self.client.pool.id.split("_")[1], self.parameters["USER_ID_FOR_SRP"]
        b_public, salt = int(self.parameters["SRP_B"], 16), int(self.parameters["SALT"], 16)
        x = number(sha256(pad(salt) + sha256(f"{pool_part}{user_id}:{self.password}".encode())))
        u = number(sha256(pad(self.a_public) + pad(b_public)))
        if shared is None:
            shared = int(powmod(b_public - K * powmod(G, x, N), self.a + u * x, N))
        extracted = hmac.digest(pad(u), pad(shared), "sha256")
        key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
        timestamp = f"{at:%a %b} {at.day} {at:%H:%M:%S} UTC {at:%Y}"
        block = base64.b64decode(self.parameters["SECRET_BLOCK"])
        message = f"{pool_part}{user_id}".encode() + block + timestamp.encode()
        return {"PASSWORD_CLAIM_SECRET_BLOCK": self.parameters["SECRET_BLOCK"], "TIMESTAMP": timestamp,
                "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(hmac.digest(key, message, "sha256")).decode()}

    def answer(self, at, username: str | None = None, **changed) -> dict:
        """The second call, honest but for what is `changed`."""
        return self.client.answer("PASSWORD_VERIFIER", None, username or self.parameters["USER_ID_FOR_SRP"],
                                  **{**self.proof(at), **changed})

    def sign_in(self, at) -> dict:
        self.begin()
        return self.answer(at)
