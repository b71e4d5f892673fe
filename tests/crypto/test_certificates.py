"""What a certificate says, read from one that openssl made, and what openssl says of it."""

from datetime import datetime, timezone

import pytest

from authservice.crypto import certificates

CERTIFICATE = b"""
-----BEGIN CERTIFICATE-----
MIIBqzCCAVGgAwIBAgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQKDAdleGFtcGxl
MB4XDTI2MTEyNDEzMzAzMFoXDTI2MTIyNDEzMzAzMFowEjEQMA4GA1UECgwHZXhh
bXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPjjVBMqNRvQw9G9dFlIRp2m
1DQWznO3ZwJ86BB/6MCmv67/+O85EBh57LK1bXPXDntP0kghzMhvb2bwJFfIAAKj
gZcwgZQwHQYDVR0OBBYEFOb2KPRXv/5V82ImRjjBnMFonsUgMB8GA1UdIwQYMBaA
FOb2KPRXv/5V82ImRjjBnMFonsUgMA8GA1UdEwEB/wQFMAMBAf8wQQYDVR0RBDow
OIIRbG9naW4uZXhhbXBsZS5jb22CCyoubG9jYWxob3N0hwR/AAABhxAAAAAAAAAA
AAAAAAAAAAABMAoGCCqGSM49BAMCA0gAMEUCIC/KNTiU2Xv5hIO4HMry6SRV0r3g
Eu09SpoffTZAZMrhAiEAppwWnZGUKQ1dv4Tkx3RE8KcBXJB3IqxPu3BrBphjhK8=
-----END CERTIFICATE-----
"""


def test_its_names_and_addresses():
    assert certificates.names(CERTIFICATE) == {"login.example.com", "*.localhost", "127.0.0.1", "::1"}


def test_its_end():
    assert certificates.valid_until(CERTIFICATE) == datetime(2026, 12, 24, 13, 30, 30, tzinfo=timezone.utc)


def test_the_pin_of_its_key():
    """As `openssl x509 -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64`."""
    assert certificates.pin(CERTIFICATE) == "/Z35wh2F5qT1DtDxq+ipeml5+LdO3Bxk5igwPi4xg4Y="


def test_who_signed_it():
    assert certificates.signed_by(CERTIFICATE, CERTIFICATE)
    # The last byte but one of its signature, changed.
    assert not certificates.signed_by(CERTIFICATE.replace(b"phjhK8=", b"phjgK8="), CERTIFICATE)


@pytest.mark.parametrize("read", [certificates.names, certificates.valid_until, certificates.pin])
def test_what_is_no_certificate_is_refused(read):
    with pytest.raises(ValueError):
        read(b"nothing of the kind")
