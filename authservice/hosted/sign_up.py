"""Sign up: the form for a new account, the code or link that confirms it, a fresh code."""
from flask import Response, request

from authservice import browser
from authservice.errors import CognitoError
from authservice.hosted import fields
from authservice.hosted.journey import Journey, page
from authservice.hosted.sign_in import await_confirmation, sign_in


def sign_up_form(journey: Journey) -> dict:
    return {"name": fields.username(journey.pool), "attributes": fields.sign_up_attributes(journey.pool),
            "rules": fields.password_rules(journey.pool)}


@page("/signup", "sign_up.html", values=sign_up_form)
def sign_up(journey: Journey) -> Response:
    """Create the account; go on to the code that confirms it, or signed in where none is needed."""
    username, password = journey.typed_name, journey.new_password()
    attributes = fields.typed_attributes(fields.sign_up_attributes(journey.pool), request.form)
    answer = journey.call_for_client("SignUp", Username=username, Password=password,
                                     UserAttributes=attributes)
    if answer["UserConfirmed"]:
        return sign_in(journey, username, password)
    if "CodeDeliveryDetails" not in answer:
        journey.hold("username", username)
        return journey.go("/login", "no-code")
    await_confirmation(journey, username, password, answer["CodeDeliveryDetails"])
    return journey.go("/confirm")


def confirm_form(journey: Journey) -> dict:
    template = journey.pool.get("VerificationMessageTemplate", {})
    delivery = journey.held("delivery")
    by_link = template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK"
    return {"delivery": delivery, "name": fields.username(journey.pool),
            "by_link": by_link and (delivery or {}).get("DeliveryMedium") != "SMS"}


@page("/confirm", "confirm.html", values=confirm_form)
def confirm(journey: Journey) -> Response:
    """Confirm the account by its code and sign in with the password that was kept; else ask for it."""
    username = journey.typed_name
    if "code" in request.form:  # where a link confirms there is none to type
        journey.call_for_client("ConfirmSignUp", Username=username, ConfirmationCode=journey.code)
    journey.hold("username", username)
    of, password = journey.held("password") or (None, None)
    try:
        return sign_in(journey, username, password) if of == username else journey.go("/login", "confirmed")
    except CognitoError as error:
        if error.code == "UserNotConfirmedException":
            raise
        browser.drop("password")
        return journey.go("/login", "confirmed")


@page("/resendcode", "confirm.html", values=confirm_form)
def resend(journey: Journey) -> Response:
    """Send a fresh code; the older one is dead from then on."""
    username = journey.typed_name
    answer = journey.call_for_client("ResendConfirmationCode", Username=username)
    journey.hold("username", username)
    journey.hold("delivery", answer.get("CodeDeliveryDetails"))
    return journey.go("/confirm", "code-sent")
