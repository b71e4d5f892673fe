"""Whether our own pools can answer now: the database, its schema, the keys.

Owns what is looked at and in which words it is told; no word of a row, a secret or an address. Does not own when
(health.py).
"""

from collections.abc import Callable

from sqlalchemy import func, or_, select

from authservice.local import database
from authservice.local.models import Pool, SigningKey

OK = "ok"


def checks(backend) -> dict[str, Callable[[], str]]:
    """Of each thing a function that looks at it: "ok" or what is wrong. An exception is what is wrong, too."""
    return {"database": lambda: _database(backend.engine),
            "migrations": lambda: _migrations(backend),
            "keys": lambda: _keys(backend), **backend.tools.counters.checks()}


def _database(engine) -> str:
    with engine.connect() as connection:
        connection.execute(select(1))
    return OK


def _migrations(backend) -> str:
    found, ours = database.revision(backend.engine), database.REVISIONS[-1]
    if found != ours:
        return f"the schema is {found or 'missing'}, this version needs {ours}"
    return OK if backend.preparation.done else "the database has just come, its schema is about to be looked at"


def _keys(backend) -> str:
    """Every pool can sign both kinds of tokens, and the installation's root key opens what it has sealed."""
    with database.session(backend.engine) as db:
        started = or_(SigningKey.signs_from.is_(None), SigningKey.signs_from <= backend.tools.clock())
        signs = {use: select(SigningKey.kid).where(SigningKey.pool_id == Pool.id, SigningKey.use == use, started).exists()
                 for use in ("id", "access")}
        lacking = db.scalar(select(func.count()).select_from(Pool).where(~(signs["id"] & signs["access"])))
        if lacking:
            return f"pools without signing keys: {lacking}"
        newest = db.scalar(select(SigningKey).order_by(SigningKey.created_at.desc()).limit(1))
        try:
            if newest:
                backend.tools.vault.read(newest, "private_key")
        except ValueError:
            return "seal.key does not open what the database holds"
    return OK
