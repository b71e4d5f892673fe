"""https without a proxy, for work on one machine: this installation's own certificate authority.

Owns the folder `tls` of the instance:
- ca.pem, the authority, for whoever is to trust us: made once and kept, so that trust is given once. It has no
  end of its own; it ends by no longer being trusted.
- ca-key.pem, its key. Whoever has it can pretend to be any site to those who trust ca.pem. It is needed only
  when server.pem is made anew: take it away, and the next time there is a new authority.
- server.pem, key and certificate that we serve with, in one file so that the two always fit. Browsers take no
  certificate for more than 398 days; it is made anew in time, or when it lacks a name that is wanted.
Does not own who serves with them (cli.py), nor the address guests use (config.py).
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from authservice.config import Settings, SettingsError
from authservice.crypto import certificates

ALWAYS = {"localhost", "*.localhost", "127.0.0.1", "::1"}
EVERYWHERE = {"0.0.0.0", "::"}
VALID_FOR = timedelta(days=396)
CLOCKS_DIFFER_BY = timedelta(days=1)
RENEWED_BEFORE_ITS_END = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """Where the authority's certificate is, where ours with its key, and the pin of that key."""

    authority: Path
    served: Path
    pin: str

    def how_to_trust(self) -> list[str]:
        """For the first lines of a start: what clients need, and a browser whose profile is for this alone."""
        return [f"https: clients trust {self.authority} (AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, curl --cacert)",
                'browser of its own: chromium --user-data-dir="$(mktemp -d)" '
                f"--ignore-certificate-errors-spki-list={self.pin}"]


def wanted_names(settings: Settings, host: str) -> set[str]:
    """What a certificate must be made out to for guests of the service and the demo site, listening on `host`."""
    reached_at = {urlsplit(url).hostname for url in (settings.public_url, settings.demo_url)}
    return (ALWAYS | reached_at | {host}) - EVERYWHERE


def prepare(instance: Path, names: Iterable[str], now: datetime | None = None) -> Certificate:
    """Make what is missing in the instance's folder `tls` and say where it is.

    Starts at the same time wait for each other. SettingsError for a name that no certificate can have, for a
    file that is no certificate or key, and for a key that others than its owner may touch.
    """
    folder, now = instance / "tls", now or datetime.now(timezone.utc)
    folder.mkdir(parents=True, exist_ok=True)
    authority, served = folder / "ca.pem", folder / "server.pem"
    with _alone(folder):
        try:
            names = {_as_certificates_write(name) for name in names}
            if not _is_good(_read_private(served), _read(authority), names, now):
                issued = _authority(folder, now).issue_cert(
                    *sorted(names), organization_name="authservice", organization_unit_name="this machine",
                    not_before=now - CLOCKS_DIFFER_BY, not_after=now + VALID_FOR)
                _write(served, issued.private_key_and_cert_chain_pem.bytes(), mode=0o600)
            return Certificate(authority.resolve(), served.resolve(), certificates.pin(_read(served)))
        except UnicodeError as error:
            raise SettingsError(f"tls: a host name that no certificate can have: {error}") from None
        except ValueError as error:
            raise SettingsError(f"tls: {error}; without the folder {folder} everything in it is made anew, "
                                "and ca.pem is to be trusted anew") from None


def _as_certificates_write(name: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ip_address(name))
    return name.encode("idna").decode().lower()


def _is_good(served: bytes, authority: bytes, names: set[str], now: datetime) -> bool:
    return (bool(served and authority) and certificates.signed_by(served, authority)
            and names <= certificates.names(served)
            and now < certificates.valid_until(served) - RENEWED_BEFORE_ITS_END)


def _authority(folder: Path, now: datetime) -> trustme.CA:
    """The authority that is there; a new one where its certificate or its key is missing."""
    certificate, key = folder / "ca.pem", folder / "ca-key.pem"
    known = _read(certificate), _read_private(key)
    if all(known):
        return trustme.CA.from_pem(*known)
    made = trustme.CA(path_length=0, organization_name="authservice",
                      organization_unit_name=f"for local work, {now:%Y-%m-%d %H:%M:%S} UTC")
    _write(key, made.private_key_pem.bytes(), mode=0o600)  # first: a half-made authority is no authority
    _write(certificate, made.cert_pem.bytes(), mode=0o644)
    return made


# Files

def _read(path: Path) -> bytes:
    """The file's content; nothing where there is none."""
    return path.read_bytes() if path.exists() else b""


def _read_private(path: Path) -> bytes:
    if path.exists() and path.stat().st_mode & 0o077:
        raise ValueError(f"{path} is open to other users: a key file must have mode 0600")
    return _read(path)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Written whole beside its place, then moved there: nobody reads half a file, at no moment is a key open."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
