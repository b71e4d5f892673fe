"""SECRET_HASH: how a caller shows that it holds an app client's secret.

Owns the formula and its comparison. Which operation carries it, and which names of a user count, is the
caller's matter.

Source: Developer Guide, "Computing secret hash values".
"""

import base64
import hmac
from collections.abc import Iterable


def secret_hash(secret: str, username: str, client_id: str) -> str:
    """base64(HMAC-SHA256(client secret, username + client id))."""
    return base64.b64encode(hmac.digest(secret.encode(), _bytes(username + client_id), "sha256")).decode()


def matches(given: str, secret: str, usernames: Iterable[str], client_id: str) -> bool:
    """Whether `given` is the hash over any of these names of one user. Every candidate is computed and
    compared in constant time, so time does not tell which name was meant or how much of the hash was
    right."""
    found = False
    for username in usernames:
        expected = secret_hash(secret, username, client_id)
        found |= hmac.compare_digest(expected.encode(), _bytes(given))
    return found


def _bytes(text: str) -> bytes:
    # surrogatepass: a name or hash that is not Unicode must be a plain no, not a crash.
    return text.encode(errors="surrogatepass")
