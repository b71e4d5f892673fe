"""Refresh tokens: redeeming, rotating, revoking them.

Owns the rules of a token family. Does not own who may ask (operations/, oauth/), nor
what the new tokens say (issue.py).
Source: Developer Guide, "Refresh tokens" and "Revoking tokens"; RFC 9700 section 4.14.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, update

from authservice.errors import (CognitoError, invalid_refresh_token, not_authorized, refresh_token_revoked,
                                user_disabled)
from authservice.local import readings
from authservice.local.call import Call
from authservice.local.models import AppClient, AuthorizationCode, BrowserSession, ChallengeSession, RefreshToken, SignIn, User
from authservice.local.readings import RefreshTokenRead
from authservice.local.tokens import issue


def redeem(call: Call, client: AppClient, token: str) -> RefreshTokenRead:
    """The refresh token that may be used now, by this app client.

    Refuses one that is unknown, another client's, revoked, expired, or was rotated away: the
    reuse of a rotated token, after its grace, revokes the whole family, for it may be stolen.
    """
    row = readings.refresh_token(call, token, client)
    if row is None:
        raise invalid_refresh_token()
    call.is_about(row.sign_in.user)
    if row.sign_in.revoked_at:
        raise refresh_token_revoked()
    if call.now >= row.expires_at:
        raise not_authorized("Refresh Token has expired")
    if row.rotated_at and not _is_within_grace(call, client, row.rotated_at):
        call.record(_revocation(call, SignIn.id == row.sign_in.id))
        raise reused()
    user = row.sign_in.user
    if not user.enabled:
        raise user_disabled()
    if user.status == "RESET_REQUIRED":
        raise CognitoError("PasswordResetRequiredException", "Password reset required for the user")
    return row


def _is_within_grace(call: Call, client: AppClient, rotated_at: datetime) -> bool:
    """Where there is none, nothing is: this call may have begun before the other, or its worker's clock be behind."""
    grace = _grace(client)
    return bool(grace) and call.now < rotated_at + grace


def _grace(client: AppClient) -> timedelta:
    return timedelta(seconds=client.settings.get("RefreshTokenRotation", {}).get("RetryGracePeriodSeconds", 0))


def reused() -> CognitoError:
    return CognitoError("RefreshTokenReuseException", "Refresh token has been reused.")


def successor(call: Call, row: RefreshTokenRead, rotates: bool | None = None) -> str | None:
    """The refresh token that takes over from this one, where it `rotates` (if None, as the app client says); else None.

    It inherits the remaining lifetime. Of two who rotate one token at the same instant one
    wins; within the grace both do.
    """
    if not (row.sign_in.client.rotates if rotates is None else rotates):
        return None
    if row.rotated_at is None:
        rotation = (update(RefreshToken).where(RefreshToken.id == row.id, RefreshToken.rotated_at.is_(None))
                    .values(rotated_at=call.now))
        call.also(rotation) if _grace(row.sign_in.client) else call.claim(rotation, reused)
    return issue.new_refresh_token(call, row.sign_in, row.expires_at)


def revoke(call: Call, sign_in: SignIn) -> None:
    """End a sign-in: its refresh tokens and every access token they gave."""
    call.is_about(sign_in.user)
    call.also(_revocation(call, SignIn.id == sign_in.id))


def revoke_all(call: Call, user: User) -> None:
    """End every sign-in of a user, those still under way too, and his browser sessions.

    Differs: Cognito leaves the login cookie of the hosted pages alive; somebody who signs out
    everywhere means that browser too (ASVS 7.4.3), and no client depends on it.
    """
    call.hold(user)  # a sign-in that is being written is waited for, and then ended with the others
    # What comes of what, in that order: each waits for those who are taking the next from it.
    for source in (ChallengeSession, BrowserSession, AuthorizationCode):
        call.also(delete(source).where(source.user_id == user.id))
    call.also(_revocation(call, SignIn.user_id == user.id))


def _revocation(call: Call, condition):
    return update(SignIn).where(condition, SignIn.revoked_at.is_(None)).values(revoked_at=call.now)
