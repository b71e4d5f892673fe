"""An ID token shown to us as a hint: which user and app client the asking app means.

Owns its check. A hint proves who was signed in once, nothing more: it opens no door.
Source: OpenID Connect Core section 3.1.2.1; RP-Initiated Logout 1.0 section 2.
"""

import base64
import json

from authservice.crypto import jwt
from authservice.local.call import Call
from authservice.local.models import Pool
from authservice.local.tokens import issue, keys


def read(call: Call, token: str) -> dict | None:
    """The claims of a genuine ID token of one of our pools, else None. Also of one that has expired, and whose key
    is not published any more: apps keep the last ID token for their user's next visit, or for signing out.
    """
    pool = call.db.get(Pool, pool_id) if (pool_id := _pool_id(call, token)) else None
    if pool is None:
        return None
    try:
        return jwt.verify(token, keys.ever_public(call, pool, "id"), issue.issuer(call, pool), call.now,
                          check_expiry=False)
    except jwt.TokenRefused:
        return None


def _pool_id(call: Call, token: str) -> str | None:
    """Which pool the token says it is from; it decides only whose keys it is checked with."""
    try:
        payload = token.split(".")[1] if len(token) <= jwt.LONGEST else ""
        claimed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
        public_url, pool_id = claimed.rsplit("/", 1)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    ours = public_url == call.settings.public_url and pool_id.isascii() and pool_id.isprintable()
    return pool_id if ours else None
