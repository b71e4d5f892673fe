"""A user's attributes: changed, deleted, verified, by himself or by an administrator."""

from authservice.errors import CognitoError, invalid_parameter, too_many_requests
from authservice.local.accounts import codes, directory, lockout, profile
from authservice.local.call import Call, operation
from authservice.local.models import User
from authservice.local.tokens import check


@operation("GetUser")
def get_user(call: Call, request: dict) -> dict:
    """The user's own profile, as far as the app client may read it. Source: API_GetUser."""
    sign_in = check.reading(call, request["AccessToken"])
    user = sign_in.user
    attributes = profile.attribute_list(user, sign_in.client.readable)
    return {"Username": user.username, "UserAttributes": attributes, **profile.mfa_members(user)}


@operation("UpdateUserAttributes")
def update_user_attributes(call: Call, request: dict) -> dict:
    """Change attributes of one's own. A new email or phone number is unverified until its code comes back.

    Where the pool's UserAttributeUpdateSettings say so, the old value stays in force until then.
    Source: API_UpdateUserAttributes.
    """
    sign_in = check.signed_in(call, request["AccessToken"])
    user = sign_in.user
    changes = profile.read(user.pool, request["UserAttributes"], writable_by=sign_in.client)
    profile.check_mutable(user.pool, changes)
    _refuse_removal_of_required(user, [name for name, value in changes.items() if not value])
    sent = _apply(call, user, changes, by_administrator=False)
    return {"CodeDeliveryDetailsList": sent} if sent else {}


@operation("AdminUpdateUserAttributes")
def admin_update_user_attributes(call: Call, request: dict) -> dict:
    """The same without the app client's limits; an administrator may also vouch for an address.

    Source: API_AdminUpdateUserAttributes.
    """
    user = directory.user(call, request["UserPoolId"], request["Username"])
    profile.check_mutable(user.pool, [attribute["Name"] for attribute in request["UserAttributes"]])
    changes = profile.read(user.pool, request["UserAttributes"])
    _refuse_removal_of_required(user, [name for name, value in changes.items() if not value])
    _apply(call, user, changes, by_administrator=True)
    return {}


def _apply(call: Call, user: User, changes: dict[str, str], by_administrator: bool) -> list[dict]:
    """Write the changes; answers the CodeDeliveryDetails of the codes sent for new addresses.

    Who administers the pool vouches for an address by its verified flag; a user's own changes have none.
    """
    sent = []
    vouched = {name for name, flag in profile.VERIFIED.items() if changes.get(flag) == "true"}
    kept_back = user.pool.settings.get("UserAttributeUpdateSettings", {}).get(
        "AttributesRequireVerificationBeforeUpdate", [])
    for name in [name for name in profile.VERIFIED if changes.get(name)]:
        value = changes[name]
        if value == user.attributes.get(name) or name in vouched:
            continue
        if name in kept_back:
            user.pending[name] = changes.pop(name)
        else:
            user.attributes[profile.VERIFIED[name]] = "false"
        if name in user.pool.auto_verified and (name in kept_back or not by_administrator):
            whose = lockout.subject(call, user.pool, user, user.username)
            lockout.hourly(call, whose, "GetUserAttributeVerificationCode", too_many_requests)
            sent.append(codes.send(call, user, f"VerifyUserAttribute:{name}", name, value,
                                   message="UpdateUserAttribute"))
    profile.change(user, changes)
    directory.index(call, user, take_over=bool(vouched))
    user.modified_at = call.now
    return sent


@operation("DeleteUserAttributes")
def delete_user_attributes(call: Call, request: dict) -> dict:
    """Source: API_DeleteUserAttributes."""
    sign_in = check.signed_in(call, request["AccessToken"])
    names = request["UserAttributeNames"]
    profile.read(sign_in.user.pool, [{"Name": name} for name in names if name in profile.schema_of(sign_in.user.pool)],
                 writable_by=sign_in.client)
    _delete(call, sign_in.user, names)
    return {}


@operation("AdminDeleteUserAttributes")
def admin_delete_user_attributes(call: Call, request: dict) -> dict:
    """Source: API_AdminDeleteUserAttributes."""
    _delete(call, directory.user(call, request["UserPoolId"], request["Username"]), request["UserAttributeNames"])
    return {}


def _delete(call: Call, user: User, names: list[str]) -> None:
    profile.check_mutable(user.pool, names)
    _refuse_removal_of_required(user, names)
    profile.remove(user, names)
    directory.index(call, user)
    user.modified_at = call.now


def _refuse_removal_of_required(user: User, names: list[str]) -> None:
    """Refuse to remove what the pool requires, or the last attribute the user signs in with."""
    signs_in_with = {name for name in user.pool.username_attributes if user.attributes.get(name)}
    needed = set(profile.required(user.pool)) | (signs_in_with if signs_in_with <= set(names) else set())
    for name in names:
        if name in needed:
            raise invalid_parameter(f"user.{name}: The attribute is required\n")


@operation("GetUserAttributeVerificationCode")
def get_user_attribute_verification_code(call: Call, request: dict) -> dict:
    """Send a code that verifies one's email or phone number.

    Source: API_GetUserAttributeVerificationCode.
    """
    user = check.signed_in(call, request["AccessToken"]).user
    name = request["AttributeName"]
    value = user.pending.get(name) or user.attributes.get(name)
    if name not in profile.VERIFIED:
        raise invalid_parameter(f"Cannot verify the attribute {name}: only email and phone_number can be verified.")
    if not value:
        raise invalid_parameter(f"The user has no {name} to verify.")
    if profile.is_verified(user, name) and name not in user.pending:
        raise invalid_parameter(f"The {name} is already verified.")
    lockout.hourly(call, lockout.subject(call, user.pool, user, user.username), "GetUserAttributeVerificationCode")
    return {"CodeDeliveryDetails": codes.send(call, user, f"VerifyUserAttribute:{name}", name, value)}


@operation("VerifyUserAttribute")
def verify_user_attribute(call: Call, request: dict) -> dict:
    """Verify an address by its code; a value kept back until now takes effect, and an alias moves here.

    The code counts only for the value it was sent to. Source: API_VerifyUserAttribute.
    """
    user = check.signed_in(call, request["AccessToken"]).user
    name = request["AttributeName"]
    if name not in profile.VERIFIED:
        raise invalid_parameter(f"Cannot verify the attribute {name}: only email and phone_number can be verified.")
    lockout.hourly(call, lockout.subject(call, user.pool, user, user.username), "VerifyUserAttribute")
    code = codes.check(call, user, f"VerifyUserAttribute:{name}", request["Code"])
    if code.destination not in (user.pending.get(name), user.attributes.get(name)):
        raise CognitoError("ExpiredCodeException", "Invalid code provided, please request a code again.")
    user.pending.pop(name, None)
    profile.change(user, {name: code.destination, profile.VERIFIED[name]: "true"})
    directory.index(call, user, take_over=True)
    user.modified_at = call.now
    return {}
