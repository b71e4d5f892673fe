"""Users as an administrator sees them: made, shown, disabled, deleted, listed."""

from authservice.errors import CognitoError, user_not_found
from authservice.local import triggers
from authservice.local.accounts import directory, listing, passwords, profile, registration
from authservice.local.call import Call, operation
from authservice.local.messaging import outbox, templates
from authservice.local.models import Pool, User
from authservice.local.tokens import check, refresh


@operation("AdminCreateUser")
def admin_create_user(call: Call, request: dict) -> dict:
    """Make a user with a temporary password and invite him; or send the invitation again (RESEND).

    The message goes by SMS unless DesiredDeliveryMediums says EMAIL; SUPPRESS sends none, and a user
    without the address gets none.
    Required attributes may be missing: they are asked for at the first sign-in.
    Source: API_AdminCreateUser.
    """
    pool = directory.pool(call, request["UserPoolId"])
    if request.get("MessageAction") == "RESEND":
        return {"User": profile.listed(_invite_again(call, pool, request))}
    username = request["Username"]
    profile.check_username(pool, username)
    attributes = profile.read(pool, request.get("UserAttributes", []))
    registration.name_as_attribute(pool, username, attributes)
    password = request.get("TemporaryPassword") or passwords.generate(call, pool)
    passwords.check_policy(pool, password, passwords.CREATING)
    triggers.fire(pool, "PreSignUp")
    exists = None if pool.username_attributes else CognitoError("UsernameExistsException", "User account already exists")
    user = registration.new_user(call, pool, username, attributes, "FORCE_CHANGE_PASSWORD",
                                 exists=exists, take_over=request.get("ForceAliasCreation", False))
    passwords.set_password(call, user, password)
    if request.get("MessageAction") != "SUPPRESS":
        _invite(call, user, password, request)
    return {"User": profile.listed(user)}


def _invite_again(call: Call, pool: Pool, request: dict) -> User:
    user = directory.find_user(call, pool, request["Username"])
    if user is None:
        raise user_not_found()
    if user.status != "FORCE_CHANGE_PASSWORD":
        raise CognitoError("UnsupportedUserStateException",
                           f"Resend not possible. {request['Username']} status is not FORCE_CHANGE_PASSWORD")
    password = request.get("TemporaryPassword") or passwords.generate(call, pool)
    passwords.check_policy(pool, password, passwords.CREATING)
    passwords.set_password(call, user, password)
    refresh.revoke_all(call, user)  # also a sign-in that the former password began
    _invite(call, user, password, request)
    return user


def _invite(call: Call, user: User, password: str, request: dict) -> None:
    """Send username and temporary password by each medium asked for that the user has an address for."""
    mediums = request.get("DesiredDeliveryMediums") or ["SMS"]
    addresses = {"SMS": user.attributes.get("phone_number"), "EMAIL": user.attributes.get("email")}
    for medium in (medium for medium in mediums if addresses[medium]):
        shown = user.attributes.get(profile.username_attribute(user.pool, request["Username"]) or "", user.username)
        subject, text = templates.render(user.pool, "AdminCreateUser", password, shown, medium=medium)
        outbox.post(call, user.pool, addresses[medium], medium, "AdminCreateUser", subject, text, password)


@operation("AdminGetUser")
def admin_get_user(call: Call, request: dict) -> dict:
    """Source: API_AdminGetUser."""
    user = directory.reading(call, request["UserPoolId"], request["Username"])
    shown = profile.listed(user)
    shown["UserAttributes"] = shown.pop("Attributes")
    return {**shown, **profile.mfa_members(user)}


@operation("AdminDeleteUser")
def admin_delete_user(call: Call, request: dict) -> dict:
    """Source: API_AdminDeleteUser."""
    call.db.delete(directory.user(call, request["UserPoolId"], request["Username"]))
    return {}


@operation("DeleteUser")
def delete_user(call: Call, request: dict) -> dict:
    """Delete oneself; the tokens die with the user, the name is free at once. Source: API_DeleteUser."""
    call.db.delete(check.signed_in(call, request["AccessToken"]).user)
    return {}


@operation("AdminDisableUser")
def admin_disable_user(call: Call, request: dict) -> dict:
    """Shut a user out and end all his sign-ins. Source: API_AdminDisableUser."""
    user = directory.user(call, request["UserPoolId"], request["Username"])
    user.enabled = False
    user.modified_at = call.now
    refresh.revoke_all(call, user)
    return {}


@operation("AdminEnableUser")
def admin_enable_user(call: Call, request: dict) -> dict:
    """Let a user in again; tokens revoked before stay so. Source: API_AdminEnableUser."""
    user = directory.user(call, request["UserPoolId"], request["Username"])
    user.enabled = True
    user.modified_at = call.now
    return {}


@operation("ListUsers", reads="replica")
def list_users(call: Call, request: dict) -> dict:
    """A page of a pool's users, oldest first, filtered by one attribute. Source: API_ListUsers."""
    pool = directory.pool(call, request["UserPoolId"])
    return listing.users(call, pool, request)


