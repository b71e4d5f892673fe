"""Sign in: the form for name and password, and where the answer leads.

Every journey that can end signed in comes through `sign_in` or `respond`; the backend orders the steps.
"""
from flask import Response

from authservice import browser
from authservice.errors import CognitoError
from authservice.hosted import fields
from authservice.hosted.journey import PAGE_OF_CHALLENGE, Journey, page

# A sign-up ends signed in, as Cognito's does, and nothing behind the seam signs in without the password.
# So the sealed session keeps it from the form to the code, as long as a code takes to arrive, and no longer.
PASSWORD_SECONDS = 900


def for_signed_in(journey: Journey) -> str | None:
    """Who is signed in well enough for the app needs no form, as at Cognito."""
    return "/oauth2/authorize" if journey.request.is_settled else None


@page("/login", "sign_in.html", values=lambda journey: {"name": fields.sign_in_name(journey.pool)},
      instead=for_signed_in)
def submit(journey: Journey) -> Response:
    """Sign in with what was typed; an unfinished account goes on to the page that finishes it."""
    username, password = journey.typed_name, journey.password
    journey.hold("username", username)
    try:
        return sign_in(journey, username, password)
    except CognitoError as error:
        if error.code == "UserNotConfirmedException":
            await_confirmation(journey, username, password)
            return journey.go("/confirm", "unconfirmed")
        if error.code == "PasswordResetRequiredException":
            return journey.go("/forgotPassword", "reset-required")
        raise


def sign_in(journey: Journey, username: str, password: str) -> Response:
    """Sign in by password and go where the answer leads."""
    parameters = {"USERNAME": username, "PASSWORD": password}
    if journey.request.acr_values:
        parameters["TARGET_ACR_VALUES"] = journey.request.acr_values
    answer = journey.call_for_client("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    return proceed(journey, answer, username)


def respond(journey: Journey, session: str | None = None, **responses: str) -> Response:
    """Answer the open challenge and go where the answer to that leads."""
    challenge = journey.challenge
    answer = journey.call_for_client("RespondToAuthChallenge", ChallengeName=challenge["name"],
                                     Session=session or challenge["session"],
                                     ChallengeResponses={"USERNAME": challenge["username"], **responses})
    return proceed(journey, answer, challenge["username"])


def proceed(journey: Journey, answer: dict, username: str) -> Response:
    """Go to the page of the challenge that an answer asks, or, if it asks none, back signed in."""
    browser.drop("password")
    name = answer.get("ChallengeName")
    if not name:
        return journey.signed_in(answer["AuthenticationResult"]["AccessToken"])
    if name not in PAGE_OF_CHALLENGE:
        raise CognitoError("NotImplementedException", f"There is no page for the challenge {name}.")
    parameters = dict(answer.get("ChallengeParameters", {}))
    parameters.pop("userAttributes", None)  # a whole profile has no room in a cookie
    journey.hold("challenge", {"name": name, "session": answer["Session"], "parameters": parameters,
                               "username": parameters.get("USER_ID_FOR_SRP", username), "typed": username})
    return journey.go(PAGE_OF_CHALLENGE[name])


def await_confirmation(journey: Journey, username: str, password: str, delivery: dict | None = None) -> None:
    """Remember whose code is awaited, where it went, and for a short while the password to go on with.

    A challenge of a sign-in that was left for this is dropped: a cookie of both may be more than browsers keep.
    """
    browser.drop("challenge")
    journey.hold("username", username)
    journey.hold("delivery", delivery)
    journey.hold("password", [username, password], PASSWORD_SECONDS)
