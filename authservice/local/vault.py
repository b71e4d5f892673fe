"""Sealed columns: a secret is encrypted for exactly one table, column and row.

Owns the binding between a row and its secrets. Does not own the cipher
(crypto/seal.py) nor the key (a file in the instance folder, mode 0600).
"""

from sqlalchemy import inspect

from authservice.crypto.seal import Sealer


class Vault:
    """Keeps and reads sealed columns, and keys the short codes."""

    def __init__(self, sealer: Sealer):
        self._sealer = sealer

    def keep(self, row, column: str, secret: str | bytes) -> None:
        """Seal a secret into a column. The row's primary key must be set already."""
        plain = secret.encode() if isinstance(secret, str) else secret
        setattr(row, column, self._sealer.seal(plain, _place(row, column)))

    def read(self, row, column: str) -> bytes:
        """Open a sealed column; raises ValueError when it was copied from elsewhere or changed."""
        return self._sealer.open(getattr(row, column), _place(row, column))

    def read_text(self, row, column: str) -> str:
        return self.read(row, column).decode()

    def mac(self, purpose: str, data: str) -> bytes:
        """A keyed fingerprint of a short code or a name that must not be guessable from a stolen database."""
        return self._sealer.mac(purpose, data.encode())


def _place(row, column: str) -> str:
    mapper = inspect(type(row))
    key = "/".join(str(getattr(row, mapper.get_property_by_column(part).key)) for part in mapper.primary_key)
    return f"{mapper.local_table.name}.{column}.{key}"
