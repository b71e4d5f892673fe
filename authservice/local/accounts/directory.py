"""Finding things: the pool, the app client, the user a request names.

A noun returns the row or refuses in Cognito's words; `find_…` may return None.
Owns also in which form names are compared, and which values sign in.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import lazyload
from sqlalchemy.orm.attributes import set_committed_value

from authservice.crypto import secret_hash
from authservice.errors import (CognitoError, alias_exists, client_not_found, group_not_found, invalid_parameter,
                                not_authorized, pool_not_found, unknown_username, user_not_found)
from authservice.local import readings
from authservice.local.call import Call
from authservice.local.models import AppClient, Group, Membership, Name, Pool, User
from authservice.local.readings import UserOfTokens, UserRead, UserSigningIn

LONGEST_KEY = 512
"""Characters; a key is indexed, and PostgreSQL indexes no more than 2,700 bytes."""
LONGEST_NAME = 2048
"""Characters of the longest attribute value, and so of the longest name anybody can have."""
SUB = 36
"""Characters of every sub, a UUID."""
SEARCHABLE = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")


def pool(call: Call, pool_id: str) -> Pool:
    return call.db.get(Pool, pool_id) or _refuse(pool_not_found(pool_id))


def _refuse(error):
    raise error


def find_client(call: Call, client_id: str) -> AppClient | None:
    return call.db.get(AppClient, client_id)


def app_client(call: Call, request: dict) -> AppClient:
    """The app client of a public request by its ClientId, after its SecretHash (where one is due) has proved right.

    For the operations with top-level ClientId, Username and SecretHash; sign-in passes its
    parameters to `check_secret_hash` itself.
    """
    client = client_to_read(call, request["ClientId"])
    check_secret_hash(call, client, request.get("SecretHash"), [request["Username"]])
    return client


def client_of(call: Call, client_id: str, pool_id: str | None = None) -> AppClient:
    """The app client with this id, of this pool where one is named; refuses with ResourceNotFoundException."""
    client = find_client(call, client_id)
    if client is None or pool_id not in (None, client.pool_id):
        raise client_not_found(client_id)
    call.about.update(pool=client.pool_id, client=client.id)
    return client


def check_secret_hash(call: Call, client: AppClient, given: str | None, names: Iterable[str],
                      missing: str = "Client {client} is configured with secret but SECRET_HASH was not received",
                      wrong: str = "Unable to verify secret hash for client {client}") -> None:
    """Refuse a request of a client with a secret that does not prove it, over any of `names`.

    Our own hosted pages hold no secret and are not asked for one.
    Source: Developer Guide, "Computing secret hash values".
    """
    if call.caller.is_hosted:
        return
    if not client.secrets:
        if given:
            raise invalid_parameter(f"Client {client.id} is not configured for secret but secret hash was received")
        return
    if not given:
        raise not_authorized(missing.format(client=client.id))
    names = list(names)
    proofs = [secret_hash.matches(given, call.vault.read_text(secret, "secret"), names, client.id)
              for secret in client.secrets]
    if not any(proofs):
        raise not_authorized(wrong.format(client=client.id))


def name_key(pool: Pool, value: str) -> str:
    """The form in which names are compared: NFKC, and without case where the pool ignores it.

    Look-alike spellings (full-width letters, ligatures) thus meet in one name and
    cannot be registered beside it. A normal form can be many times longer than what was typed: of
    a long one the beginning and a digest stand for the whole. What is longer than any name can be is
    not normalised at all, for that takes time that grows with the square of the length.
    """
    if len(value) > LONGEST_NAME:
        return hashlib.sha256(value.encode()).hexdigest()
    key = unicodedata.normalize("NFKC", value)
    if not pool.case_sensitive:
        key = unicodedata.normalize("NFKC", key.casefold())
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:LONGEST_KEY]}…{hashlib.sha256(key.encode()).hexdigest()}"


BY_NAME = (select(User).options(lazyload(User.pool)).join(Name, Name.user_id == User.id)
           .where(Name.pool_id == bindparam("pool_id"), Name.key == bindparam("key"), Name.signs_in))


def find_user(call: Call, pool: Pool, name: str) -> User | None:
    """The user a sign-in name belongs to: a username, or an active alias or sign-in attribute."""
    found = call.db.scalars(BY_NAME, {"pool_id": pool.id, "key": name_key(pool, name)}).one_or_none()
    if found is not None:
        set_committed_value(found, "pool", pool)
    return found


def find_user_signing_in(call: Call, pool: Pool, name: str) -> UserSigningIn | None:
    """The same as plain values, for a sign-in."""
    return readings.user_signing_in(call, pool.id, name_key(pool, name))


def user(call: Call, pool_id: str, name: str) -> User:
    """The user an administrator names: by username, sub, or an active alias.

    Refuses with ResourceNotFoundException (pool) or UserNotFoundException.
    """
    the_pool = pool(call, pool_id)
    # The sub first: whoever takes another's sub for a name must not be found in his stead.
    found = find_by_sub(call, the_pool, name) or find_user(call, the_pool, name)
    return call.is_about(found) or _refuse(user_not_found())


def reading(call: Call, pool_id: str, name: str) -> UserRead:
    """The same for a call that changes nothing, mostly in one query; the pool is as it is, or was half a second ago on
    another worker.
    """
    the_pool = readings.pool_of_late(call, pool_id)
    found = the_pool and _find_to_read(call, the_pool, name)
    if not found:
        pool_to_read(call, pool_id)  # perhaps it is gone
    return call.is_about(found) or _refuse(user_not_found())


def _find_to_read(call: Call, pool: Pool, name: str) -> UserRead | None:
    by_sub = readings.user_by_sub(call, pool, name) if len(name) == SUB else None
    return by_sub or readings.user_by_name(call, pool, name_key(pool, name))


def pool_to_read(call: Call, pool_id: str) -> Pool:
    """The pool, for a call that does not change it."""
    return readings.pool(call, pool_id) or _refuse(pool_not_found(pool_id))


def client_to_read(call: Call, client_id: str, pool_id: str | None = None) -> AppClient:
    """The app client with this id, as `client_of` gives it, for a call that does not change it."""
    client = readings.client(call, client_id)
    if client is None or pool_id not in (None, client.pool_id):
        raise client_not_found(client_id)
    call.about.update(pool=client.pool_id, client=client.id)
    return client


def find_by_sub(call: Call, pool: Pool, sub: str) -> User | None:
    found = call.db.get(User, sub)
    return found if found is not None and found.pool_id == pool.id else None


def user_of_client(call: Call, client: AppClient, name: str) -> User | None:
    """The user a public request names.

    An unknown one is refused, unless the app client hides who exists: then None, and the
    caller goes on as if, at the same cost.
    """
    found = find_user(call, client.pool, name)
    if found is None and not client.hides_users:
        raise unknown_username()
    return call.is_about(found)


def group(call: Call, pool_id: str, name: str) -> Group:
    pool(call, pool_id)
    return call.db.get(Group, (pool_id, name)) or _refuse(group_not_found())


GROUPS_OF = (select(Group.name, Group.role_arn, Group.precedence)
             .join(Membership, (Membership.pool_id == Group.pool_id) & (Membership.group_name == Group.name))
             .where(Membership.user_id == bindparam("user_id"))
             .order_by(Group.precedence.is_(None), Group.precedence, Group.name))


def groups_of(call: Call, user: User | UserOfTokens | UserSigningIn) -> list[tuple]:
    """(name, role_arn, precedence) of the user's groups, the lowest precedence number first, those without last."""
    if getattr(user, "in_groups", None) is False:
        return []
    return call.read(GROUPS_OF, {"user_id": user.id})


def sign_in_values(user: User) -> dict[str, str]:
    """{kind: value} of everything the user may type to sign in.

    The username always; a UsernameAttribute from creation on; an alias email or phone once it
    is verified; an alias preferred_username once it is set.
    """
    pool, attributes = user.pool, user.attributes
    values = {"username": user.username}
    for attribute in pool.username_attributes:
        if attributes.get(attribute):
            values[attribute] = attributes[attribute]
    for attribute in pool.alias_attributes:
        proven = attribute == "preferred_username" or attributes.get(f"{attribute}_verified") == "true"
        if attributes.get(attribute) and proven:
            values[attribute] = attributes[attribute]
    return values


def index(call: Call, user: User, take_over: bool = False,
          taken: Callable[[str], CognitoError] = alias_exists) -> None:
    """Bring the rows a user is found by in line with username and attributes; to be called after every change.

    Another user's sign-in name is refused, in the words of `taken(attribute)`; an alias moves here
    with `take_over` and stays with the old owner as an unverified value.
    """
    signs_in = sign_in_values(user)
    wanted = {"username": user.username, **{a: user.attributes[a] for a in SEARCHABLE if user.attributes.get(a)}}
    existing = {name.attribute: name for name in user.names}
    own: set[str] = set()
    for attribute, value in wanted.items():
        key = name_key(user.pool, value)
        # One user's username and preferred_username may be the same word: one row signs in for both.
        unique = attribute in signs_in and key not in own
        if unique:
            own.add(key)
            _make_room(call, user, attribute, key, take_over, taken)
        row = existing.pop(attribute, None)
        if row is None:
            user.names.append(Name(user_id=user.id, attribute=attribute, pool_id=user.pool_id, key=key,
                                   signs_in=unique))
        elif (row.key, row.signs_in) != (key, unique):
            row.key, row.signs_in = key, unique
    for row in existing.values():
        user.names.remove(row)


ADDRESSES = ("email", "phone_number")
"""The aliases that can be proven, and so can move to whoever proves them."""


def _make_room(call: Call, user: User, attribute: str, key: str, take_over: bool,
               taken: Callable[[str], CognitoError]) -> None:
    if find_by_sub(call, user.pool, key) not in (None, user):
        raise taken(attribute)
    query = select(Name).where(Name.pool_id == user.pool_id, Name.key == key, Name.signs_in, Name.user_id != user.id)
    holder = call.db.scalars(query).one_or_none()
    if holder is None:
        return
    is_address = attribute in ADDRESSES and holder.attribute in ADDRESSES
    if not (take_over and is_address) or attribute in user.pool.username_attributes:
        raise taken(attribute)
    former = call.db.get(User, holder.user_id)
    former.attributes[f"{holder.attribute}_verified"] = "false"
    # As a claim it is written first: the unique index must see the old owner let go before we take.
    call.claim(update(Name).where(Name.user_id == holder.user_id, Name.attribute == holder.attribute, Name.signs_in)
               .values(signs_in=False), lambda: alias_exists(attribute))
