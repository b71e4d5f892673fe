"""After the database was restored from a copy: what was spent or ended since the copy must not hold again.

Owns what that is. A copy knows neither the codes used nor the sign-ins, tokens and keys revoked after it was made, so
everything of the kind ends: people sign in again, apps ask for new tokens. What nobody can know stays as the copy has
it: passwords changed since, users deleted since. Does not own the restore itself.
"""

from sqlalchemy import delete, update

from authservice.crypto import totp
from authservice.local.accounts import directory
from authservice.local.call import Call
from authservice.local.models import (AuthorizationCode, BrowserSession, ChallengeSession, Code, OutboxMessage, SignIn,
                                      User)
from authservice.local.tokens import keys


def end_everything(call: Call) -> None:
    """End all sign-ins and all that is under way; no code, password link or message of before is good for anything."""
    call.also(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=call.now))
    for table in (BrowserSession, ChallengeSession, AuthorizationCode, Code):
        call.also(delete(table))
    call.also(delete(OutboxMessage).where(OutboxMessage.next_try_at.is_not(None)))  # sent already, or no use any more
    latest = int(call.now.timestamp()) // totp.STEP_SECONDS + 1  # an app may be a step ahead of us
    call.also(update(User).where(User.totp_secret.is_not(None), User.totp_step < latest).values(totp_step=latest))


def withdraw_keys(call: Call, pool_id: str) -> None:
    """New signing keys for a pool, and none of its tokens is good any more: the copy may hold a key withdrawn since."""
    keys.rotate(call, directory.pool(call, pool_id), compromised=True)
