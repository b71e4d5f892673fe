"""Which account: go on as who is signed in at this browser, or as somebody else.

Shown where the app asks for it (`prompt=select_account`). Source: OpenID Connect Core section 3.1.2.1.
"""
from flask import Response

from authservice import browser
from authservice.hosted.journey import Journey, page


@page("/selectAccount", "select_account.html", needs_account=True)
def choose(journey: Journey) -> Response:
    """Go on as who is signed in. Somebody else goes by the page's link to the sign-in page."""
    browser.take_step("chosen", journey.request.query)
    return journey.go("/oauth2/authorize")
