"""Authenticator apps: the code at sign-in, and setting one up when the pool demands it.

Set-up: AssociateSoftwareToken (secret) → VerifySoftwareToken (first code) → the challenge MFA_SETUP, each
with the Session of the one before. Source: Developer Guide, "TOTP software token MFA".
"""
from urllib.parse import quote, urlencode

import segno
from flask import Response
from markupsafe import Markup

from authservice.hosted.journey import Journey, page
from authservice.hosted.sign_in import respond


@page("/mfa", "mfa.html", challenge="SOFTWARE_TOKEN_MFA")
def check_code(journey: Journey) -> Response:
    """Answer the challenge with the code the app shows."""
    return respond(journey, SOFTWARE_TOKEN_MFA_CODE=journey.code)


def setup_form(journey: Journey) -> dict:
    """The secret as a QR code and as text. Asked for once: the page loaded again shows the same."""
    challenge = journey.challenge
    if "secret" not in challenge:
        answer = journey.call("AssociateSoftwareToken", Session=challenge["session"])
        challenge = {**challenge, "session": answer["Session"], "secret": answer["SecretCode"]}
        journey.hold("challenge", challenge)
    secret = challenge["secret"]
    uri = key_uri(journey.request.client_name, challenge["typed"], secret)
    return {"qr": qr_code(uri), "uri": uri, "groups": [secret[i:i + 4] for i in range(0, len(secret), 4)]}


@page("/mfa/setup", "mfa_setup.html", values=setup_form, challenge="MFA_SETUP")
def set_up(journey: Journey) -> Response:
    """Prove the app by its first code and go on."""
    named = {"FriendlyDeviceName": journey.field("device_name")} if journey.field("device_name") else {}
    session = journey.challenge["session"]
    answer = journey.call("VerifySoftwareToken", Session=session, UserCode=journey.code, **named)
    return respond(journey, session=answer["Session"])


def key_uri(issuer: str, account: str, secret: str) -> str:
    """The URI an authenticator app reads ("Key Uri Format" of Google Authenticator's wiki)."""
    label, parameters = f"{issuer}:{account}", {"secret": secret, "issuer": issuer}
    return f"otpauth://totp/{quote(label)}?{urlencode(parameters, quote_via=quote)}"


def qr_code(uri: str) -> Markup:
    """Inline SVG, dark on light in either theme: scanners do not read it the other way round."""
    code = segno.make(uri, error="m")
    return Markup(code.svg_inline(omitsize=True, light="#fff", dark="#000", svgclass="qr"))
