"""TOTP: the RFC's vectors, one step of drift, and codes that only look like digits."""

import base64
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from authservice.crypto import totp

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2025, 3, 1, 12, 0, 10, tzinfo=timezone.utc)
STEP = int(NOW.timestamp()) // 30


def code_at(step):
    return pyotp.HOTP(RFC_SECRET).at(step)


@pytest.mark.parametrize(
    "seconds, code",
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238_match(seconds, code):
    # Appendix B gives eight digits; the last six are the six-digit code.
    at = datetime.fromtimestamp(seconds, timezone.utc)
    assert totp.matching_step(RFC_SECRET, code, at) == seconds // 30


@pytest.mark.parametrize("drift, step", [(-2, None), (-1, STEP - 1), (0, STEP), (1, STEP + 1), (2, None)])
def test_a_code_counts_one_step_to_either_side(drift, step):
    assert totp.matching_step(RFC_SECRET, code_at(STEP + drift), NOW) == step


def test_the_step_changes_every_thirty_seconds():
    code = code_at(STEP)
    begin = datetime.fromtimestamp(STEP * 30, timezone.utc)
    second = timedelta(seconds=1)
    assert totp.matching_step(RFC_SECRET, code, begin - 30 * second) == STEP
    assert totp.matching_step(RFC_SECRET, code, begin - 31 * second) is None
    assert totp.matching_step(RFC_SECRET, code, begin + 59 * second) == STEP
    assert totp.matching_step(RFC_SECRET, code, begin + 60 * second) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda code: code[:-1],
        lambda code: code + "0",
        lambda code: " " + code,
        lambda code: code + "\n",
        lambda code: code + "é",
        lambda code: code.translate({ord("0") + digit: ord("０") + digit for digit in range(10)}),
        lambda code: f"{(int(code) + 1) % 10**6:06}",
        lambda code: int(code),
        lambda code: "",
        lambda code: None,
    ],
)
def test_a_code_that_is_not_exactly_the_six_digits_is_no_match(change):
    assert totp.matching_step(RFC_SECRET, change(code_at(STEP)), NOW) is None


def test_another_secret_has_other_codes():
    other = base64.b32encode(b"x" * 20).decode()
    assert totp.matching_step(other, code_at(STEP), NOW) is None


def test_a_secret_is_32_of_the_given_random_bytes_in_52_base32_characters():
    asked = []

    def random(count):
        asked.append(count)
        return bytes(range(count))

    secret = totp.new_secret(random)
    assert asked == [32] and len(secret) == 52
    assert base64.b32decode(secret + "====") == bytes(range(32))
    assert totp.matching_step(secret, pyotp.TOTP(secret).at(NOW), NOW) == STEP


def test_an_authenticator_app_reads_the_provisioning_address():
    address = urlsplit(totp.provisioning_uri(RFC_SECRET, "user-1@example.com", "My Shop & Co"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/My Shop & Co:user-1@example.com"
    assert parse_qs(address.query) == {"secret": [RFC_SECRET], "issuer": ["My Shop & Co"]}
