"""Forgotten password: ask for a code, set a new password by it.

The pages behave alike for known and unknown names; whether the answers do is the app client's setting, kept
behind the seam (PreventUserExistenceErrors).
"""
from flask import Response

from authservice.hosted import fields
from authservice.hosted.journey import Journey, page


def name_form(journey: Journey) -> dict:
    return {"name": fields.sign_in_name(journey.pool)}


@page("/forgotPassword", "forgot_password.html", values=name_form)
def forgot_password(journey: Journey) -> Response:
    """Send the code that allows a new password."""
    username = journey.typed_name
    journey.hold("username", username)
    answer = journey.call_for_client("ForgotPassword", Username=username)
    journey.hold("reset_delivery", answer.get("CodeDeliveryDetails"))
    return journey.go("/confirmforgotPassword")


def reset_form(journey: Journey) -> dict:
    return {**name_form(journey), "rules": fields.password_rules(journey.pool),
            "delivery": journey.held("reset_delivery")}


@page("/confirmforgotPassword", "reset_password.html", values=reset_form)
def reset_password(journey: Journey) -> Response:
    """Set the new password, and let the person sign in with it: the reset skips no other factor (P9)."""
    username = journey.typed_name
    journey.call_for_client("ConfirmForgotPassword", Username=username, ConfirmationCode=journey.code,
                            Password=journey.new_password())
    journey.hold("username", username)
    return journey.go("/login", "password-changed")
