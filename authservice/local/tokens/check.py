"""Checking an access token that came back to us: whose it is, and whether it still holds.

Owns the order and the words of the refusals. Every door that takes an access token comes here.
Source: Developer Guide, "Verifying JSON web tokens", and for revocation "Revoking tokens".
"""

import base64
import json
import re

from sqlalchemy import select

from authservice.crypto import jwt
from authservice.errors import (CognitoError, access_token_revoked, invalid_access_token, not_authorized,
                                user_not_found)
from authservice.local import readings
from authservice.local.call import Call, digest
from authservice.local.models import Pool, SignIn, User
from authservice.local.readings import Bearer
from authservice.local.tokens import issue, keys

POOL_ID = re.compile(r"(?<=/)[A-Za-z0-9_-]{1,55}\Z")
"""Where an issuer names its pool; anything else, NUL or half a surrogate, is not for the database to see."""
MOST_REMEMBERED = 4096
"""Tokens that a process remembers to have been signed by us; then it begins anew."""
Known = tuple[str, dict]
"""The kid and the claims of a token that we had signed."""
REFUSALS = {"malformed": "Invalid Access Token",
            "signature": "Could not verify signature for Access Token",
            "issuer": "Could not verify signature for Access Token",
            "expired": "Access Token has expired"}


def signed_in(call: Call, access_token: str, scope: str | None = issue.API_SCOPE) -> SignIn:
    """The sign-in an access token belongs to, once it proved genuine, alive and to have `scope`.

    Refuses with NotAuthorizedException (or UserNotFoundException for a user deleted meanwhile).
    """
    claims = _claims_in_scope(call, access_token, scope)
    query = select(SignIn).where(SignIn.event_id == claims.get("event_id"))
    return _alive(call, claims, call.db.scalars(query).one_or_none())


def reading(call: Call, access_token: str, scope: str | None = issue.API_SCOPE) -> Bearer:
    """The same for a call that changes nothing, mostly in one query: who showed a token before is looked up by the app
    client, and the token is held to the keys, as they are or were half a second ago on another worker.
    """
    known = _remembered(call, access_token)
    client = known and readings.client(call, known[1]["client_id"])
    if client:
        try:
            claims = _claims_in_scope(call, access_token, scope, client.pool, known)
            return _alive(call, claims, readings.bearer(call, claims.get("event_id"), client))
        except CognitoError:
            pass  # by keys that are believed, and may be others now
    claims = _claims_in_scope(call, access_token, scope)
    client = readings.client(call, claims["client_id"])
    return _alive(call, claims, client and readings.bearer(call, claims.get("event_id"), client))


def _claims_in_scope(call: Call, access_token: str, scope: str | None, pool: Pool | None = None,
                     known: Known | None = None) -> dict:
    claims = verified_claims(call, access_token, pool, known)
    if scope and scope not in claims["scope"].split():
        raise not_authorized("Access Token does not have required scopes")
    return claims


def _alive(call: Call, claims: dict, sign_in: SignIn | Bearer | None):
    """The sign-in, unless it is gone or over, or its user disabled."""
    if sign_in is None:
        raise access_token_revoked() if call.db.get(User, claims["sub"]) else user_not_found()
    call.about.update(pool=sign_in.user.pool_id, client=sign_in.client.id, user=sign_in.user.id)
    if sign_in.revoked_at or not sign_in.user.enabled:
        raise access_token_revoked()
    return sign_in


def verified_claims(call: Call, access_token: str, pool: Pool | None = None, known: Known | None = None) -> dict:
    """The claims of an access token of one of our pools, checked by that pool's access key alone.

    An ID token is signed by another key, so it can never pass for an access token. `pool`: the token's, and `known`:
    what is remembered of it, where they have been looked up already.
    """
    pool = pool or readings.pool(call, _pool_id(call, access_token))
    if pool is None:
        raise not_authorized("Could not verify signature for Access Token")
    try:
        claims = _read(call, access_token, keys.public(call, pool, "access"), known)
        jwt.hold(claims, issue.issuer(call, pool), call.now)
    except jwt.TokenRefused as refused:
        if refused.reason == "signature" and _is_id_token(call, pool, access_token):
            raise invalid_access_token() from None
        raise not_authorized(REFUSALS[refused.reason]) from None
    if claims.get("token_use") != "access":
        raise invalid_access_token()
    return claims


def _read(call: Call, token: str, public_keys: dict[str, object], known: Known | None) -> dict:
    """The claims of a token that one of these keys signed.

    A signature that was right stays right, so it is checked once: remembered is the token's SHA-256, and a key that
    is published no more takes what it signed along. Whether the token still holds is asked every time.
    """
    known = known or _remembered(call, token)
    if known is None or known[0] not in public_keys:
        known = jwt.read(token, public_keys)
        if len(call.tools.remembered_tokens) >= MOST_REMEMBERED:
            call.tools.remembered_tokens.clear()
        call.tools.remembered_tokens[digest(token)] = known
    return known[1]


def _remembered(call: Call, token: str) -> Known | None:
    return call.tools.remembered_tokens.get(digest(token))


def _is_id_token(call: Call, pool: Pool, token: str) -> bool:
    try:
        jwt.verify(token, keys.public(call, pool, "id"), issue.issuer(call, pool), call.now, check_expiry=False)
    except jwt.TokenRefused:
        return False
    return True


def _pool_id(call: Call, token: str) -> str:
    """Which pool a token claims to come from; it decides only whose keys it is checked with."""
    try:
        if len(token) > jwt.LONGEST:
            raise ValueError
        known = _remembered(call, token)
        return _pool_of(known[1] if known else _unproven(token))
    except (ValueError, LookupError, TypeError, RecursionError):
        raise invalid_access_token() from None


def _pool_of(claims: dict) -> str:
    return POOL_ID.search(claims["iss"])[0]


def _unproven(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
