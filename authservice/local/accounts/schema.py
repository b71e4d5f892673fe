"""A pool's attribute schema: the standard attributes, and the custom ones a pool adds.

Owns SchemaAttributes as DescribeUserPool shows them. Does not own the values users
have for them (profile.py) nor the rest of a pool's settings (pool_settings.py).
Source: Developer Guide, "Working with user attributes"; API_SchemaAttributeType.
"""

from authservice.errors import CognitoError, invalid_parameter

TEXT = ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
        "profile", "picture", "website", "email")
MOST_CUSTOM = 50
LONGEST = 2048
FLAGS = ("email_verified", "phone_number_verified")
"""Standard too, but no pool redefines them: in a Schema these are names of custom attributes."""
CONSTRAINTS = {"String": "StringAttributeConstraints", "Number": "NumberAttributeConstraints"}
BOUNDS = {"String": ("MinLength", "MaxLength"), "Number": ("MinValue", "MaxValue")}


def standard() -> list[dict]:
    """The 20 attributes every pool has, in the order DescribeUserPool gives them."""
    return [_entry("sub", "String", ("1", "2048"), mutable=False, required=True),
            *(_entry(name, "String", ("0", "2048")) for name in TEXT),
            _entry("email_verified", "Boolean"),
            _entry("gender", "String", ("0", "2048")),
            _entry("birthdate", "String", ("10", "10")),
            _entry("zoneinfo", "String", ("0", "2048")),
            _entry("locale", "String", ("0", "2048")),
            _entry("phone_number", "String", ("0", "2048")),
            _entry("phone_number_verified", "Boolean"),
            _entry("address", "String", ("0", "2048")),
            _entry("updated_at", "Number", ("0",))]


def _entry(name: str, kind: str, bounds: tuple = (), mutable: bool = True, required: bool = False) -> dict:
    entry = {"Name": name, "AttributeDataType": kind, "DeveloperOnlyAttribute": False, "Mutable": mutable,
             "Required": required}
    if bounds:
        entry[CONSTRAINTS[kind]] = dict(zip(BOUNDS[kind], bounds))
    return entry


def of_new_pool(given: list[dict]) -> list[dict]:
    """The schema of a pool made with this Schema: standard attributes as redefined by it, then its own."""
    names = [entry.get("Name") for entry in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise invalid_parameter(f"Duplicate custom attribute names custom:{twice} are not allowed in a user "
                                "pool schema.")
    known = {entry["Name"]: entry for entry in standard()}
    redefinitions = [entry for entry in given if entry.get("Name") in known and entry["Name"] not in FLAGS]
    for entry in redefinitions:
        known[entry["Name"]] = _redefined(known[entry["Name"]], entry)
    return with_custom(list(known.values()), [entry for entry in given if entry not in redefinitions])


def _redefined(original: dict, given: dict) -> dict:
    name, kind = original["Name"], original["AttributeDataType"]
    changed = {**original, **given}
    if CONSTRAINTS[kind] in given:
        changed[CONSTRAINTS[kind]] = {**original[CONSTRAINTS[kind]], **given[CONSTRAINTS[kind]]}
    _check_constraints(name, kind, changed)
    fixed = ["AttributeDataType", "DeveloperOnlyAttribute"] + ["Mutable", "Required"] * (name == "sub")
    if any(changed[member] != original[member] for member in fixed):
        raise invalid_parameter("You can not change AttributeDataType or set developerOnlyAttribute for "
                                f"standard schema attribute {name}")
    return changed


def with_custom(schema: list[dict], given: list[dict]) -> list[dict]:
    """The schema with these custom attributes added; no attribute can be removed or changed later.

    Refuses a name that is taken (for developers only or not), a required one, constraints of another
    type than the attribute's, and a 51st custom attribute.
    """
    extended = list(schema)
    for entry in given:
        attribute = _custom(entry)
        name = _bare(attribute["Name"])
        if any(_bare(other["Name"]) == name for other in custom(extended)):
            raise invalid_parameter(f"custom:{name}: Existing attribute already has name custom:{name}.")
        extended.append(attribute)
    if len(custom(extended)) > MOST_CUSTOM:
        raise invalid_parameter(f"A user pool has at most {MOST_CUSTOM} custom attributes.")
    return extended


def custom(schema: list[dict]) -> list[dict]:
    return [entry for entry in schema if entry["Name"].startswith(("custom:", "dev:custom:"))]


def _bare(name: str) -> str:
    return name.removeprefix("dev:").removeprefix("custom:")


def _custom(given: dict) -> dict:
    kind = given.get("AttributeDataType")
    if kind is None:
        raise invalid_parameter("Invalid AttributeDataType input, consider using the provided "
                                "AttributeDataType enum.")
    if not given.get("Name"):
        raise invalid_parameter("Invalid attribute name: a custom attribute needs a name.")
    if given.get("Required"):
        raise invalid_parameter("Required custom attributes are not supported currently.")
    for_developers = given.get("DeveloperOnlyAttribute", False)
    name = f"{'dev:' if for_developers else ''}custom:{given['Name']}"
    _check_constraints(name, kind, given)
    attribute = {"Name": name, "AttributeDataType": kind, "DeveloperOnlyAttribute": for_developers,
                 "Mutable": given.get("Mutable", True), "Required": False}
    if kind in CONSTRAINTS:
        attribute[CONSTRAINTS[kind]] = dict(given.get(CONSTRAINTS[kind], {}))
    return attribute


def _check_constraints(name: str, kind: str, given: dict) -> None:
    for owner, member in CONSTRAINTS.items():
        if member in given and owner != kind:
            raise _bad_constraints(member, name)
    if CONSTRAINTS.get(kind) not in given:
        return
    member = CONSTRAINTS[kind]
    least, most = (_number(given[member].get(bound), member, name) for bound in BOUNDS[kind])
    if kind == "String" and max(least or 0, most or 0) > LONGEST:
        raise invalid_parameter(f"user.{name}: String attributes cannot have a length of more than {LONGEST}")
    if kind == "String" and min(least or 0, most or 0) < 0:
        raise _bad_constraints(member, name)
    if least is not None and most is not None and most < least:
        what = ("Max length", "min length") if kind == "String" else ("Max value", "min value")
        raise invalid_parameter(f"user.{name}: {what[0]} cannot be less than {what[1]}.")


def _number(text: str | None, member: str, name: str) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise _bad_constraints(member, name)
    return int(text)


def _bad_constraints(member: str, name: str) -> CognitoError:
    return invalid_parameter(f"Invalid {member} for schema attribute {name}")
