"""What a certificate says, for those who serve with one: its names, its end, who signed it, its key's pin.

Everything takes PEM; of a file with keys beside it, the first certificate counts. ValueError for what is none.
Makes no certificates (tls.py has them made).

Sources: RFC 5280; RFC 7469 section 2.4 (the pin).
"""

import base64
import hashlib
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import DNSName, IPAddress, SubjectAlternativeName, load_pem_x509_certificate


def names(pem: bytes) -> set[str]:
    """The host names and addresses it is made out to, as `localhost`, `*.localhost`, `::1`."""
    alternative = load_pem_x509_certificate(pem).extensions.get_extension_for_class(SubjectAlternativeName).value
    return {str(name) for kind in (DNSName, IPAddress) for name in alternative.get_values_for_type(kind)}


def valid_until(pem: bytes) -> datetime:
    return load_pem_x509_certificate(pem).not_valid_after_utc


def signed_by(pem: bytes, authority: bytes) -> bool:
    """Whether this authority's key has signed it, under this authority's name."""
    signed, signer = load_pem_x509_certificate(pem), load_pem_x509_certificate(authority)
    try:
        signed.verify_directly_issued_by(signer)
    except (ValueError, InvalidSignature):
        return False
    return True


def pin(pem: bytes) -> str:
    """The SHA-256 of its public key (SubjectPublicKeyInfo), in Base64: how browsers name a key."""
    key = load_pem_x509_certificate(pem).public_key()
    return base64.b64encode(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
                            .digest()).decode()
