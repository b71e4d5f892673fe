"""What must hold between the rows, whatever happened: crash, full disk, two workers at once.

Owns the list and the walk through it (`authservice db check`). Changes nothing. What a single row may hold is the
models' matter, and what expires is housekeeping.py's.
"""

from collections.abc import Iterator

from sqlalchemy import func, select, text

from authservice.local import database
from authservice.local.call import Call
from authservice.local.models import AuthorizationCode, ClientSecret, Name, Pool, SignIn, SigningKey, User

SEALED = ((SigningKey, "private_key"), (ClientSecret, "secret"), (User, "totp_secret"), (User, "totp_pending"),
          (User, "srp_verifier"))
"""Columns that only this installation's key opens, each in its own row alone."""


def violations(call: Call) -> Iterator[str]:
    """Every fault found, in words that name the rows; nothing where all is well."""
    database.begin_reading(call.db)
    for check in (_storage, _signing_keys, _sealed_columns, _users, _codes):
        yield from check(call)


def _storage(call: Call) -> Iterator[str]:
    """Damaged pages, and rows whose owner is gone. PostgreSQL keeps both itself."""
    if call.db.get_bind().dialect.name != "sqlite":
        return
    for (found,) in call.db.execute(text("PRAGMA integrity_check")):
        if found != "ok":
            yield f"the file is damaged: {found}"
    for table, row, owner, _ in call.db.execute(text("PRAGMA foreign_key_check")):
        yield f"{table}: row {row} belongs to a row of {owner} that is not there"


def _signing_keys(call: Call) -> Iterator[str]:
    """A pool has one newest key for ID tokens and one for access tokens."""
    newest = (select(SigningKey.pool_id, SigningKey.use, func.count())
              .where(SigningKey.served_until.is_(None)).group_by(SigningKey.pool_id, SigningKey.use))
    counts = {(pool_id, use): count for pool_id, use, count in call.db.execute(newest)}
    for pool_id in call.db.scalars(select(Pool.id)):
        for use in ("id", "access"):
            if counts.get((pool_id, use)) != 1:
                yield f"user pool {pool_id} has {counts.get((pool_id, use), 0)} keys that sign {use} tokens, not one"


def _sealed_columns(call: Call) -> Iterator[str]:
    for table, column in SEALED:
        kept = getattr(table, column)
        rows = call.db.scalars(select(table).where(kept.is_not(None)), execution_options={"yield_per": 500})
        for row in rows:
            try:
                call.vault.read(row, column)
            except ValueError:
                yield f"{table.__tablename__}.{column} of {_identity(row)} does not open with this seal.key"


def _users(call: Call) -> Iterator[str]:
    """Everybody is found by a name, and proves himself by a whole password or none: hash, salt and verifier."""
    nameless = select(User.id).where(~select(Name).where(Name.user_id == User.id, Name.signs_in).exists())
    for user_id in call.db.scalars(nameless):
        yield f"user {user_id} has no name to sign in with"
    strangers = select(Name.user_id).join(User, User.id == Name.user_id).where(Name.pool_id != User.pool_id)
    for user_id in call.db.scalars(strangers):
        yield f"user {user_id} has a name in another pool than his own"
    parts = [User.password_hash.is_(None), User.srp_salt.is_(None), User.srp_verifier.is_(None)]
    halves = select(User.id).where((parts[0] != parts[1]) | (parts[1] != parts[2]))
    for user_id in call.db.scalars(halves):
        yield f"user {user_id} has half a password"


def _codes(call: Call) -> Iterator[str]:
    """An authorization code is used if, and only if, a sign-in came of it."""
    used = AuthorizationCode.used_at.is_not(None)
    gave = select(SignIn).where(SignIn.id == AuthorizationCode.sign_in_id).exists()
    for code_id in call.db.scalars(select(AuthorizationCode.id).where(used & ~gave)):
        yield f"authorization code {code_id.hex()} is used, but no sign-in came of it"
    unused = select(AuthorizationCode.id).where(~used, AuthorizationCode.sign_in_id.is_not(None))
    for code_id in call.db.scalars(unused):
        yield f"authorization code {code_id.hex()} gave a sign-in, but is not used"


def _identity(row) -> str:
    return str(getattr(row, "kid", None) or row.id)
