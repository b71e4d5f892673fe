"""The account page and all that can be done there.

Neighbours: account.py knows who is signed in; both ways refresh and sign out.
"""
from flask import Blueprint, flash, redirect, render_template, request, session, url_for

from authservice.demo import account, api_way, authenticator, hosted_way, tokens
from authservice.demo.account import Account
from authservice.demo.exchange import Refused
from authservice.demo.journey import Journey, keep_farewell
from authservice.demo.problems import Problem
from authservice.demo.provider import provider
from authservice.demo.service_api import service_api

WAYS = {"hosted": hosted_way, "api": api_way}

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
def show():
    if account.current() is None:
        flash("Sign in first.", "notice")
        return redirect(url_for("home"))
    return render_template("account.html")


@blueprint.post("/account/refresh")
def refresh():
    signed_in = _signed_in()
    journey = signed_in.begin("Refreshing the tokens")
    try:
        account.replace_tokens(signed_in, journey, WAYS[signed_in.way].refresh(signed_in, journey))
        flash("New tokens: compare iat, exp and jti.", "success")
    except Refused as refusal:
        flash(f"The service refused to refresh: {refusal}.", "refusal")
    return redirect(url_for("account.show"))


@blueprint.post("/account/user-info")
def user_info():
    signed_in = _signed_in()
    return _ask(signed_in, "Asking userInfo", hosted_way.user_info)


@blueprint.post("/account/get-user")
def get_user():
    return _ask(_signed_in(), "Asking GetUser", account.read_profile)


@blueprint.post("/account/forge")
def forge():
    """Make the access token say more than the service said, and try it: here, then there."""
    signed_in = _signed_in()
    journey = signed_in.begin("Trying a forged token")
    token = tokens.forged(signed_in.access_token.raw, **{"cognito:groups": ["administrators"]})
    refusals = 0
    try:
        tokens.check_access_token(token, provider(), journey, client_id=signed_in.client_id)
    except tokens.TokenRefused:
        refusals += 1
    try:
        service_api().call(journey, "GetUser", {"AccessToken": token}, "Same header, same signature, one claim more. "
                           "The service does not trust what it reads either: it checks first.")
    except Refused:
        refusals += 1
    if refusals == 2:
        flash("Refused twice: by this site, which needs nobody for it, and by the service.", "success")
    else:
        flash("A forged token was believed. It should not.", "refusal")
    return redirect(url_for("account.show"))


@blueprint.post("/account/authenticator")
def associate():
    """Ask the service for a new secret; nothing changes until a code proves that the app has it."""
    signed_in = _signed_in()
    journey = signed_in.begin("Setting up an authenticator app")
    try:
        answer = service_api().call(
            journey, "AssociateSoftwareToken", {"AccessToken": signed_in.access_token.raw},
            "The service makes a secret and keeps it sealed. The app gets it once, by QR code; from then on "
            "both can compute the same six digits every 30 seconds (TOTP, RFC 6238).")
    except Refused as refusal:
        flash(f"The service refused: {refusal}.", "refusal")
        return redirect(url_for("account.show"))
    session["secret"] = answer["SecretCode"]
    return redirect(url_for("account.set_up"))


@blueprint.get("/account/authenticator")
def set_up():
    signed_in, secret = account.current(), session.get("secret")
    if signed_in is None or secret is None:
        return redirect(url_for("account.show"))
    return render_template("authenticator.html", secret=authenticator.grouped(secret),
                           qr=authenticator.qr_code(secret, _label(signed_in)))


@blueprint.post("/account/authenticator/verify")
def verify():
    """Prove with a code that the app has the secret, then make it the preferred second factor."""
    signed_in = _signed_in()
    journey = signed_in.begin("Turning the authenticator app on")
    try:
        service_api().call(
            journey, "VerifySoftwareToken",
            {"AccessToken": signed_in.access_token.raw, "UserCode": request.form.get("code", "").strip(),
             "FriendlyDeviceName": "Demo site"}, "A code of the app proves that it has the secret: nobody "
            "locks themselves out with an app that was never set up.")
        _prefer_authenticator(signed_in, journey, True)
    except Refused as refusal:
        flash(f"The service refused: {refusal}. Type the code that the app shows now.", "refusal")
        return redirect(url_for("account.set_up"))
    session.pop("secret", None)
    flash("The authenticator app is on: the next sign-in asks for its code.", "success")
    return redirect(url_for("account.show"))


@blueprint.post("/account/authenticator/off")
def turn_off():
    signed_in = _signed_in()
    journey = signed_in.begin("Turning the authenticator app off")
    try:
        _prefer_authenticator(signed_in, journey, False)
        flash("The authenticator app is off: a password is enough again.", "success")
    except Refused as refusal:
        flash(f"The service refused: {refusal}.", "refusal")
    return redirect(url_for("account.show"))


@blueprint.post("/account/sign-out")
def sign_out():
    signed_in = _signed_in()
    journey = Journey("Signing out")
    session.renew()         # first: whoever signs out is out here, even if the service does not answer
    answer = WAYS[signed_in.way].sign_out(signed_in, journey)
    keep_farewell(journey)
    flash("You are signed out.", "success")
    return answer


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere():
    """Revoke every token of the person, then try the old ones: the answers are the proof."""
    signed_in = _signed_in()
    journey = Journey("Signing out everywhere")
    token = signed_in.access_token.raw
    try:
        service_api().call(journey, "GlobalSignOut", {"AccessToken": token}, "Every refresh and access "
                           "token of this person ends now, on every device: the thing to do when one is "
                           "lost.")
    except Refused as refusal:
        signed_in.begin("Signing out everywhere").steps += journey.steps
        flash(f"The service refused: {refusal}.", "refusal")
        return redirect(url_for("account.show"))
    proofs = [
        _proof("The old refresh token", lambda: WAYS[signed_in.way].refresh(signed_in, journey)),
        _proof("The old access token", lambda: service_api().call(
            journey, "GetUser", {"AccessToken": token}, "The same call worked before. Its signature is "
            "still good and it has not expired: only the service knows that it is revoked.")),
    ]
    session.renew()
    session["signed_out_everywhere"] = {"proofs": proofs, "journeys": [journey], "way": signed_in.way,
                                        "client_id": signed_in.client_id}
    return redirect(url_for("account.signed_out_everywhere"))


@blueprint.get("/signed-out-everywhere")
def signed_out_everywhere():
    if "signed_out_everywhere" not in session:
        return redirect(url_for("home"))
    return render_template("signed_out_everywhere.html", **session["signed_out_everywhere"])


@blueprint.post("/signed-out-everywhere/leave")
def leave():
    """Revoked tokens do not end the browser's own session at the service: this does."""
    ended = session.get("signed_out_everywhere")
    if ended is None:
        return redirect(url_for("home"))
    journey = Journey("Signing out at the service")
    answer = hosted_way.leave(journey, ended["client_id"])
    session.renew()
    keep_farewell(journey)
    return answer


def _signed_in() -> Account:
    signed_in = account.current()
    if signed_in is None:
        raise Problem("You are not signed in", "This site's session has ended.", advice="Sign in again.",
                      status=401)
    return signed_in


def _ask(signed_in: Account, title: str, question):
    journey = signed_in.begin(title)
    try:
        question(signed_in, journey)
        flash("The answer is below.", "success")
    except Refused as refusal:
        flash(f"The service refused: {refusal}.", "refusal")
    return redirect(url_for("account.show"))


def _prefer_authenticator(signed_in: Account, journey: Journey, on: bool) -> None:
    service_api().call(
        journey, "SetUserMFAPreference",
        {"AccessToken": signed_in.access_token.raw,
         "SoftwareTokenMfaSettings": {"Enabled": on, "PreferredMfa": on}},
        "Having proved the app and being asked for it are two things in Cognito: this is the switch.")
    account.read_profile(signed_in, journey)


def _proof(what: str, attempt) -> dict:
    """Try `attempt`, which must be refused, and keep the service's own words."""
    try:
        attempt()
        return {"what": what, "refused": False, "code": "", "message": ""}
    except Refused as refusal:
        return {"what": what, "refused": True, "code": refusal.code, "message": refusal.message}


def _label(signed_in: Account) -> str:
    return signed_in.id_token.claims.get("email") or signed_in.id_token.claims["sub"]
