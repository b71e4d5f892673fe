"""The order of a sign-in, in one place: what must still be proven after the first factor.

Source: Developer Guide, "User pool authentication flow"; "Adding MFA to a user pool"; "Step-up authentication".
"""

from authservice.errors import CognitoError, not_authorized, user_disabled
from authservice.local.accounts import assurance, passwords
from authservice.local.authentication.attempt import Attempt
from authservice.local.call import Call


def next_step(call: Call, attempt: Attempt) -> str | None:
    """The name of the challenge that is due, or None when the user is signed in.

    Refuses a user who is disabled, unconfirmed, must reset the password, or whose temporary
    password has run out.
    """
    user = attempt.user
    if not user.enabled:
        raise user_disabled()
    if user.status == "UNCONFIRMED":
        raise unconfirmed()
    if user.status == "RESET_REQUIRED":
        raise reset_required()
    if user.status == "FORCE_CHANGE_PASSWORD":
        if passwords.temporary_expired(call, user):
            raise not_authorized("Temporary password has expired and must be reset by an administrator.")
        return "NEW_PASSWORD_REQUIRED"
    if "otp" in attempt.methods:
        return None
    if "otp" in assurance.demanded(user, attempt.acr_values):
        return "SOFTWARE_TOKEN_MFA"
    return second_factor(attempt)


def second_factor(attempt: Attempt) -> str | None:
    """Which MFA challenge the pool's setting and the user's preference ask for.

    OPTIONAL asks those who switched a factor on; ON asks everybody, and a verified authenticator
    app counts there without a preference.
    """
    user, pool = attempt.user, attempt.user.pool
    if pool.mfa_configuration == "OFF":
        return None
    has_totp = assurance.can_use_totp(user)
    if pool.mfa_configuration == "OPTIONAL":
        wanted = [user.mfa_preferred] if user.mfa_preferred else list(user.mfa_methods)
        return "SOFTWARE_TOKEN_MFA" if has_totp and "SOFTWARE_TOKEN_MFA" in wanted else None
    if has_totp:
        return "SOFTWARE_TOKEN_MFA"
    if not pool.totp_enabled:
        raise not_built("SMS_MFA or EMAIL_OTP")
    return "MFA_SETUP"


def not_built(challenge: str) -> CognitoError:
    return CognitoError("NotImplementedException", f"{challenge} is not built yet: only SOFTWARE_TOKEN_MFA is.")


def unconfirmed() -> CognitoError:
    return CognitoError("UserNotConfirmedException", "User is not confirmed.")


def reset_required() -> CognitoError:
    return CognitoError("PasswordResetRequiredException", "Password reset required for the user")
