"""The hosted way: the authorization code flow with PKCE (OpenID Connect Core 3.1, RFC 7636, RFC 9700).

The service shows the pages and sees the password; this site gets a code, exchanges it for tokens and checks
them.

Neighbours: provider.py finds the endpoints, account.py takes the tokens, account_page.py calls refresh and
sign-out.
"""
import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, current_app, flash, redirect, request, session, url_for

from authservice.demo import account, exchange
from authservice.demo.account import Account
from authservice.demo.exchange import Refused
from authservice.demo.journey import Journey
from authservice.demo.problems import Problem
from authservice.demo.provider import provider

SCOPE = "openid email profile phone aws.cognito.signin.user.admin"
OPEN_ATTEMPTS = 5           # sign-ins begun in several tabs and not yet finished
ATTEMPT_LIFETIME = 3600     # seconds; creating an account and reading a mail may come between
VARIANTS = {                # what can be asked for besides, by the name it has at /sign-in?with=
    "password": {"prompt": "login"},
    "account": {"prompt": "select_account"},
    "consent": {"prompt": "consent"},
    "silence": {"prompt": "none"},
    "german": {"prompt": "login", "lang": "de"},
}

blueprint = Blueprint("hosted", __name__)


@dataclass
class Attempt:
    """A sign-in that has begun: three random values, known only to this browser's session."""
    state: str
    nonce: str
    verifier: str
    begun: float
    journey: Journey


@blueprint.get("/sign-in")
def sign_in():
    """Send the browser to the service with a question that only this session can use the answer to."""
    besides = VARIANTS.get(request.args.get("with", ""), {})
    asked = " and ".join(f"{name}={value}" for name, value in besides.items())
    journey = Journey("Signing in through the hosted pages" + (f", {asked}" if asked else ""))
    endpoint = provider().endpoint(journey, "authorization_endpoint")
    attempt = Attempt(state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32),
                      verifier=secrets.token_urlsafe(48), begun=time.monotonic(), journey=journey)
    parameters = {
        "response_type": "code",
        "client_id": _site()["client_id"],
        "redirect_uri": _callback_url(),
        "scope": SCOPE,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": s256(attempt.verifier),
        "code_challenge_method": "S256",
        **besides,
    }
    journey.browser_goes(
        "Go and sign in there", "The password is typed at the service and never seen here. Three random "
        "values go along and stay in this browser's session, each against another theft.",
        endpoint, parameters, "this site")
    session["attempts"] = [*session.get("attempts", []), attempt][-OPEN_ATTEMPTS:]
    return redirect(f"{endpoint}?{urlencode(parameters)}")


@blueprint.get("/callback")
def callback():
    """Take the service's answer: right state, right issuer, a code; redeem it, check the tokens, sign in."""
    doubled = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if doubled:
        raise Problem("This answer is not used", f"It has {', '.join(doubled)} twice.")
    attempt = _take_attempt(request.args.get("state", ""))
    journey = attempt.journey
    journey.browser_goes("Come back with a code", "The browser carries only a code: good once, for minutes, "
                         "and only for who knows the code verifier.", _callback_url(), request.args.to_dict(),
                         "the service")
    journey.checked("Compare the state", "A forged link to this address would sign you in as somebody else.",
                    [("State", "the very value this session made, compared in constant time, now spent")])
    _check_issuer(request.args.get("iss"), journey)
    if "error" in request.args:
        code, told = request.args["error"], request.args.get("error_description", "")[:500]
        raise Problem("The service did not sign you in", f"Its answer: {told}" if told else
                      "Its answer has no description.", code=code[:100], journey=journey)
    answer = _ask_token_endpoint(
        journey, "Exchange the code for tokens", "From server to server, so no token passes through the "
        "browser. The code verifier proves that who exchanges the code is who asked for it.",
        {"grant_type": "authorization_code", "code": request.args.get("code", ""),
         "redirect_uri": _callback_url(), "client_id": _site()["client_id"],
         "code_verifier": attempt.verifier})
    account.sign_in("hosted", _site()["client_id"], journey, answer, nonce=attempt.nonce)
    flash("You are signed in. Below is everything that happened on the way.", "success")
    return redirect(url_for("account.show"))


def refresh(signed_in: Account, journey: Journey) -> dict:
    """New tokens for the refresh token (RFC 6749, section 6). Raises Refused."""
    return _token_request(
        journey, "Ask for new tokens", "Access tokens live an hour so that a lost one is soon worthless; "
        "the refresh token gets new ones without asking you again.",
        {"grant_type": "refresh_token", "refresh_token": signed_in.refresh_token,
         "client_id": signed_in.client_id})


def user_info(signed_in: Account, journey: Journey) -> None:
    """Ask the standard endpoint about the person (OpenID Connect Core 5.3); its sub must be the ID token's.

    Raises Refused.
    """
    answer = exchange.send(
        journey, "Ask userInfo", "The standard way to ask for the person's attributes at any later time: "
        "what the scopes allow, and never from memory.",
        "GET", provider().endpoint(journey, "userinfo_endpoint"),
        headers={"Authorization": f"Bearer {signed_in.access_token.raw}"})
    if not answer.ok:
        raise Refused("userInfo", answer.step.status)
    if not isinstance(answer.body, dict) or answer.body.get("sub") != signed_in.id_token.claims["sub"]:
        raise Refused("userInfo", "its answer is about another person, so it is not used")


def sign_out(signed_in: Account, journey: Journey):
    """End it at every place: the refresh token, this site's session, then the service's own session."""
    endpoint = provider().metadata(journey).get("revocation_endpoint")
    if endpoint and signed_in.refresh_token:
        exchange.send(journey, "Revoke the refresh token", "Dropping a token is not enough: a copy of it "
                      "would go on working. Now it does not (RFC 7009).", "POST", endpoint,
                      form={"token": signed_in.refresh_token, "client_id": signed_in.client_id})
    return leave(journey, signed_in.client_id)


def leave(journey: Journey, client_id: str):
    """Send the browser to the service's sign-out page, which ends single sign-on and comes back here."""
    parameters = {"client_id": client_id, "logout_uri": f"{_site()['url']}/"}
    endpoint = provider().endpoint(journey, "end_session_endpoint")
    journey.browser_goes("Sign out at the service", "Its cookie keeps you signed in for every application "
                         "of the pool. Without this step the next sign-in would not ask for a password.",
                         endpoint, parameters, "this site")
    return redirect(f"{endpoint}?{urlencode(parameters)}", 303)


def s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _take_attempt(state: str) -> Attempt:
    """The attempt that `state` belongs to, taken out of the session: it works once."""
    attempts = session.get("attempts", [])
    found = [attempt for attempt in attempts if hmac.compare_digest(attempt.state.encode(), state.encode())]
    if not found or found[0].begun < time.monotonic() - ATTEMPT_LIFETIME:
        raise Problem(
            "This answer does not belong to a sign-in from this browser",
            "Its state is unknown, already used or too old, so whatever it brings is not used.",
            advice=f"Begin again at {_site()['url']}/ (exactly this address: the cookie belongs to it).")
    session["attempts"] = [attempt for attempt in attempts if attempt is not found[0]]
    return found[0]


def _check_issuer(iss: str | None, journey: Journey) -> None:
    """Who answers must be who was asked (RFC 9207); a service that announces `iss` may not leave it out."""
    announced = provider().metadata(journey).get("authorization_response_iss_parameter_supported", False)
    if iss is None and not announced:
        return
    if iss != provider().issuer:
        journey.checked("Compare the issuer", "Another server might slip in its answer.",
                        [("Refused", f"iss is {iss}")], failed=True)
        raise Problem("The answer comes from another issuer", f"Asked was {provider().issuer}, iss is {iss}.",
                      journey=journey)
    journey.checked("Compare the issuer", "Another server might slip in its answer.",
                    [("Issuer", f"iss is {iss}")])


def _ask_token_endpoint(journey: Journey, title: str, why: str, form: dict) -> dict:
    try:
        return _token_request(journey, title, why, form)
    except Refused as refusal:
        raise Problem("The service did not exchange the code", f"Its token endpoint answers {refusal}.",
                      advice="A code works once and for a few minutes. Sign in again.",
                      journey=journey) from refusal


def _token_request(journey: Journey, title: str, why: str, form: dict) -> dict:
    endpoint = provider().endpoint(journey, "token_endpoint")
    answer = exchange.send(journey, title, why, "POST", endpoint, form=form)
    body = answer.body if isinstance(answer.body, dict) else {}
    if not answer.ok:
        raise Refused(str(body.get("error", answer.step.status)), str(body.get("error_description", "")))
    return body


def _callback_url() -> str:
    return f"{_site()['url']}/callback"


def _site() -> dict[str, str]:
    return current_app.config["SITE"]
