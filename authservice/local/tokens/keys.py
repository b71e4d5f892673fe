"""A pool's signing keys: one signs its ID tokens, another its access tokens, as in Cognito.

Owns creation, rotation, how long before its first signature a public key is published and how long after its
last. Does not own the RSA arithmetic (crypto/jwt.py) or the JWKS document's door (oauth/).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy import select

from authservice.crypto import jwt
from authservice.local.call import Call
from authservice.local.models import AppClient, Pool, SigningKey
from authservice.local.tokens import validity

LEEWAY = timedelta(minutes=5)
"""How much longer than its last token an old public key is served, for clocks that differ."""
JWKS_CACHED = timedelta(minutes=5)
"""How long whoever asked for the published keys may go on without asking again."""
PUBLISHED_FIRST = 2 * JWKS_CACHED
"""How long a new key is published before it signs: no relying party meets a kid that it cannot know."""
THE_START = datetime.min.replace(tzinfo=timezone.utc)
"""From when on keys sign that sign at once, a pool's first and those that are needed now: also for a worker whose
clock is behind."""
WITHDRAWN = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""Until when a compromised key was good: no worker's clock is behind that."""
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class OpenedKey:
    """One key, ready for use: it signs from `signs_from` on, until a newer one does."""

    use: str
    kid: str
    private: object
    public: object
    jwk: dict
    signs_from: datetime
    served_until: datetime | None

    def is_published(self, now: datetime) -> bool:
        return self.served_until is None or now < self.served_until


@dataclass(frozen=True)
class Ring:
    """A pool's keys, opened, the newest last."""

    generation: int
    keys: list[OpenedKey]

    def signing(self, use: str, now: datetime) -> OpenedKey:
        return [key for key in self.keys if key.use == use and key.signs_from <= now][-1]


def create(call: Call, pool: Pool, created_at: datetime | None = None, signs_from: datetime | None = None) -> None:
    """Add two signing keys of a pool, made now unless `created_at` says later; its rows are written with the call."""
    for use in ("id", "access"):
        der = jwt.generate_key()
        private = jwt.load_private(der)
        kid = jwt.key_id(private)
        row = SigningKey(kid=kid, pool_id=pool.id, use=use, public_jwk=jwt.public_jwk(private, kid),
                         created_at=created_at or call.now, signs_from=signs_from)
        call.vault.keep(row, "private_key", der)
        call.db.add(row)


def rotate(call: Call, pool: Pool, at_once: bool = False, compromised: bool = False) -> list[str]:
    """Publish new keys, which sign once every cache of the published ones has run out; answers the kids retired.

    The old public keys stay published until the last token they signed has expired. `at_once`: the new ones sign
    from now on. `compromised`: and the old ones are good for nothing from now on, for whoever has one may sign
    what he likes; apps refresh, for refresh tokens are not signed.
    Source: OpenID Connect Core section 10.1.1.
    """
    clients = call.db.scalars(select(AppClient).where(AppClient.pool_id == pool.id)).unique().all()
    longest = max([validity.access(c) for c in clients] + [validity.identity(c) for c in clients]
                  + [validity.DEFAULT])
    wait = timedelta(0) if at_once else PUBLISHED_FIRST
    retired = call.db.scalars(select(SigningKey).where(SigningKey.pool_id == pool.id,
                                                       SigningKey.served_until.is_(None))).all()
    for key in retired:
        key.served_until = WITHDRAWN if compromised else call.now + wait + longest + LEEWAY
    # The newest keys are newer than all others by their row, whatever the clock says.
    created_at = max([call.now] + [key.created_at + INSTANT for key in retired])
    create(call, pool, created_at, None if at_once or compromised else call.now + wait)
    pool.key_generation += 1
    return [key.kid for key in retired]


def sign(call: Call, pool: Pool, use: str, claims: dict) -> str:
    """A JWT signed by the pool's key for this use (id or access)."""
    key = _ring(call, pool).signing(use, call.now)
    return jwt.sign(claims, key.private, key.kid)


def public(call: Call, pool: Pool, use: str) -> dict[str, object]:
    """{kid: public key} that tokens of this use may be checked with."""
    return {key.kid: key.public for key in _ring(call, pool).keys if key.use == use and key.is_published(call.now)}


def ever_public(call: Call, pool: Pool, use: str) -> dict[str, object]:
    """{kid: public key} of every key that ever signed tokens of this use: for what proves who was, and opens no door."""
    return {key.kid: key.public for key in _ring(call, pool).keys if key.use == use}


def jwks(call: Call, pool: Pool) -> list[dict]:
    """The public keys to publish, as JWKs."""
    return [key.jwk for key, _ in published(call, pool)]


def published(call: Call, pool: Pool) -> list[tuple[OpenedKey, bool]]:
    """The published keys, the newest last, and of each whether it signs now."""
    ring = _ring(call, pool)
    return [(key, key is ring.signing(key.use, call.now)) for key in ring.keys if key.is_published(call.now)]


def _ring(call: Call, pool: Pool) -> Ring:
    """The pool's keys, remembered by this process until the pool has rotated them."""
    ring = call.tools.remembered_keys.get(pool.id)
    if ring is None or ring.generation != pool.key_generation:
        ring = _open(call, pool, {key.kid: key for key in ring.keys} if ring else {})
        call.tools.remembered_keys[pool.id] = ring
    return ring


def _open(call: Call, pool: Pool, opened: dict[str, OpenedKey]) -> Ring:
    rows = call.db.scalars(select(SigningKey).where(SigningKey.pool_id == pool.id)
                           .order_by(SigningKey.created_at, SigningKey.use)).all()
    return Ring(pool.key_generation, [_opened(call, row, opened.get(row.kid)) for row in rows])


def _opened(call: Call, row: SigningKey, before: OpenedKey | None) -> OpenedKey:
    # To read a key is to check it, at the cost of a hundred signatures: a rotation must not do so with all old ones.
    private = before.private if before else jwt.load_private(call.vault.read(row, "private_key"))
    return OpenedKey(row.use, row.kid, private, private.public_key(), row.public_jwk,
                     row.signs_from or THE_START, row.served_until)
