"""Second factors: the authenticator app, and which factors a user has switched on."""

from authservice.crypto import totp
from authservice.errors import CognitoError, invalid_parameter, invalid_session
from authservice.local.accounts import directory, lockout
from authservice.local.authentication.attempt import Attempt, resume, spend, suspend
from authservice.local.call import Call, operation
from authservice.local.models import User
from authservice.local.tokens import check

FACTORS = {"SoftwareTokenMfaSettings": "SOFTWARE_TOKEN_MFA", "SMSMfaSettings": "SMS_MFA",
           "EmailMfaSettings": "EMAIL_OTP"}


@operation("AssociateSoftwareToken")
def associate_software_token(call: Call, request: dict) -> dict:
    """Give a new TOTP secret, by access token or by the Session of MFA_SETUP.

    It counts only once verified; until then an older, verified one stays in force.
    Source: API_AssociateSoftwareToken.
    """
    user, attempt, row = _bearer(call, request)
    if not user.pool.totp_enabled:
        raise CognitoError("SoftwareTokenMFANotFoundException",
                           "Software Token MFA has not been enabled by the userPool")
    secret = totp.new_secret(call.random)
    call.vault.keep(user, "totp_pending", secret)
    answer = {"SecretCode": secret}
    if attempt:
        spend(call, row)
        answer["Session"] = suspend(call, attempt, "MFA_SETUP")
    return answer


@operation("VerifySoftwareToken")
def verify_software_token(call: Call, request: dict) -> dict:
    """Prove by a code that the secret arrived in an authenticator app.

    By access token it does not yet switch the factor on (SetUserMFAPreference does); by Session
    the answer's Session completes MFA_SETUP. The code itself cannot sign in any more.
    Source: API_VerifySoftwareToken.
    """
    user, attempt, row = _bearer(call, request)
    whose = lockout.subject(call, user.pool, user, user.username)
    lockout.refuse_locked(call, whose)
    step = None
    if user.totp_pending:
        step = totp.matching_step(call.vault.read_text(user, "totp_pending"), request["UserCode"], call.now)
    if step is None:
        lockout.failed(call, whose)
        raise CognitoError("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA")
    user.totp_step = step
    call.vault.keep(user, "totp_secret", call.vault.read(user, "totp_pending"))
    user.totp_pending = None
    user.totp_device = request.get("FriendlyDeviceName")
    answer = {"Status": "SUCCESS"}
    if attempt:
        spend(call, row)
        attempt.details = {"verified": True}
        answer["Session"] = suspend(call, attempt, "MFA_SETUP")
    return answer


def _bearer(call: Call, request: dict) -> tuple[User, Attempt | None, object]:
    """The user who asks: by access token, or by the Session of a sign-in that waits for MFA_SETUP."""
    if request.get("AccessToken"):
        return check.signed_in(call, request["AccessToken"]).user, None, None
    attempt, row = resume(call, None, "MFA_SETUP", request.get("Session"))
    if attempt.user and attempt.user.totp_secret:  # set up meanwhile, perhaps in another sign-in: this Session may not replace it
        raise invalid_session()
    return attempt.row(call), attempt, row


@operation("SetUserMFAPreference")
def set_user_mfa_preference(call: Call, request: dict) -> dict:
    """Switch the user's own factors on or off and choose the preferred one.

    Source: API_SetUserMFAPreference.
    """
    _prefer(call, check.signed_in(call, request["AccessToken"]).user, request)
    return {}


@operation("AdminSetUserMFAPreference")
def admin_set_user_mfa_preference(call: Call, request: dict) -> dict:
    """Source: API_AdminSetUserMFAPreference."""
    _prefer(call, directory.user(call, request["UserPoolId"], request["Username"]), request)
    return {}


def _prefer(call: Call, user: User, request: dict) -> None:
    """Apply each factor's {Enabled, PreferredMfa}; a factor not named stays as it is."""
    settings = {factor: request[member] for member, factor in FACTORS.items() if member in request}
    if sum(setting.get("PreferredMfa", False) for setting in settings.values()) > 1:
        raise invalid_parameter("SMS MFA and Software Token MFA cannot both be PreferredMFA")
    methods, preferred = set(user.mfa_methods), user.mfa_preferred
    for factor, setting in settings.items():
        wants_it = setting.get("Enabled", False) or setting.get("PreferredMfa", False)
        if wants_it:
            _check_usable(user, factor)
            methods.add(factor)
        else:
            methods.discard(factor)
        if setting.get("PreferredMfa"):
            preferred = factor
        elif preferred == factor:
            preferred = None
    if user.pool.mfa_configuration == "ON" and user.mfa_methods and not methods:
        raise invalid_parameter("Invalid MFA configuration: the user pool requires MFA, "
                                "so the last factor cannot be switched off.")
    user.mfa_methods = sorted(methods, key=list(FACTORS.values()).index)
    user.mfa_preferred = preferred
    user.modified_at = call.now


def _check_usable(user: User, factor: str) -> None:
    if factor != "SOFTWARE_TOKEN_MFA":
        raise CognitoError("NotImplementedException", f"{factor} is not built yet: only SOFTWARE_TOKEN_MFA is.")
    if not user.pool.totp_enabled:
        raise invalid_parameter(f"User does not have delivery config set to turn on {factor}")
    if user.totp_secret is None:
        raise invalid_parameter("User has not verified software token mfa")
