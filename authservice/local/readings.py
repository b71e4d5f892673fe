"""Rows as plain values: what the busiest calls read, in one query each, without a unit of work's bookkeeping.

Owns the queries of the busiest calls (sign-in, refresh, GetUser, AdminGetUser, UserInfo, client credentials, the
published documents) and the values they give. A value has the names of its model, so that whoever reads a User reads
a UserRead too; who changes a row takes the row.

Pools and app clients change rarely and are large, so a process remembers them. A query brings along which state of
them is in the database now (`Stamp`); what is remembered of another state is read anew. So a change holds at once, on
every worker. But the app client that a call begins with is believed for half a second (believed.py), and so is the pool
of a call that only reads a user: each table that a query joins costs, and each column that it gives.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property
from typing import NamedTuple

from sqlalchemy import FromClause, Select, bindparam, exists, inspect, select

from authservice.local import database
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, ChallengeSession, Membership, Name, Pool, RefreshToken, SignIn, User

MOST_REMEMBERED = 10_000
"""Pools and app clients that a process remembers; then it begins anew."""

Stamp = tuple
"""Which state a pool's row is in, or an app client's and its pool's: version and creation, for an id may come again."""

_C, _P, _U, _S, _R, _N, _H, _M = (model.__table__ for model in (AppClient, Pool, User, SignIn, RefreshToken, Name,
                                                               ChallengeSession, Membership))
_POOL_STAMP = (_P.c.version.label("pool_version"), _P.c.created_at.label("pool_created_at"))
_CLIENT_STAMP = (_C.c.version.label("client_version"), _C.c.created_at.label("client_created_at"), *_POOL_STAMP)
_POOL_ID = property(lambda user: user.pool.id)


class UserRead(NamedTuple):
    """A user as a call reads him."""

    model = User
    id: str
    username: str
    status: str
    enabled: bool
    attributes: dict
    mfa_methods: list
    mfa_preferred: str | None
    created_at: datetime
    modified_at: datetime
    pool: Pool
    pool_id = _POOL_ID


class UserShown(NamedTuple):
    """A user as who has his access token sees him."""

    model = User
    id: str
    username: str
    enabled: bool
    attributes: dict
    mfa_methods: list
    mfa_preferred: str | None
    pool: Pool
    pool_id = _POOL_ID


class UserOfTokens(NamedTuple):
    """A user as tokens tell of him."""

    model = User
    id: str
    username: str
    status: str
    enabled: bool
    attributes: dict
    in_groups: bool
    """Whether he is in any."""
    pool: Pool
    pool_id = _POOL_ID


class UserSigningIn(NamedTuple):
    """A user as a sign-in reads him, with what he can prove himself by."""

    model = User
    id: str
    username: str
    status: str
    enabled: bool
    attributes: dict
    password_hash: str | None
    password_set_at: datetime | None
    srp_salt: bytes | None
    srp_verifier: bytes | None
    totp_secret: bytes | None
    totp_device: str | None
    totp_step: int
    mfa_methods: list
    mfa_preferred: str | None
    version: int
    in_groups: bool
    pool: Pool
    pool_id = _POOL_ID


class ChallengeRead(NamedTuple):
    """A step of a sign-in that waits for an answer, with its user, if there is one, and app client."""

    model = ChallengeSession
    id: bytes
    client_id: str
    user_id: str | None
    challenge: str
    state: bytes
    used: bool
    expires_at: datetime
    user: UserSigningIn | None
    client: AppClient


class SignInRead(NamedTuple):
    """A sign-in as tokens are made of it, with its user and app client."""

    id: str
    event_id: str
    auth_time: datetime
    scopes: list
    from_domain: bool
    nonce: str | None
    methods: list
    acr: str | None
    claims: dict | None
    resource: str | None
    revoked_at: datetime | None
    user: UserOfTokens | UserSigningIn
    client: AppClient


class Bearer(NamedTuple):
    """Who shows an access token: of its sign-in what says whether it holds and what it shows, its user and app client."""

    scopes: list
    claims: dict | None
    revoked_at: datetime | None
    user: UserShown
    client: AppClient


class RefreshTokenRead(NamedTuple):
    """A refresh token as a call reads it, with its sign-in."""

    id: bytes
    expires_at: datetime
    rotated_at: datetime | None
    sign_in: SignInRead


_IN_GROUPS = exists().where(_M.c.user_id == _U.c.id).label("in_groups")
"""Most users are in none, and a query for them all would find that out at the price of another one."""


def _columns(kind: type, table: FromClause, name: str) -> list:
    """What a query gives of a table for such a value."""
    return [table.c[column].label(f"{name}_{column}") for column in kind._fields if column in table.c]


_USER = _columns(UserRead, _U, "user")
_SHOWN = _columns(UserShown, _U, "user")
_OF_TOKENS = [*_columns(UserOfTokens, _U, "user"), _IN_GROUPS]
_SIGNING_IN = [*_columns(UserSigningIn, _U, "user"), _IN_GROUPS]
_CHALLENGE = _columns(ChallengeRead, _H, "challenge")
_SIGN_IN = _columns(SignInRead, _S, "sign_in")
_BEARER = _columns(Bearer, _S, "sign_in")
_TOKEN = _columns(RefreshTokenRead, _R, "token")
_UP_TO_SIGN_IN = 1 + len(_TOKEN)
_UP_TO_USER = _UP_TO_SIGN_IN + len(_SIGN_IN)


# Made once: building a query costs more than running it. None has a condition besides its key: a database that knows
# little of its tables yet might look for that first, and read all users of a pool.
_POOL = select(*_POOL_STAMP).where(_P.c.id == bindparam("pool_id"))
_CLIENT = select(*_CLIENT_STAMP).join(_P, _P.c.id == _C.c.pool_id).where(_C.c.id == bindparam("client_id"))
_BY_SUB = select(_U.c.pool_id, *_USER).where(_U.c.id == bindparam("sub"))
_BY_NAME = (select(*_USER).join(_N, _N.c.user_id == _U.c.id)
            .where(_N.c.pool_id == bindparam("pool_id"), _N.c.key == bindparam("key"), _N.c.signs_in))
_SIGNING_IN_BY_NAME = (select(*_SIGNING_IN, *_POOL_STAMP).join(_N, _N.c.user_id == _U.c.id)
                       .join(_P, _P.c.id == _U.c.pool_id)
                       .where(_N.c.pool_id == bindparam("pool_id"), _N.c.key == bindparam("key"), _N.c.signs_in))
_BY_CHALLENGE = (select(*_CHALLENGE, *_SIGNING_IN, *_CLIENT_STAMP).select_from(_H)
                 .outerjoin(_U, _U.c.id == _H.c.user_id).join(_C, _C.c.id == _H.c.client_id)
                 .join(_P, _P.c.id == _C.c.pool_id).where(_H.c.id == bindparam("id")))
_BY_EVENT = (select(_S.c.client_id, *_BEARER, *_SHOWN).select_from(_S).join(_U, _U.c.id == _S.c.user_id)
             .where(_S.c.event_id == bindparam("event_id")))
_BY_TOKEN = (select(_S.c.client_id, *_TOKEN, *_SIGN_IN, *_OF_TOKENS, *_POOL_STAMP).join(_S, _S.c.id == _R.c.sign_in_id)
             .join(_U, _U.c.id == _S.c.user_id).join(_P, _P.c.id == _U.c.pool_id).where(_R.c.id == bindparam("id")))


def pool(call: Call, pool_id: str) -> Pool | None:
    """The pool, to be read alone: as it is."""
    found = _one(call, _POOL, {"pool_id": pool_id})
    return found and _remembered(call, Pool, pool_id, tuple(found))


def pool_of_late(call: Call, pool_id: str) -> Pool | None:
    """The same as it is, or was half a second ago on another worker."""
    return _believed(call, Pool, pool_id, pool)


def client(call: Call, client_id: str) -> AppClient | None:
    """The app client with its pool and secrets, to be read alone: as it is, or was half a second ago on another worker."""
    return _believed(call, AppClient, client_id, _client)


def user_by_sub(call: Call, pool: Pool, sub: str) -> UserRead | None:
    found = _one(call, _BY_SUB, {"sub": sub})
    return UserRead(*found[1:], pool) if found and found.pool_id == pool.id else None


def user_by_name(call: Call, pool: Pool, key: str) -> UserRead | None:
    """The user a sign-in name belongs to; `key` is the name's normal form."""
    found = _one(call, _BY_NAME, {"pool_id": pool.id, "key": key})
    return found and UserRead(*found, pool)


def user_signing_in(call: Call, pool_id: str, key: str) -> UserSigningIn | None:
    """The same, as a sign-in reads him."""
    found = _one(call, _SIGNING_IN_BY_NAME, {"pool_id": pool_id, "key": key})
    its_pool = found and _remembered(call, Pool, pool_id, tuple(found[len(_SIGNING_IN):]))
    return its_pool and UserSigningIn(*found[:len(_SIGNING_IN)], its_pool)


def challenge(call: Call, id: bytes) -> ChallengeRead | None:
    """The challenge session of this id."""
    found = _one(call, _BY_CHALLENGE, {"id": id})
    if found is None:
        return None
    own, user, stamp = (found[:len(_CHALLENGE)], found[len(_CHALLENGE):-len(_CLIENT_STAMP)],
                        found[-len(_CLIENT_STAMP):])
    its_client = _remembered(call, AppClient, own[1], tuple(stamp))
    its_user = UserSigningIn(*user, its_client.pool) if its_client and user[0] else None
    return its_client and ChallengeRead(*own, its_user, its_client)


def bearer(call: Call, event_id: str, client: AppClient) -> Bearer | None:
    """Who shows the access tokens of this sign-in at the app client, if that has it."""
    found = _one(call, _BY_EVENT, {"event_id": event_id})
    if found is None or found.client_id != client.id:
        return None
    own, user = found[1:1 + len(_BEARER)], found[1 + len(_BEARER):]
    return Bearer(*own, UserShown(*user, client.pool), client)


def refresh_token(call: Call, token: str, client: AppClient) -> RefreshTokenRead | None:
    """The refresh token, if this app client has it."""
    found = _one(call, _BY_TOKEN, {"id": digest(token)})
    if found is None or found.client_id != client.id:
        return None
    its_pool = _remembered(call, Pool, client.pool_id, tuple(found[-len(_POOL_STAMP):]))
    if its_pool is None:
        return None
    own, sign_in, user = found[1:_UP_TO_SIGN_IN], found[_UP_TO_SIGN_IN:_UP_TO_USER], found[_UP_TO_USER:-len(_POOL_STAMP)]
    return RefreshTokenRead(*own, SignInRead(*sign_in, UserOfTokens(*user, its_pool), client))


def _one(call: Call, query: Select, values: dict) -> tuple | None:
    found = call.read(query, values)
    return found[0] if found else None


def _client(call: Call, client_id: str) -> AppClient | None:
    stamp = _one(call, _CLIENT, {"client_id": client_id})
    return stamp and _remembered(call, AppClient, client_id, tuple(stamp))


def _believed(call: Call, model: type[Pool] | type[AppClient], id: str, look_up: Callable):
    """What was looked up a moment ago, or else what is looked up now."""
    if known := call.tools.believed.of((model, id)):
        return known
    look = call.tools.believed.look()
    found = look_up(call, id)
    if found:
        look.saw((model, id), found)
    return found


def _remembered(call: Call, model, key: str, stamp: Stamp):
    """The pool or app client in the state of this stamp, or in one that it had since the query; None if it was deleted
    since, and so is what belongs to it."""
    known = call.tools.remembered_settings.get((model, key))
    if known is None or known[0] != stamp:
        with database.session(call.engine) as db:
            row = db.get(model, key)  # with its pool and secrets: what the models load along
            db.expunge_all()
        if row is None:
            return None
        known = _stamp_of(row), _plain(row)
        if len(call.tools.remembered_settings) >= MOST_REMEMBERED:
            call.tools.remembered_settings.clear()
        call.tools.remembered_settings[model, key] = known
    return known[1]


def _plain(row: Pool | AppClient):
    """The row as plain values, with the model's own questions, each answered once: SQLAlchemy looks at every access to
    a row's."""
    values = {name: getattr(row, name) for name in inspect(type(row)).column_attrs.keys()}
    if isinstance(row, AppClient):
        values |= {"pool": _plain(row.pool), "secrets": row.secrets}
    return _kind_of(type(row))(values)


class _Values:
    """Values by name."""

    def __init__(self, values: dict):
        self.__dict__.update(values)


@cache
def _kind_of(model: type[Pool] | type[AppClient]) -> type[_Values]:
    questions = {name: cached_property(member.fget) for name, member in vars(model).items() if isinstance(member, property)}
    return type(f"{model.__name__}Read", (_Values,), {**questions, "model": model})


def _stamp_of(row: Pool | AppClient) -> Stamp:
    own = (row.version, row.created_at)
    return (*own, row.pool.version, row.pool.created_at) if isinstance(row, AppClient) else own
