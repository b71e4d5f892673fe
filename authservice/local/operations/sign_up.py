"""Signing up: a user registers, proves an address, is confirmed."""

from authservice.errors import CognitoError, invalid_parameter, not_authorized
from authservice.local import triggers
from authservice.local.accounts import codes, directory, lockout, passwords, profile, registration
from authservice.local.call import Call, operation
from authservice.local.models import User


@operation("SignUp")
def sign_up(call: Call, request: dict) -> dict:
    """Register an unconfirmed user and send the code that confirms the address.

    Refuses: a username in use, a password below the pool's policy, an attribute the app
    client may not write. It tells that a username is taken even where existence is hidden.
    Source: API_SignUp; Developer Guide, "Signing up and confirming user accounts".
    """
    client = directory.app_client(call, request)
    pool, username = client.pool, request["Username"]
    if pool.settings.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
        raise not_authorized("SignUp is not permitted for this user pool")
    profile.check_username(pool, username)
    attributes = profile.read(pool, request.get("UserAttributes", []), writable_by=client)
    if "preferred_username" in pool.alias_attributes and attributes.get("preferred_username"):
        raise invalid_parameter("Preferred username cannot be provided for unconfirmed account, since user pool is "
                                "configured for preferred username alias.")
    registration.name_as_attribute(pool, username, attributes)
    profile.check_required(pool, attributes)
    password = request.get("Password")
    if not password:
        raise invalid_parameter("Password is required: this user pool does not allow sign-up without one.")
    passwords.check_policy(pool, password, passwords.SIGNING_UP)
    triggers.fire(pool, "PreSignUp")

    user = registration.new_user(call, pool, username, attributes, "UNCONFIRMED")
    passwords.set_password(call, user, password)
    answer = {"UserConfirmed": False, "UserSub": user.id}
    attribute = codes.sign_up_attribute(pool, user)
    if attribute:
        answer["CodeDeliveryDetails"] = codes.send(call, user, "SignUp", attribute, client=client)
    return answer


@operation("ConfirmSignUp")
def confirm_sign_up(call: Call, request: dict) -> dict:
    """Confirm a user by the code sent at sign-up; the address it went to counts as verified.

    With ForceAliasCreation an alias that another user holds moves here; else it is refused.
    Source: API_ConfirmSignUp.
    """
    client = directory.app_client(call, request)
    user = directory.user_of_client(call, client, request["Username"])
    lockout.hourly(call, lockout.subject(call, client.pool, user, request["Username"]), "ConfirmSignUp")
    if user is None:
        codes.refuse_unknown(call, client.pool, request["Username"], "SignUp", request["ConfirmationCode"])
    _refuse_confirmed(user)
    code = codes.check(call, user, "SignUp", request["ConfirmationCode"])
    if user.attributes.get(code.attribute) == code.destination:
        user.attributes[profile.VERIFIED[code.attribute]] = "true"
    _confirm(call, user)
    try:
        directory.index(call, user, take_over=request.get("ForceAliasCreation", False))
    except CognitoError as refusal:
        if refusal.code != "AliasExistsException":
            raise
        raise CognitoError(refusal.code, f"An account with the {code.attribute} already exists.") from None
    return {}


@operation("AdminConfirmSignUp")
def admin_confirm_sign_up(call: Call, request: dict) -> dict:
    """Confirm a user without a code; no address is verified by it.

    Source: API_AdminConfirmSignUp.
    """
    user = directory.user(call, request["UserPoolId"], request["Username"])
    _refuse_confirmed(user)
    _confirm(call, user)
    return {}


def _refuse_confirmed(user: User) -> None:
    if user.status != "UNCONFIRMED":
        raise not_authorized(f"User cannot be confirmed. Current status is {user.status}")


def _confirm(call: Call, user: User) -> None:
    user.status = "CONFIRMED"
    user.modified_at = call.now
    triggers.fire(user.pool, "PostConfirmation")


@operation("ResendConfirmationCode")
def resend_confirmation_code(call: Call, request: dict) -> dict:
    """Send a new sign-up code; the old one is dead.

    Source: API_ResendConfirmationCode.
    """
    client = directory.app_client(call, request)
    user = directory.user_of_client(call, client, request["Username"])
    lockout.hourly(call, lockout.subject(call, client.pool, user, request["Username"]), "ResendConfirmationCode")
    if not client.pool.auto_verified:
        raise _no_auto_verification()
    if user is None or (client.hides_users and not user.enabled):
        return {"CodeDeliveryDetails": codes.pretend_to_send(call, client.pool, request["Username"], "SignUp")}
    if user.status != "UNCONFIRMED":
        raise invalid_parameter("User is already confirmed.")
    attribute = codes.sign_up_attribute(client.pool, user)
    if attribute is None:
        raise _no_auto_verification()
    return {"CodeDeliveryDetails": codes.send(call, user, "SignUp", attribute, client=client, message="ResendCode")}


def _no_auto_verification() -> CognitoError:
    return not_authorized("Cannot resend codes. Auto verification not turned on.")
