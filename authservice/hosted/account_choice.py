"""Which account: go on as who is signed in at this browser, or as somebody else.

Shown where the app asks for it (`prompt=select_account`). Source: OpenID Connect Core section 3.1.2.1.
"""
from flask import Response

from authservice.hosted.journey import Journey, page


def for_nobody(journey: Journey) -> str | None:
    """Where nobody is signed in there is nothing to choose."""
    return None if journey.request.account else "/login"


@page("/selectAccount", "select_account.html", instead=for_nobody)
def choose(journey: Journey) -> Response:
    """Go on as who is signed in. Somebody else goes by the page's link to the sign-in page."""
    return journey.took_step("chosen")
