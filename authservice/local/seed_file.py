"""A seed's TOML file: read, its ${…} filled in, every name, type and limit checked.

Owns the form of the file, and where in it a mistake is. What the tables do to the
database is seed.py's; what a table `settings` or `mfa` may hold says Cognito's own
service model, as for the API.
"""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from authservice.contract import service
from authservice.errors import CognitoError

FILLER = "x_x"
"""Stands for the required members of an operation while one other member is checked."""


class SeedError(Exception):
    """A mistake in a seed; the message begins with the file and the place in it. Nothing was written."""


@dataclass(frozen=True)
class Kind:
    """What one kind of table holds. `keys` and `settings` name the operation that describes them."""

    keys: dict[str, tuple[str, str]]
    """{key: (operation, member)}: a value with the member's type and limits."""
    required: tuple[str, ...]
    settings: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    """{key: (operation, members that have a key of their own)}: a table of the operation's members."""
    own: dict[str, str] = field(default_factory=dict)
    """{key: what it is} for what no operation describes; see OWN."""
    tables: dict[str, "Kind"] = field(default_factory=dict)


CLIENT = Kind({"id": ("DescribeUserPoolClient", "ClientId"), "name": ("CreateUserPoolClient", "ClientName"),
               "secret": ("CreateUserPoolClient", "ClientSecret")}, required=("id", "name"),
              settings={"settings": ("CreateUserPoolClient", {"UserPoolId", "ClientName", "ClientSecret"})})
GROUP = Kind({"name": ("CreateGroup", "GroupName"), "description": ("CreateGroup", "Description"),
              "role_arn": ("CreateGroup", "RoleArn"), "precedence": ("CreateGroup", "Precedence")},
             required=("name",))
RESOURCE_SERVER = Kind({"identifier": ("CreateResourceServer", "Identifier"),
                        "name": ("CreateResourceServer", "Name"),
                        "scopes": ("CreateResourceServer", "Scopes")},
                       required=("identifier", "name"))
USER = Kind({"username": ("AdminCreateUser", "Username"), "password": ("AdminSetUserPassword", "Password"),
             "temporary_password": ("AdminCreateUser", "TemporaryPassword")}, required=("username",),
            own={"attributes": "attributes", "groups": "names", "totp_secret": "base32", "sub": "uuid",
                 "enabled": "flag"})
POOL = Kind({"id": ("DescribeUserPool", "UserPoolId"), "name": ("CreateUserPool", "PoolName"),
             "domain": ("CreateUserPoolDomain", "Domain")}, required=("id", "name"),
            settings={"settings": ("CreateUserPool", {"PoolName"}),
                      "mfa": ("SetUserPoolMfaConfig", {"UserPoolId"})},
            tables={"client": CLIENT, "group": GROUP, "resource_server": RESOURCE_SERVER, "user": USER})
FILE = Kind({}, required=("pool",), tables={"pool": POOL})

BASE32 = re.compile(r"[A-Z2-7]{16,}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OWN = {"attributes": ("a table of texts and true/false", lambda value: isinstance(value, dict) and all(
           isinstance(item, (str, bool)) for item in value.values())),
       "names": ("a list of names", lambda value: isinstance(value, list) and all(
           isinstance(item, str) for item in value)),
       "base32": ("a base32 secret of 16 characters or more", lambda value: isinstance(value, str) and (
           BASE32.fullmatch(value))),
       "uuid": ("a UUID in lower case", lambda value: isinstance(value, str) and UUID.fullmatch(value)),
       "flag": ("true or false", lambda value: isinstance(value, bool))}


@dataclass(frozen=True)
class Table:
    """A checked table and its place in the file."""

    place: str
    values: dict

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str):
        return self.values[key]

    def get(self, key: str, default=None):
        return self.values.get(key, default)

    def mistake(self, key: str, message: str) -> SeedError:
        return SeedError(f"{self.place}.{key}: {message}")

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Turn what Cognito would refuse here into a mistake at this place."""
        try:
            yield
        except CognitoError as refusal:
            raise self.mistake(key, refusal.message.strip()) from None


def read(path: str | Path, fill: dict[str, str]) -> list[Table]:
    """The pools of a seed. Raises SeedError for the first mistake found in it."""
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SeedError(f"{path.name}: {error}") from None
    root = f"{path.name}:"
    return _table(FILE, _filled(content, root, fill), root)["pool"]


def _under(place: str, key: str) -> str:
    return f"{place} {key}" if place.endswith(":") else f"{place}.{key}"


def _filled(value, place: str, fill: dict[str, str]):
    if isinstance(value, dict):
        return {key: _filled(item, _under(place, key), fill) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, f"{place}[{number}]", fill) for number, item in enumerate(value, 1)]
    if not isinstance(value, str):
        return value
    unknown = [name for name in re.findall(r"\$\{(\w*)\}", value) if name not in fill]
    if unknown:
        known = " and ".join(f"${{{name}}}" for name in fill)
        raise SeedError(f"{place}: ${{{unknown[0]}}} is unknown; there are {known}")
    return re.sub(r"\$\{(\w+)\}", lambda found: fill[found[1]], value)


def _table(kind: Kind, value, place: str) -> Table:
    _demand(isinstance(value, dict), place, "must be a table")
    known = [*kind.keys, *kind.settings, *kind.own, *kind.tables]
    for key in value:
        _demand(key in known, _under(place, key), f"unknown; known here are {', '.join(known)}")
    for key in kind.required:
        _demand(key in value, place.removesuffix(":"), f"{key} is missing")
    return Table(place, {key: _checked(kind, key, item, _under(place, key)) for key, item in value.items()})


def _checked(kind: Kind, key: str, value, place: str):
    if key in kind.tables:
        _demand(isinstance(value, list), place, f"must be written [[{key}]]")
        return [_table(kind.tables[key], item, f"{place}[{number}]") for number, item in enumerate(value, 1)]
    if key in kind.settings:
        operation, elsewhere = kind.settings[key]
        _demand(isinstance(value, dict), place, "must be a table")
        for member, item in value.items():
            _demand(member not in elsewhere, f"{place}.{member}", "has a key of its own, beside this table")
            _hold_to_model(operation, member, item, f"{place}.{member}")
    elif key in kind.keys:
        _hold_to_model(*kind.keys[key], value, place)
    else:
        wanted, fits = OWN[kind.own[key]]
        _demand(fits(value), place, f"must be {wanted}")
    return value


def _demand(condition, place: str, message: str) -> None:
    if not condition:
        raise SeedError(f"{place}: {message}")


def _hold_to_model(operation: str, member: str, value, place: str) -> None:
    """Hold a value to the type and the limits that the service model has for a member."""
    shape = service().operation(operation).input_shape
    _demand(member in shape.members, place, f"{operation} has no such member")
    _check_types(shape.members[member], value, place)
    request = {name: FILLER for name in shape.required_members} | {member: value}
    try:
        service().validate(operation, request)
    except CognitoError as refusal:
        raise SeedError(f"{place}: {refusal.message.partition('detected: ')[2]}") from None


def _check_types(shape, value, place: str) -> None:
    """Refuse a value of another type than a shape of the model; validation proper expects the right ones."""
    kind = shape.type_name
    if kind in ("structure", "map"):
        _demand(isinstance(value, dict), place, "must be a table")
        for name, item in value.items():
            inner = shape.value if kind == "map" else shape.members.get(name)
            _demand(inner, f"{place}.{name}", f"{shape.name} has no such member")
            _check_types(inner, item, f"{place}.{name}")
    elif kind == "list":
        _demand(isinstance(value, list), place, "must be a list")
        for number, item in enumerate(value, 1):
            _check_types(shape.member, item, f"{place}[{number}]")
    elif kind == "boolean":
        _demand(isinstance(value, bool), place, "must be true or false")
    elif kind in ("integer", "long"):
        _demand(isinstance(value, int) and not isinstance(value, bool), place, "must be a whole number")
    else:
        _demand(isinstance(value, str), place, "must be a text")
