"""Sealed columns: a secret is encrypted for exactly one table, column and row.

Owns the binding between a row and its secrets. Does not own the cipher
(crypto/seal.py) nor the key (a file in the instance folder, mode 0600).
"""

import hashlib
from functools import lru_cache
from weakref import WeakKeyDictionary

from sqlalchemy import inspect

from authservice.crypto.seal import Sealer
from authservice.local.database import model_of


class Vault:
    """Keeps and reads sealed columns, and keys the short codes."""

    def __init__(self, sealer: Sealer):
        self._sealer = sealer
        self._digests: WeakKeyDictionary[object, tuple[bytes, bytes]] = WeakKeyDictionary()

    def keep(self, row, column: str, secret: str | bytes) -> None:
        """Seal a secret into a column. The row's primary key must be set already."""
        plain = secret.encode() if isinstance(secret, str) else secret
        setattr(row, column, self._sealer.seal(plain, _place(row, column)))

    def sealed(self, model, key, column: str, secret: str) -> bytes:
        """What to write into a column of a new row of which only the values are there, `key` among them."""
        return self._sealer.seal(secret.encode(), f"{model.__tablename__}.{column}.{key}")

    def read(self, row, column: str) -> bytes:
        """Open a sealed column; raises ValueError when it was copied from elsewhere or changed."""
        return self._sealer.open(getattr(row, column), _place(row, column))

    def digest(self, row, column: str) -> bytes:
        """SHA-256 of what a sealed column holds, to be compared with a long random secret. It is opened once for as long
        as somebody remembers the row."""
        sealed = getattr(row, column)
        known = self._digests.get(row)
        if known is None or known[0] is not sealed:
            self._digests[row] = known = sealed, hashlib.sha256(self.read(row, column)).digest()
        return known[1]

    def read_text(self, row, column: str) -> str:
        return self.read(row, column).decode()

    def mac(self, purpose: str, data: str) -> bytes:
        """A keyed fingerprint of a short code or a name that must not be guessable from a stolen database."""
        return self._sealer.mac(purpose, data.encode())


def _place(row, column: str) -> str:
    model = model_of(row)
    return f"{model.__tablename__}.{column}.{'/'.join([str(getattr(row, name)) for name in _key_of(model)])}"


@lru_cache
def _key_of(model) -> list[str]:
    mapper = inspect(model)
    return [mapper.get_property_by_column(part).key for part in mapper.primary_key]
