"""What a form asks for: fields from the pool's schema, rules from its policy; which field a refusal means.

Owns names, input types and autocomplete tokens (HTML Standard, "Autofill"); labels and texts stand in
templates/texts.html.
"""
import re
from dataclasses import dataclass

from authservice.errors import CognitoError


@dataclass(frozen=True)
class Field:
    """One input of a form; `name` is the attribute's, from which the template knows the label."""

    name: str
    type: str = "text"
    autocomplete: str | None = None
    required: bool = True

    @property
    def input_name(self) -> str:
        """The name Cognito's own sign-up form gives the field."""
        return f"requiredAttributes[{self.name}]"


KINDS = {
    "name": ("text", "name"),
    "given_name": ("text", "given-name"),
    "family_name": ("text", "family-name"),
    "middle_name": ("text", "additional-name"),
    "nickname": ("text", "nickname"),
    "profile": ("url", None),
    "picture": ("url", "photo"),
    "website": ("url", "url"),
    "email": ("email", "email"),
    "gender": ("text", "sex"),
    "birthdate": ("date", "bday"),
    "locale": ("text", "language"),
    "phone_number": ("tel", "tel"),
    "address": ("text", "street-address"),
    "updated_at": ("number", None),
}


def attribute(name: str) -> Field:
    """The field for an attribute of the user; birthdate's date input gives Cognito's YYYY-MM-DD."""
    return Field(name, *KINDS.get(name, ("text", None)))


def username(pool: dict) -> Field:
    """The field for the name to sign up with: an email address or phone number where the pool says so."""
    kinds = pool.get("UsernameAttributes", [])
    if len(kinds) == 1:
        return Field(kinds[0], attribute(kinds[0]).type, "username")
    return Field("email_or_phone_number" if kinds else "username", "text", "username")


def sign_in_name(pool: dict) -> Field:
    """The field for the name to sign in with: also an alias, where the pool has them."""
    aliases = [name for name in ("email", "phone_number") if name in pool.get("AliasAttributes", [])]
    return Field("_or_".join(["username", *aliases]), "text", "username") if aliases else username(pool)


def sign_up_attributes(pool: dict) -> list[Field]:
    """The pool's required attributes that the username does not already give.

    Differs: if none of them could receive the confirmation code, the address that can is asked for too, since
    without a code nobody could finish the sign-up.
    """
    given = pool.get("UsernameAttributes", [])
    names = [entry["Name"] for entry in pool.get("SchemaAttributes", []) if entry.get("Required")]
    names = [name for name in names if name != "sub" and [name] != given]
    reachable = pool.get("AutoVerifiedAttributes", [])
    if reachable and not set(reachable) & {*names, *given}:
        names.append("email" if "email" in reachable else reachable[0])
    return [attribute(name) for name in names]


def typed_attributes(asked: list[Field], form) -> list[dict]:
    """What was typed into the fields, as Cognito's list of attributes; a field left empty is left out."""
    values = {field.name: form.get(field.input_name, "").strip() for field in asked}
    if "phone_number" in values:
        values["phone_number"] = without_separators(values["phone_number"])
    return [{"Name": name, "Value": value} for name, value in values.items() if value]


def without_separators(number: str) -> str:
    """A phone number as E.164 has it, where people write groups; other text stays."""
    return re.sub(r"[\s().-]", "", number) if re.fullmatch(r"\+[\d\s().-]+", number) else number


def password_rules(pool: dict) -> dict:
    """The pool's password policy with the defaults that apply where it is silent."""
    policy = pool.get("Policies", {}).get("PasswordPolicy", {})
    return {"MinimumLength": 8, **policy}


FIELD_OF_ERROR = {
    "UsernameExistsException": "username",
    "AliasExistsException": "username",
    "UserNotFoundException": "username",
    "InvalidPasswordException": "password",
    "PasswordHistoryPolicyViolationException": "password",
    "PasswordsDiffer": "password_again",
    "CodeMismatchException": "code",
    "ExpiredCodeException": "code",
    "EnableSoftwareTokenMFAException": "code",
}

FIELD_OF_MEMBER = {
    "username": "username", "USERNAME": "username",
    "password": "password", "PASSWORD": "password", "NEW_PASSWORD": "password",
    "confirmationCode": "code", "userCode": "code", "SOFTWARE_TOKEN_MFA_CODE": "code",
}

FIELD_OF_MESSAGE = {"Username": "username", "Invalid email address": "email", "Invalid phone number": "phone_number"}


def at_fault(error: CognitoError) -> str | None:
    """The field that a refusal is about, if any: `username`, `password`, `code` or an attribute's name."""
    broken_limit = re.search(r"at '([\w.]+)' failed to satisfy constraint", error.message)
    if broken_limit:
        steps = broken_limit.group(1).split(".")
        return next((FIELD_OF_MEMBER[step] for step in reversed(steps) if step in FIELD_OF_MEMBER), None)
    missing = re.search(r"Missing required parameter (\w+)", error.message)
    if missing:
        return FIELD_OF_MEMBER.get(missing.group(1))
    attribute_named = re.search(r"(?:did not conform to the schema: (?:user\.)?|Invalid attributes given, )([\w:]+)"
                                   r"(?:: | is missing)", error.message)
    if attribute_named:
        return attribute_named.group(1)
    if error.code == "InvalidParameterException":
        for beginning, name in FIELD_OF_MESSAGE.items():
            if error.message.startswith(beginning):
                return name
    return FIELD_OF_ERROR.get(error.code)
