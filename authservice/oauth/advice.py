"""Advice in the log: where an app does what Cognito takes and the specifications ask more.

Owns saying it once for each app client and matter. What strict mode makes of the same is each endpoint's own.
Source: RFC 9700 section 2.
"""

import logging
from functools import lru_cache

log = logging.getLogger(__name__)

NO_PKCE = "send code_challenge: a client without a secret needs PKCE (RFC 9700 section 2.1.1)"
IMPLICIT = "use response_type=code: tokens in an address leak (RFC 9700 section 2.1.2)"
NO_ROTATION = "switch RefreshTokenRotation on: a client without a secret should rotate (RFC 9700 section 2.2.2)"
NO_HINT = "send id_token_hint to /logout: without one anybody's link signs people out (RP-Initiated Logout section 2)"
CLIENTS_REMEMBERED = 4096


@lru_cache(CLIENTS_REMEMBERED)
def give(client_id: str, text: str) -> None:
    """Write this advice for an app client into the log, the first time this process has reason to."""
    log.warning("advice", extra={"fields": {"client": client_id, "advice": text}})
