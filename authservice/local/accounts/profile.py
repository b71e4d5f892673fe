"""A user's attributes: what the schema allows, who may read and write them, how they are shown.

Does not own how a changed email is proven (operations/attributes.py) nor how a user
is found by one (directory.py).
"""

import re

from authservice.errors import CognitoError, invalid_parameter, not_authorized
from authservice.local.models import AppClient, Pool, User

VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
EMAIL = re.compile(r"[^@\s<>,;\"\\()\[\]:]+@[^@\s<>,;\"\\()\[\]:]+")
PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
BIRTHDATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONGEST_VALUE = 2048


def read(pool: Pool, given: list[dict], writable_by: AppClient | None = None) -> dict[str, str]:
    """The {name: value} of a request's attribute list, held to the pool's schema.

    Refuses an unknown attribute, a value of the wrong form or size and, when an app client
    writes for its user, one that it may not write (the `_verified` flags never, so that nobody
    vouches for his own address).
    """
    schema = schema_of(pool)
    attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in given}
    if writable_by:
        allowed = writable(writable_by)
        if any(name not in allowed for name in attributes if name in schema):
            raise not_authorized("A client attempted to write unauthorized attribute")
    problems = [f"{name}: {problem}\n" for name, value in attributes.items()
                if (problem := _problem(schema.get(name), name, value))]
    if problems:
        raise invalid_parameter(f"Attributes did not conform to the schema: {''.join(problems)}")
    for name, value in attributes.items():
        check_form(name, value)
    return attributes


def schema_of(pool: Pool) -> dict[str, dict]:
    return {entry["Name"]: entry for entry in pool.schema}


def check_required(pool: Pool, attributes: dict[str, str]) -> None:
    """Refuse a new user who lacks an attribute the pool requires."""
    missing = [f"{name}: The attribute is required\n" for name in required(pool) if not attributes.get(name)]
    if missing:
        raise invalid_parameter(f"Attributes did not conform to the schema: {''.join(missing)}")


def required(pool: Pool) -> list[str]:
    return [entry["Name"] for entry in pool.schema if entry.get("Required") and entry["Name"] != "sub"]


def check_mutable(pool: Pool, names) -> None:
    """Refuse a change of what can only be set when the user is made."""
    schema = schema_of(pool)
    for name in names:
        if name == "sub":
            raise invalid_parameter("Cannot modify the non-mutable attribute sub")
        if name not in schema:
            raise invalid_parameter(f"Invalid user attributes: user.{name}: Attribute does not exist in the schema.\n")
        if not schema[name].get("Mutable", True):
            raise invalid_parameter(f"user.{name}: Attribute cannot be updated.\n")


def check_form(name: str, value: str) -> None:
    """Refuse an email address or phone number that is none. An empty value removes the attribute."""
    if name == "email" and value and not EMAIL.fullmatch(value):
        raise invalid_parameter("Invalid email address format.")
    if name == "phone_number" and value and not PHONE.fullmatch(value):
        raise invalid_parameter("Invalid phone number format.")


def _problem(entry: dict | None, name: str, value: str) -> str | None:
    if entry is None or name == "sub":
        return "Attribute does not exist in the schema."
    if not value:
        return None
    if len(value.encode()) > LONGEST_VALUE:
        return "The attribute value is too long"
    kind = entry["AttributeDataType"]
    if kind == "Boolean" and value.lower() not in ("true", "false"):
        return "The attribute value is not a boolean"
    if kind == "Number":
        return _number_problem(entry.get("NumberAttributeConstraints", {}), value)
    if name == "birthdate" and not BIRTHDATE.fullmatch(value):
        return "The attribute value is not a date of the form YYYY-MM-DD"
    limits = entry.get("StringAttributeConstraints", {})
    if len(value) < int(limits.get("MinLength", 0)):
        return "The attribute value is too short"
    if len(value) > int(limits.get("MaxLength", LONGEST_VALUE)):
        return "The attribute value is too long"
    return None


def _number_problem(limits: dict, value: str) -> str | None:
    if not re.fullmatch(r"-?[0-9]{1,64}(\.[0-9]{1,64})?", value):
        return "The attribute value is not a number"
    if "MinValue" in limits and float(value) < float(limits["MinValue"]):
        return "The attribute value is too small"
    if "MaxValue" in limits and float(value) > float(limits["MaxValue"]):
        return "The attribute value is too large"
    return None


def writable(client: AppClient) -> set[str]:
    """What users of this app client may write: its WriteAttributes, else every attribute that is theirs to set."""
    schema = schema_of(client.pool)
    listed = client.settings.get("WriteAttributes")
    names = set(listed) if listed else {n for n, entry in schema.items() if not entry.get("DeveloperOnlyAttribute")}
    return names - {"sub", "identities", *VERIFIED.values()}


def change(user: User, changes: dict[str, str]) -> None:
    """Set attributes; an empty value removes one, and an address takes its verified flag along."""
    for name, value in changes.items():
        if value:
            user.attributes[name] = value.lower() if name in VERIFIED.values() else value
        else:
            remove(user, [name])


def remove(user: User, names) -> None:
    for name in names:
        user.attributes.pop(name, None)
        user.pending.pop(name, None)
        if name in VERIFIED:
            user.attributes.pop(VERIFIED[name], None)


def is_verified(user: User, attribute: str) -> bool:
    return bool(user.attributes.get(attribute)) and user.attributes.get(VERIFIED[attribute]) == "true"


def attribute_list(user: User, names: set[str] | None = None) -> list[dict]:
    """[{Name, Value}], `sub` first; `names` leaves only those."""
    everything = {"sub": user.id, **user.attributes}
    return [{"Name": name, "Value": value} for name, value in everything.items() if names is None or name in names]


def listed(user: User, names: set[str] | None = None) -> dict:
    """A user as AdminCreateUser, ListUsers and ListUsersInGroup show one."""
    return {"Username": user.username, "Attributes": attribute_list(user, names), "UserCreateDate": user.created_at,
            "UserLastModifiedDate": user.modified_at, "Enabled": user.enabled, "UserStatus": user.status}


def mfa_members(user: User) -> dict:
    """PreferredMfaSetting and UserMFASettingList, left out while the user has no factor."""
    if not user.mfa_methods:
        return {}
    preferred = {"PreferredMfaSetting": user.mfa_preferred} if user.mfa_preferred else {}
    return {**preferred, "UserMFASettingList": list(user.mfa_methods)}


def check_username(pool: Pool, username: str) -> None:
    """Refuse a username whose form the pool's sign-in model does not allow."""
    is_email, is_phone = bool(EMAIL.fullmatch(username)), bool(PHONE.fullmatch(username))
    match sorted(pool.username_attributes):
        case ["email", "phone_number"] if not (is_email or is_phone):
            raise invalid_parameter("Username should be either an email or a phone number.")
        case ["email"] if not is_email:
            raise invalid_parameter("Username should be an email.")
        case ["phone_number"] if not is_phone:
            raise invalid_parameter("Username should be a phone number.")
    if "email" in pool.alias_attributes and is_email:
        raise invalid_parameter("Username cannot be of email format, since user pool is configured for email alias.")
    if "phone_number" in pool.alias_attributes and is_phone:
        raise invalid_parameter(
            "Username cannot be of phone number format, since user pool is configured for phone number alias.")


def username_attribute(pool: Pool, username: str) -> str | None:
    """Which attribute a typed username is, in a pool where email or phone number is the username."""
    if not pool.username_attributes:
        return None
    return "email" if "@" in username else "phone_number"


def username_exists(pool: Pool, username: str) -> CognitoError:
    attribute = username_attribute(pool, username)
    message = f"An account with the given {attribute} already exists." if attribute else "User already exists"
    return CognitoError("UsernameExistsException", message)
