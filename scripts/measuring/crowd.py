"""Users in great numbers, written into the tables at once: a pool of a million takes minutes, not a day.

Owns the form of such a user, which is that of one made by AdminCreateUser and AdminSetUserPassword: he is found by
his names and signs in with the password that all of them share. One argon2id hash serves for all of them, for it does
not depend on who has it. An SRP verifier does, and takes a thousand times longer than the row: so only some users
have their own (`srp_names`), and the others one that is as long and as well sealed, but is not their password's.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from sqlalchemy import insert

from authservice.crypto import srp
from authservice.crypto.passwords import Passwords
from authservice.local import database
from authservice.local.models import Name, User

from .world import PASSWORD

BATCH = 20_000
"""Users in one transaction."""
WITH_VERIFIER = 200
"""So many users, spread over the pool, can sign in by SRP."""


def fill(backend, pool_id: str, number: int, progress: Callable[[int], None]) -> tuple[list[str], list[str]]:
    """Write so many users into a pool of a LocalBackend; gives all names, and the names for SRP.

    `progress(users written)` is called as it goes.
    """
    settings = backend.settings
    passwords = Passwords(settings.argon2_memory_kib, settings.argon2_time, settings.argon2_parallelism)
    maker = Maker(pool_id, passwords.hash(PASSWORD), backend.sealer)
    step = max(1, number // WITH_VERIFIER)
    with database.session(backend.engine) as db:
        for begin in range(0, number, BATCH):
            numbers = range(begin, min(begin + BATCH, number))
            users = [maker.user(each, each / number, own_verifier=each % step == 0) for each in numbers]
            database.begin_writing(db)
            db.execute(insert(User.__table__), users)
            db.execute(insert(Name.__table__), [name for user in users for name in names_of(user)])
            db.commit()
            progress(numbers.stop)
    names = [name_of(each) for each in range(number)]
    return names, names[::step]


class Maker:
    """Makes the rows of one pool's users."""

    def __init__(self, pool_id: str, password_hash: str, sealer):
        self.pool_id, self.password_hash, self.sealer = pool_id, password_hash, sealer
        self.now = datetime.now(timezone.utc)
        self.salt = os.urandom(16)
        self.nobodys = srp.pad(srp.verifier(pool_id, "nobody", PASSWORD, self.salt))

    def user(self, number: int, place: float, own_verifier: bool) -> dict:
        """A row of `users`. Its id begins by `place` (0 to 1), so that ids rise with names: an index that only grows
        at its end is written many times faster."""
        sub, name = sub_at(place), name_of(number)
        verifier = srp.pad(srp.verifier(self.pool_id, name, PASSWORD, self.salt)) if own_verifier else self.nobodys
        attributes = {"email": f"{name}@example.com", "email_verified": "true", "name": f"Person {number}"}
        return {"id": sub, "pool_id": self.pool_id, "username": name, "status": "CONFIRMED", "enabled": True,
                "attributes": attributes, "pending": {}, "password_hash": self.password_hash, "password_set_at": self.now,
                "password_history": [], "srp_salt": self.salt,
                "srp_verifier": self.sealer.seal(verifier, f"users.srp_verifier.{sub}"),
                "totp_step": 0, "mfa_methods": [], "created_at": self.now, "modified_at": self.now, "version": 1}


def names_of(user: dict) -> Iterator[dict]:
    """The rows of `names` that directory.index would make: the username signs in, the others are searched."""
    values = {"username": user["username"], **{name: user["attributes"][name] for name in ("email", "name")}}
    for attribute, value in values.items():
        yield {"user_id": user["id"], "attribute": attribute, "pool_id": user["pool_id"], "key": value,
               "signs_in": attribute == "username"}


def name_of(number: int) -> str:
    return f"person{number:07d}"


def sub_at(place: float) -> str:
    """A random UUID (version 4) whose first 32 bits say where between 0 and 1 it stands."""
    head = int(place * 2**32).to_bytes(4, "big")
    return str(uuid.UUID(bytes=head + os.urandom(12), version=4))
