"""The API way: forms of the application's own that call the service's JSON API.

The application designs every page and sees the password: more freedom, more duty, and no single sign-on.
Each form is one operation; a sign-in goes on through challenges until the answer has tokens.
Neighbours: service_api.py sends, account.py takes the tokens, account_page.py calls refresh and sign-out.
"""
import json
from dataclasses import dataclass, field

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for

from authservice.demo import account, authenticator
from authservice.demo.account import Account
from authservice.demo.exchange import Refused
from authservice.demo.journey import Journey
from authservice.demo.service_api import service_api

CODE_CHALLENGES = {"SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE", "SMS_MFA": "SMS_MFA_CODE",
                   "EMAIL_OTP": "EMAIL_OTP_CODE"}
FORMS = {"NEW_PASSWORD_REQUIRED", "MFA_SETUP", *CODE_CHALLENGES}    # challenges this site has a form for
SHOWN_STEPS = 24

blueprint = Blueprint("api", __name__, url_prefix="/api")


@dataclass
class Challenge:
    """What the service asks next: its opaque `session` must come back with the answer, and works once."""
    name: str
    session: str
    parameters: dict
    username: str
    secret: str = ""        # MFA_SETUP only


@dataclass
class Progress:
    """How far this browser has come with the own form."""
    journey: Journey = field(default_factory=lambda: Journey("Signing in with a form of its own"))
    username: str = ""
    challenge: Challenge | None = None


@blueprint.route("", methods=["GET", "POST"])
def sign_in():
    """USER_PASSWORD_AUTH sends the password. USER_SRP_AUTH only proves it, but needs a script."""
    progress = _progress()
    if request.method == "GET":
        return _page("sign_in")
    progress.username = _field("username")
    try:
        answer = _call("InitiateAuth", {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": progress.username, "PASSWORD": request.form.get("password", "")}},
            "The first step of every sign-in. The answer is tokens, or a challenge: what the service wants "
            "to know next.")
    except Refused as refusal:
        return _sign_in_refused(refusal)
    return _next(answer, progress)


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up():
    if request.method == "GET":
        return _page("sign_up")
    _progress().username = _field("username")
    attributes = ("email", _field("username")), ("name", _field("name"))
    try:
        answer = _call("SignUp", {
            "Username": _field("username"), "Password": request.form.get("password", ""),
            "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes if value]},
            "Registers a person who is UNCONFIRMED until the address is proved by a code.")
    except Refused as refusal:
        return _page("sign_up", refusal)
    if answer.get("UserConfirmed"):
        flash("The account is ready. Sign in.", "success")
        return redirect(url_for("api.sign_in"))
    flash(_sent(answer), "success")
    return redirect(url_for("api.confirm"))


@blueprint.route("/confirm", methods=["GET", "POST"])
def confirm():
    if request.method == "GET":
        return _page("confirm")
    _progress().username = _field("username")
    try:
        _call("ConfirmSignUp", {"Username": _field("username"), "ConfirmationCode": _field("code")},
              "The code proves that the address belongs to the person: the account is CONFIRMED, the "
              "address verified.")
    except Refused as refusal:
        return _page("confirm", refusal)
    flash("The address is confirmed. Sign in.", "success")
    return redirect(url_for("api.sign_in"))


@blueprint.post("/resend")
def resend():
    _progress().username = _field("username")
    try:
        flash(_sent(_call("ResendConfirmationCode", {"Username": _field("username")},
                          "A new code; the old one stops working.")), "success")
    except Refused as refusal:
        return _page("confirm", refusal)
    return redirect(url_for("api.confirm"))


@blueprint.route("/forgot", methods=["GET", "POST"])
def forgot():
    if request.method == "GET":
        return _page("forgot")
    _progress().username = _field("username")
    try:
        answer = _call("ForgotPassword", {"Username": _field("username")},
                       "Sends a code to the verified address. For an unknown name the answer looks the same.")
    except Refused as refusal:
        return _page("forgot", refusal)
    flash(_sent(answer), "success")
    return redirect(url_for("api.reset"))


@blueprint.route("/reset", methods=["GET", "POST"])
def reset():
    if request.method == "GET":
        return _page("reset")
    _progress().username = _field("username")
    try:
        _call("ConfirmForgotPassword", {"Username": _field("username"), "ConfirmationCode": _field("code"),
                                        "Password": request.form.get("password", "")},
              "The code stands in for the forgotten password, once.")
    except Refused as refusal:
        return _page("reset", refusal)
    flash("The new password is set. Sign in.", "success")
    return redirect(url_for("api.sign_in"))


@blueprint.route("/challenge", methods=["GET", "POST"])
def challenge():
    """Answer the challenge the service named; there may be another one after it."""
    progress = _progress()
    asked = progress.challenge
    if asked is None:
        return redirect(url_for("api.sign_in"))
    if request.method == "GET":
        return _challenge_page(asked)
    try:
        if asked.name == "MFA_SETUP":
            verified = _call("VerifySoftwareToken", {"Session": asked.session, "UserCode": _field("code")},
                             "A code proves that the app has the secret.")
            asked.session = verified["Session"]
        answer = _call("RespondToAuthChallenge", {
            "ChallengeName": asked.name, "Session": asked.session,
            "ChallengeResponses": {"USERNAME": asked.username, **_responses(asked)}},
            "The answer goes back with the Session, which binds it to this sign-in and works once.")
    except Refused as refusal:
        if refusal.code == "NotAuthorizedException":  # the Session is spent or too old: begin again
            progress.challenge = None
            return _sign_in_refused(refusal)
        return _challenge_page(asked, refusal)
    return _next(answer, progress)


def refresh(signed_in: Account, journey: Journey) -> dict:
    """New tokens for the refresh token, by the API. Raises Refused."""
    answer = service_api().call(
        journey, "InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": signed_in.client_id,
                                  "AuthParameters": {"REFRESH_TOKEN": signed_in.refresh_token}},
        "Access tokens live an hour so that a lost one is soon worthless; the refresh token gets new ones "
        "without asking you again.")
    return _tokens(answer)


def sign_out(signed_in: Account, journey: Journey):
    """Revoke the refresh token and drop the rest: the own form made no session at the service."""
    try:
        service_api().call(journey, "RevokeToken",
                           {"Token": signed_in.refresh_token, "ClientId": signed_in.client_id},
                           "Dropping a token is not enough: a copy would go on working. Now it does not.")
    except Refused:
        pass        # nothing left to revoke; the refusal is among the journey's steps
    return redirect(url_for("home"), 303)


def _call(operation: str, members: dict, why: str) -> dict:
    """Call the API as the own form's app client, noted in this browser's journey."""
    journey = _progress().journey
    journey.steps = journey.steps[-SHOWN_STEPS:]
    if "Session" not in members or operation == "RespondToAuthChallenge":
        members = {"ClientId": current_app.config["SITE"]["api_client_id"], **members}
    return service_api().call(journey, operation, members, why)


def _next(answer: dict, progress: Progress):
    """Tokens: signed in. A challenge: its form."""
    if "AuthenticationResult" in answer:
        account.sign_in("api", current_app.config["SITE"]["api_client_id"], progress.journey, _tokens(answer))
        flash("You are signed in. Below is everything that happened on the way.", "success")
        return redirect(url_for("account.show"))
    parameters = answer.get("ChallengeParameters", {})
    asked = Challenge(answer.get("ChallengeName", ""), answer.get("Session", ""), parameters,
                      parameters.get("USER_ID_FOR_SRP", progress.username))
    if asked.name == "MFA_SETUP":
        associated = service_api().call(
            progress.journey, "AssociateSoftwareToken", {"Session": asked.session},
            "This pool asks everybody for a second factor. There is no access token yet: the sign-in's "
            "Session stands in for it.")
        asked.session, asked.secret = associated["Session"], associated["SecretCode"]
    progress.challenge = asked
    return redirect(url_for("api.challenge"))


def _responses(asked: Challenge) -> dict[str, str]:
    """The members of ChallengeResponses that this challenge wants besides USERNAME."""
    if asked.name in CODE_CHALLENGES:
        return {CODE_CHALLENGES[asked.name]: _field("code")}
    if asked.name == "NEW_PASSWORD_REQUIRED":
        return {"NEW_PASSWORD": request.form.get("password", ""),
                **{name: _field(name) for name in _required_attributes(asked)}}
    return {}


def _required_attributes(asked: Challenge) -> list[str]:
    """Names such as `userAttributes.name`: the service sends them as JSON inside JSON."""
    return json.loads(asked.parameters.get("requiredAttributes") or "[]")


def _tokens(answer: dict) -> dict:
    result = answer.get("AuthenticationResult", {})
    names = {"id_token": "IdToken", "access_token": "AccessToken", "refresh_token": "RefreshToken"}
    return {ours: result[theirs] for ours, theirs in names.items() if theirs in result}


def _sign_in_refused(refusal: Refused):
    """Two refusals lead on: an unconfirmed address, a password that an administrator has reset."""
    if refusal.code in ("UserNotConfirmedException", "PasswordResetRequiredException"):
        flash(str(refusal), "refusal")
        return redirect(url_for("api.confirm" if refusal.code.startswith("UserNot") else "api.reset"))
    return _page("sign_in", refusal)


def _challenge_page(asked: Challenge, refusal: Refused | None = None):
    qr = authenticator.qr_code(asked.secret, _progress().username) if asked.secret else ""
    attributes = _required_attributes(asked) if asked.name == "NEW_PASSWORD_REQUIRED" else []
    return _page("challenge", refusal, asked=asked, known=asked.name in FORMS, qr=qr, attributes=attributes,
                 secret=authenticator.grouped(asked.secret))


def _page(name: str, refusal: Refused | None = None, **context):
    progress = _progress()
    page = render_template(f"api/{name}.html", progress=progress, refusal=refusal, **context)
    return page, 400 if refusal else 200


def _progress() -> Progress:
    return session.setdefault("own_form", Progress())


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _sent(answer: dict) -> str:
    details = answer.get("CodeDeliveryDetails", {})
    return f"A code is on its way to {details.get('Destination', 'the verified address')}."
