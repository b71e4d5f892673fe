"""Passwords: forgotten, changed, set or reset by an administrator."""

from authservice.errors import not_authorized, unknown_username, user_disabled, wrong_credentials
from authservice.local import triggers
from authservice.local.accounts import codes, directory, lockout, passwords, profile
from authservice.local.call import Call, operation
from authservice.local.models import User
from authservice.local.tokens import check, refresh

RECOVERABLE = ("CONFIRMED", "RESET_REQUIRED", "UNCONFIRMED")


@operation("ForgotPassword")
def forgot_password(call: Call, request: dict) -> dict:
    """Send a code that lets the user set a new password; nothing else changes.

    Source: API_ForgotPassword; Developer Guide, "Recovering user accounts".
    """
    client = directory.app_client(call, request)
    user = directory.user_of_client(call, client, request["Username"])
    lockout.hourly(call, lockout.subject(call, client.pool, user, request["Username"]), "ForgotPassword")
    codes.refuse_without_recovery(client.pool)
    if user is None:
        triggers.fire(client.pool, "UserMigration")
    if client.hides_users and not _is_reached(user):
        return {"CodeDeliveryDetails": codes.pretend_to_send(call, client.pool, request["Username"],
                                                             "ForgotPassword")}
    if not user.enabled:
        raise unknown_username()
    return {"CodeDeliveryDetails": codes.send(call, user, "ForgotPassword", _reset_attribute(user))}


def _is_reached(user: User | None) -> bool:
    """Whether a code can reach this user; where existence is hidden all others look like nobody.

    Source: Developer Guide, "Managing user existence error responses".
    """
    return user is not None and user.enabled and codes.find_recovery_attribute(user) is not None


def _reset_attribute(user: User) -> str:
    """Where a reset code may go; refuses a user whose password cannot be reset this way."""
    if user.status not in RECOVERABLE:
        raise not_authorized("User password cannot be reset in the current state.")
    return codes.recovery_attribute(user)


@operation("ConfirmForgotPassword")
def confirm_forgot_password(call: Call, request: dict) -> dict:
    """Set a new password by the code; the user is CONFIRMED and unlocked.

    Differs: every sign-in from before ends (ASVS 7.4.3), for whoever had the old password
    may still be in.
    Source: API_ConfirmForgotPassword.
    """
    client = directory.app_client(call, request)
    user = directory.user_of_client(call, client, request["Username"])
    whose = lockout.subject(call, client.pool, user, request["Username"])
    lockout.hourly(call, whose, "ForgotPassword")
    if client.hides_users and not _is_reached(user):
        codes.refuse_unknown(call, client.pool, request["Username"], "ForgotPassword", request["ConfirmationCode"])
    if not user.enabled:
        raise user_disabled()
    code = codes.check(call, user, "ForgotPassword", request["ConfirmationCode"])
    passwords.check_policy(user.pool, request["Password"])
    passwords.check_history(call, user, request["Password"])
    passwords.set_password(call, user, request["Password"])
    user.status = "CONFIRMED"
    if user.attributes.get(code.attribute) == code.destination:
        user.attributes[profile.VERIFIED[code.attribute]] = "true"
        directory.index(call, user)
    lockout.unlock(call, whose)
    refresh.revoke_all(call, user)
    triggers.fire(user.pool, "PostConfirmation")
    return {}


@operation("ChangePassword")
def change_password(call: Call, request: dict) -> dict:
    """Replace a known password by another; the user's sign-ins go on.

    Wrong tries count towards the same lock as at sign-in. Source: API_ChangePassword.
    """
    user = check.signed_in(call, request["AccessToken"]).user
    whose = lockout.subject(call, user.pool, user, user.username)
    lockout.hourly(call, whose, "ChangePassword")
    lockout.refuse_locked(call, whose)
    if not passwords.is_right(call, user, request.get("PreviousPassword", "")):
        lockout.failed(call, whose)
        raise wrong_credentials()
    passwords.check_policy(user.pool, request["ProposedPassword"])
    passwords.check_history(call, user, request["ProposedPassword"])
    passwords.set_password(call, user, request["ProposedPassword"])
    return {}


@operation("AdminSetUserPassword")
def admin_set_user_password(call: Call, request: dict) -> dict:
    """Give a user a password: for good (CONFIRMED), or a temporary one (FORCE_CHANGE_PASSWORD).

    Differs: the user's sign-ins end (ASVS 7.4.3). No message is sent, nothing is verified.
    Source: API_AdminSetUserPassword.
    """
    user = directory.user(call, request["UserPoolId"], request["Username"])
    passwords.check_policy(user.pool, request["Password"])
    passwords.check_history(call, user, request["Password"])
    passwords.set_password(call, user, request["Password"])
    user.status = "CONFIRMED" if request.get("Permanent") else "FORCE_CHANGE_PASSWORD"
    lockout.unlock(call, lockout.subject(call, user.pool, user, user.username))
    refresh.revoke_all(call, user)
    return {}


@operation("AdminResetUserPassword")
def admin_reset_user_password(call: Call, request: dict) -> dict:
    """Make a user choose a new password: the old one is dead, a code is sent.

    Differs: every sign-in ends (ASVS 7.4.3).
    Source: API_AdminResetUserPassword.
    """
    user = directory.user(call, request["UserPoolId"], request["Username"])
    if not user.enabled:
        raise user_disabled()
    if user.status not in ("CONFIRMED", "RESET_REQUIRED"):
        raise not_authorized("User password cannot be reset in the current state.")
    codes.send(call, user, "ForgotPassword", _reset_attribute(user))
    user.status = "RESET_REQUIRED"
    user.modified_at = call.now
    refresh.revoke_all(call, user)
    return {}


