"""Authorization codes: given at /oauth2/authorize, spent once at /oauth2/token.

Owns the row: what a code is bound to, how long it lives, what a second use means. Does not own who may
ask for one or what is answered (oauth/).
Source: RFC 6749 section 4.1.2; RFC 9700 section 4.5; Developer Guide, "Authorization code grant".
"""

from datetime import timedelta

from sqlalchemy import update

from authservice.errors import CognitoError, not_authorized
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, AuthorizationCode, BrowserSession, SignIn
from authservice.local.tokens import browser_sessions

LIFETIME = timedelta(minutes=5)
STRICT_LIFETIME = timedelta(seconds=60)
"""RFC 6749 allows ten minutes, good practice one (OWASP ASVS 10.4.3); Cognito gives five."""
DOUBLE_CLICK = timedelta(seconds=1)
"""A second use this soon is the app's own impatience, no thief: it is refused, and the first use stands. One from
before the first is not soon: a clock is behind, or was set back."""


def new(call: Call, client: AppClient, session: BrowserSession, **asked) -> str:
    """Add a code for the user of a browser session; `asked` are the columns the authorize request decides.

    It has the form of a UUID, as Cognito's has.
    """
    browser_sessions.keep_alive(call, session)
    call.is_about(session.user)
    lifetime = STRICT_LIFETIME if call.settings.strict_oidc else LIFETIME
    code = call.uuid()
    call.db.add(AuthorizationCode(id=digest(code), client_id=client.id, user=session.user,
                                  user_id=session.user_id, methods=session.methods,
                                  auth_time=session.auth_time, expires_at=call.now + lifetime, **asked))
    return code


def find(call: Call, client: AppClient, code: str) -> AuthorizationCode | None:
    """The code that this app client may redeem now, if there is one.

    One that was used before may have been stolen: what its first use gave is revoked.
    """
    row = call.db.get(AuthorizationCode, digest(code))
    if row is None or row.client_id != client.id:
        return None
    call.is_about(row.user)
    if row.used_at:
        if abs(call.now - row.used_at) > DOUBLE_CLICK:
            call.record(update(SignIn).where(SignIn.id == row.sign_in_id, SignIn.revoked_at.is_(None))
                        .values(revoked_at=call.now))
        return None
    alive = call.now < row.expires_at and row.user.enabled and row.user.status != "RESET_REQUIRED"
    return row if alive else None


def spend(call: Call, row: AuthorizationCode, sign_in: SignIn) -> None:
    """Promise that the code becomes used with this sign-in; of several who redeem it at once one wins."""
    unspent = update(AuthorizationCode).where(AuthorizationCode.id == row.id,
                                              AuthorizationCode.used_at.is_(None))
    call.claim(unspent.values(used_at=call.now, sign_in_id=sign_in.id), _used)


def _used() -> CognitoError:
    return not_authorized("The authorization code was used already.")
