"""Tokens: what an application must check before it believes one (OpenID Connect Core 3.1.3.7; RFC 8725).

A token is a letter that anybody can write; only the checks below make it true. Each is noted in the journey,
so that the account page can show it. Neighbour: provider.py has the keys.
"""
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

import jwt

from authservice.demo.journey import Journey
from authservice.demo.provider import Provider

LEEWAY = 30                 # seconds that the two clocks may differ


class TokenRefused(Exception):
    """A token that must not be believed; the text says which check it failed."""


@dataclass
class Token:
    """A token that has passed every check: `raw` as received, `header` and `claims` as decoded."""
    raw: str
    header: dict
    claims: dict


def check_id_token(raw: str, provider: Provider, journey: Journey, *, client_id: str,
                   nonce: str | None = None, access_token: str | None = None,
                   subject: str | None = None) -> Token:
    """The ID token as proof of who signed in, at this issuer, for this application, in this very attempt.

    `nonce` None: none was sent (own form). `subject`: after a refresh, whom the tokens were about until now.
    """
    with _noting(journey, "ID token") as checks:
        token = _signed_by(provider, raw, journey, checks)
        claims = token.claims
        _require(checks, "Audience", claims.get("aud") in (client_id, [client_id]), f"aud is {client_id}",
                 "it is meant for another application")
        _require(checks, "Kind", claims.get("token_use") == "id", "token_use is id", "it is not an ID token")
        if nonce is not None:
            _require(checks, "Nonce", _same(claims.get("nonce"), nonce),
                     "the very value that this site sent along", "its nonce is not the one of this sign-in")
        if access_token is not None and "at_hash" in claims:
            _require(checks, "Pair", _same(claims["at_hash"], _half_hash(access_token)),
                     "at_hash fits the access token", "it belongs to another access token")
        if subject is not None:
            _require(checks, "Person", _same(claims["sub"], subject), "sub is the same as before the refresh",
                     "it is about another person")
    return token


def check_access_token(raw: str, provider: Provider, journey: Journey, *, client_id: str) -> Token:
    """The access token as the API would check it. To an application it is opaque; here it is to be shown."""
    with _noting(journey, "access token") as checks:
        token = _signed_by(provider, raw, journey, checks)
        _require(checks, "Application", token.claims.get("client_id") == client_id,
                 f"client_id is {client_id}", "it was issued to another application")
        _require(checks, "Kind", token.claims.get("token_use") == "access", "token_use is access",
                 "it is not an access token")
    return token


def forged(raw: str, **changed) -> str:
    """A token with other claims and the old signature: what somebody could make who has not got the key."""
    header, claims, signature = raw.split(".")
    claims = {**json.loads(base64.urlsafe_b64decode(claims + "==")), **changed}
    return ".".join((header, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature))


class _noting:
    """Collect the checks of one token and note them as one step, whether they pass or one refuses."""

    def __init__(self, journey: Journey, kind: str):
        self.journey, self.kind, self.checks = journey, kind, []

    def __enter__(self) -> list[tuple[str, str]]:
        return self.checks

    def __exit__(self, _type, error, _trace) -> None:
        if isinstance(error, TokenRefused):
            self.checks.append(("Refused", str(error)))
        self.journey.checked(
            f"Check the {self.kind}",
            "It came over the network: nothing in it is believed before all of this holds.",
            self.checks, failed=error is not None)


def _signed_by(provider: Provider, raw: str, journey: Journey, checks: list) -> Token:
    """Signature, issuer and times. The algorithm is ours: what the header says is compared, not obeyed."""
    try:
        header = jwt.get_unverified_header(raw)
    except jwt.InvalidTokenError as error:
        raise TokenRefused(f"it is no token at all ({error})") from error
    _require(checks, "Algorithm", header.get("alg") == "RS256", "RS256, the only one accepted",
             f"its algorithm is {header.get('alg')}, not RS256")
    key = provider.key(str(header.get("kid", "")), journey)
    if key is None:
        raise TokenRefused("it names a key that the service does not publish")
    try:
        claims = jwt.decode(raw, key, algorithms=["RS256"], issuer=provider.issuer, leeway=LEEWAY,
                            options={"require": ["exp", "iat", "iss", "sub"], "verify_aud": False})
    except jwt.InvalidTokenError as error:
        raise TokenRefused(str(error)) from error
    checks += [("Signature", f"made by the service's key {header['kid']}"),
               ("Issuer", f"iss is {provider.issuer}"), ("Time", "not expired, not from the future")]
    return Token(raw, header, claims)


def _require(checks: list, name: str, holds: bool, finding: str, refusal: str) -> None:
    if not holds:
        raise TokenRefused(refusal)
    checks.append((name, finding))


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and hmac.compare_digest(one.encode(), other.encode())


def _half_hash(access_token: str) -> str:
    """at_hash: the left half of the SHA-256, base64url without padding (OpenID Connect Core 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
