"""JSON Web Tokens signed with RS256, the one algorithm of Cognito's tokens.

Owns keys, the compact form, and the checks every token of ours must pass: form, algorithm, signature,
issuer, expiry. What the claims mean, which keys a pool has and what is revoked belong to the tokens of the
user pool.

Sources: RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (best practice), Developer Guide "Verifying
JSON web tokens".
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"
LONGEST = 16 * 1024  # characters of a whole token
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KNOWN_HEADERS = {"kid", "alg", "typ"}
_COMPACT_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class TokenRefused(Exception):
    """`reason` is "malformed", "signature", "issuer" or "expired"."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def generate_key() -> bytes:
    """A new 2048-bit RSA private key (exponent 65537), PKCS #8 DER."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(der: bytes) -> RSAPrivateKey:
    """The key object of `generate_key`'s bytes. Keep it: reading and checking one costs as much as a
    hundred signatures."""
    return serialization.load_der_private_key(der, password=None)


def _public(key: RSAPrivateKey | RSAPublicKey) -> RSAPublicKey:
    return key.public_key() if isinstance(key, RSAPrivateKey) else key


def key_id(key: RSAPrivateKey | RSAPublicKey) -> str:
    """The `kid` of a key: standard base64 (44 characters) of the SHA-256 of its public half, in DER."""
    der = _public(key).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def public_jwk(key: RSAPrivateKey | RSAPublicKey, kid: str) -> dict:
    """The public half as a member of `jwks.json` (RFC 7517), with Cognito's six members."""
    numbers = _public(key).public_numbers()
    return {
        "alg": ALGORITHM,
        "e": _base64url_number(numbers.e),
        "kid": kid,
        "kty": "RSA",
        "n": _base64url_number(numbers.n),
        "use": "sig",
    }


def sign(claims: Mapping, private: RSAPrivateKey, kid: str) -> str:
    """A signed token. The header is exactly Cognito's: `{"kid": …, "alg": "RS256"}`, without `typ`."""
    # PyJWT's encode sorts the header and puts a `typ` first, so the compact form is put together here.
    signing_input = _header(kid) + b"." + _base64url(_compact_json(dict(claims)))
    return (signing_input + b"." + _base64url(_RS256.sign(signing_input, private))).decode()


def verify(
    token: str, public_keys: Mapping[str, RSAPublicKey], issuer: str, now: datetime, check_expiry: bool = True
) -> dict:
    """The claims of a token of ours that still holds: `read`, then `hold`; or TokenRefused."""
    _, claims = read(token, public_keys)
    hold(claims, issuer, now, check_expiry)
    return claims


def read(token: str, public_keys: Mapping[str, RSAPublicKey]) -> tuple[str, dict]:
    """(kid, claims) of a token that one of these keys signed, or TokenRefused. That is so for ever, or never.

    "malformed": not a JWT, larger than 16 KiB, a name given twice, a header with anything but kid, alg and
    typ (so no jwk, jku, x5u, x5c, crit or b64), no integer `exp`. "signature": another algorithm than
    RS256, a kid not among `public_keys`, a signature that does not hold.
    """
    if not isinstance(token, str) or len(token) > LONGEST or not _COMPACT.fullmatch(token):
        raise TokenRefused("malformed")
    header = _json_object(token.split(".")[0])
    if not header.keys() <= _KNOWN_HEADERS or not all(isinstance(value, str) for value in header.values()):
        raise TokenRefused("malformed")
    key = public_keys.get(header.get("kid"))
    if header.get("alg") != ALGORITHM or key is None:
        raise TokenRefused("signature")
    signed, _, signature = token.rpartition(".")
    if not _RS256.verify(signed.encode(), key, _bytes(signature)):
        raise TokenRefused("signature")
    claims = _json_object(token.split(".")[1])
    if type(claims.get("exp")) is not int:
        raise TokenRefused("malformed")
    return header["kid"], claims


def hold(claims: Mapping, issuer: str, now: datetime, check_expiry: bool = True) -> None:
    """Refuse, by TokenRefused, claims of another "issuer", and "expired" ones: from the second of `exp` on."""
    if claims.get("iss") != issuer:
        raise TokenRefused("issuer")
    if check_expiry and now.timestamp() >= claims["exp"]:
        raise TokenRefused("expired")


def _bytes(segment: str) -> bytes:
    """A segment's bytes; of the several spellings that base64 has for the same bytes only the proper one."""
    try:
        found = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise TokenRefused("malformed") from None
    if _base64url(found).decode() != segment:
        raise TokenRefused("malformed")
    return found


def _json_object(segment: str) -> dict:
    try:
        members = json.loads(_bytes(segment), object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        raise TokenRefused("malformed") from None
    if not isinstance(members, dict):
        raise TokenRefused("malformed")
    return members


def _each_name_once(pairs: list[tuple]) -> dict:
    # Of two members with one name readers pick differently; a token must mean the same to all of them
    # (RFC 7515 section 4).
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members


@lru_cache
def _header(kid: str) -> bytes:
    return _base64url(_compact_json({"kid": kid, "alg": ALGORITHM}))


def _compact_json(value: dict) -> bytes:
    return _COMPACT_JSON.encode(value).encode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _base64url_number(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
