"""Time-based one-time passwords for software-token MFA: RFC 6238 with SHA-1, 30-second steps and 6 digits.

Owns secrets and the matching of codes. That a step counts once only, and how many tries there are, is for
the caller, who has a row to remember it in.
"""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import datetime

import pyotp

STEP_SECONDS = 30
_CODE = re.compile(r"[0-9]{6}")


def new_secret(random: Callable[[int], bytes]) -> str:
    """A secret of 32 random bytes as 52 base32 characters without padding, the form of Cognito's
    SecretCode."""
    return base64.b32encode(random(32)).decode().rstrip("=")


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """The `otpauth://totp/…` address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The 30-second step (counted from 1970) whose code this is, or None.

    Looks one step to either side of `at` (aware) for the drift of clocks (RFC 6238 section 5.2). The caller
    must refuse a step not later than the last one used. All three are computed and compared, so time tells
    nothing.
    """
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    now = int(at.timestamp()) // STEP_SECONDS
    codes = pyotp.HOTP(secret)
    matching = None
    for step in (now - 1, now, now + 1):
        # Not pyotp's own comparison, which takes full-width and other digits for the plain ones.
        if hmac.compare_digest(codes.at(step), code):
            matching = step
    return matching
