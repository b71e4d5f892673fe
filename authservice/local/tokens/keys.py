"""A pool's signing keys: one signs its ID tokens, another its access tokens, as in Cognito.

Owns creation, rotation and how long an old public key stays published. Does not own
the RSA arithmetic (crypto/jwt.py) or the JWKS document's door (oauth/).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from authservice.crypto import jwt
from authservice.local.call import Call
from authservice.local.models import AppClient, Pool, SigningKey
from authservice.local.tokens import validity

LEEWAY = timedelta(minutes=5)
"""How much longer than its last token an old public key is served, for clocks that differ."""


@dataclass(frozen=True)
class Ring:
    """A pool's keys, opened: those that sign by use, and all public ones by (use, kid)."""

    generation: int
    signing: dict[str, tuple[str, object]]
    public: dict[tuple[str, str], tuple[object, dict, datetime | None]]


def create(call: Call, pool: Pool) -> None:
    """Add the two signing keys of a pool; its rows are written with the call."""
    for use in ("id", "access"):
        der = jwt.generate_key()
        private = jwt.load_private(der)
        kid = jwt.key_id(private)
        row = SigningKey(kid=kid, pool_id=pool.id, use=use, public_jwk=jwt.public_jwk(private, kid),
                         created_at=call.now)
        call.vault.keep(row, "private_key", der)
        call.db.add(row)


def rotate(call: Call, pool: Pool) -> list[str]:
    """Sign with new keys from now on; answers the kids retired.

    The old public keys stay published until the last token they signed has expired.
    """
    clients = call.db.scalars(select(AppClient).where(AppClient.pool_id == pool.id)).unique().all()
    longest = max([validity.access(c) for c in clients] + [validity.identity(c) for c in clients]
                  + [validity.DEFAULT])
    retired = call.db.scalars(select(SigningKey).where(SigningKey.pool_id == pool.id,
                                                       SigningKey.served_until.is_(None))).all()
    for key in retired:
        key.served_until = call.now + longest + LEEWAY
    create(call, pool)
    pool.key_generation += 1
    return [key.kid for key in retired]


def sign(call: Call, pool: Pool, use: str, claims: dict) -> str:
    """A JWT signed by the pool's key for this use (id or access)."""
    kid, private = _ring(call, pool).signing[use]
    return jwt.sign(claims, private, kid)


def public(call: Call, pool: Pool, use: str) -> dict[str, object]:
    """{kid: public key} that tokens of this use may be checked with."""
    return {kid: key for (its_use, kid), (key, _, until) in _ring(call, pool).public.items()
            if its_use == use and (until is None or until > call.now)}


def jwks(call: Call, pool: Pool) -> list[dict]:
    """The public keys to publish, as JWKs."""
    return [jwk for _, jwk, until in _ring(call, pool).public.values() if until is None or until > call.now]


def _ring(call: Call, pool: Pool) -> Ring:
    """The pool's keys, remembered by this process until the pool has rotated them."""
    ring = call.tools.remembered_keys.get(pool.id)
    if ring is None or ring.generation != pool.key_generation:
        ring = _open(call, pool)
        call.tools.remembered_keys[pool.id] = ring
    return ring


def _open(call: Call, pool: Pool) -> Ring:
    rows = call.db.scalars(select(SigningKey).where(SigningKey.pool_id == pool.id)
                           .order_by(SigningKey.created_at, SigningKey.use)).all()
    signing, published = {}, {}
    for row in rows:
        private = jwt.load_private(call.vault.read(row, "private_key"))
        published[row.use, row.kid] = (private.public_key(), row.public_jwk, row.served_until)
        if row.served_until is None:
            signing[row.use] = (row.kid, private)
    return Ring(pool.key_generation, signing, published)
