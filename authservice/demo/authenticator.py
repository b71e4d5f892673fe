"""Setting up an authenticator app: the secret as a QR code and as text that a person can type."""
from urllib.parse import quote, urlencode

import segno
from markupsafe import Markup

ISSUER = "Demo site"        # what the app shows above the code


def qr_code(secret: str, account_name: str) -> Markup:
    """Inline SVG of the otpauth URI: dark on white, with its quiet zone, as scanners need it in any theme."""
    symbol = segno.make(otpauth_uri(secret, account_name), error="m", micro=False)
    return Markup(symbol.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr",
                                    lineclass=None, title="QR code for an authenticator app"))


def otpauth_uri(secret: str, account_name: str) -> str:
    """Key URI format, as apps read it; the defaults (SHA-1, 6 digits, 30 s) need not be named."""
    label, parameters = quote(f"{ISSUER}:{account_name}"), urlencode({"secret": secret, "issuer": ISSUER})
    return f"otpauth://totp/{label}?{parameters}"


def grouped(secret: str) -> str:
    """The secret in groups of four characters."""
    return " ".join(secret[at:at + 4] for at in range(0, len(secret), 4))
