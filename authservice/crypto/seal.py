"""Encryption of what must be read again (signing keys, TOTP secrets, message bodies), and keyed hashes of
what must not.

Owns the installation's one root key and everything derived from it: AES-256-GCM for sealing, HMAC-SHA256
for short codes, subkeys for others. Which column or cookie a value belongs to is the caller's `context`.

Sources: NIST SP 800-38D (GCM), RFC 5869 (HKDF), RFC 2104 (HMAC).
"""

import hmac
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


def load_or_create_key(path: str | Path) -> bytes:
    """The 32-byte root key in the file at `path`, made on first use with mode 0600; its folder must exist.

    Processes that start at once all get the same key. ValueError for a file of another length, or one that
    the group or others may touch: a key that was open to others must be replaced by a person, not used
    quietly.
    """
    path = Path(path)
    try:
        return _read_key(path)
    except FileNotFoundError:
        _create_key(path)
        return _read_key(path)


def _read_key(path: Path) -> bytes:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise ValueError(f"{path} is open to other users: a key file must have mode 0600")
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} is not a key: a key file holds exactly {KEY_BYTES} bytes")
    return key


def _create_key(path: Path) -> None:
    # Written whole beside its place, then linked there: link, unlike rename, fails if another process was
    # first, so nobody reads half a key and nobody replaces one that is in use.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Sealer:
    """Everything done with one root key. The root itself only feeds HKDF; each use has its own subkey."""

    def __init__(self, key: bytes):
        if len(key) != KEY_BYTES:
            raise ValueError(f"a root key has {KEY_BYTES} bytes")
        self._root = key
        self._cipher = AESGCM(self._subkey(b"seal"))
        self._mac_key = self._subkey(b"mac")

    def _subkey(self, info: bytes) -> bytes:
        info = b"authservice " + info
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._root)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Version byte, nonce, ciphertext and tag: 29 bytes longer than the plaintext. Opens only in this
        `context`, so that a sealed value moved to another column does not open there."""
        # The nonce is not the caller's to choose: one nonce used twice would open both values. Drawn at
        # random, nonces serve 2^32 values under one key (SP 800-38D section 8.3).
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _VERSION + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plaintext of `seal`. ValueError if the value was changed, cut, sealed by another key or
        elsewhere."""
        start = len(_VERSION) + _NONCE_BYTES
        try:
            if sealed[:1] != _VERSION or len(sealed) < start + _TAG_BYTES:
                raise InvalidTag
            return self._cipher.decrypt(sealed[1:start], sealed[start:], _VERSION + context.encode())
        except InvalidTag:
            raise ValueError("sealed value does not belong here or was changed") from None

    def mac(self, context: str, data: bytes) -> bytes:
        """32 bytes that only this key can make for this data in this context: how short codes are stored,
        since a plain hash of six digits is undone by trying them all. Compare with hmac.compare_digest."""
        name = context.encode()
        return hmac.digest(self._mac_key, len(name).to_bytes(4, "big") + name + data, "sha256")

    def derive(self, context: str) -> bytes:
        """A 32-byte subkey for another use, such as signing cookies; the same each time."""
        return self._subkey(b"derive " + context.encode())
