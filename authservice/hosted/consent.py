"""Consent: does the person want the app to know what it asks for?

Shown where the app asks for it (`prompt=consent`) and the provider is strict; Cognito has no such page.
Source: OpenID Connect Core section 3.1.2.4.
"""
from flask import Response, request

from authservice.hosted.account_choice import for_nobody
from authservice.hosted.journey import Journey, page


@page("/consent", "consent.html", instead=for_nobody)
def decide(journey: Journey) -> Response:
    """Take the answer back to the dispatcher; anything but a clear yes is a no."""
    return journey.took_step("consented" if request.form.get("decision") == "allow" else "denied")
