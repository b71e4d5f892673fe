"""Requests to the login pages and OAuth endpoints as events: their names, and what is told of their parameters.

The names are those of Cognito's own trail; pages it does not have are named in its manner.
Source: Developer Guide, "Amazon Cognito logging in AWS CloudTrail"; its example Token_POST.
"""

from urllib.parse import urlsplit

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import HTTPException

from authservice import body
from authservice.audit import events
from authservice.audit.redaction import HIDDEN
from authservice.contract import about
from authservice.watch import new_id

NAMES = {
    "oauth.authorize": "OAuth2_Authorize", "oauth.token": "Token", "oauth.revoke": "Revoke",
    "oauth.userinfo": "UserInfo", "oauth.logout": "Logout", "hosted.login": "Login", "hosted.signup": "Signup",
    "hosted.confirm": "Confirm", "hosted.resendcode": "ResendCode", "hosted.forgotPassword": "ForgotPassword",
    "hosted.confirmforgotPassword": "ConfirmForgotPassword", "hosted.changePassword": "ResetPassword",
    "hosted.mfa": "Mfa", "hosted.mfa_setup": "MfaRegister", "hosted.selectAccount": "SelectAccount",
    "hosted.consent": "Consent", "hosted.sign_out": "SignOut", "hosted.signed_out": "SignedOut",
    "hosted.error": "Error", "hosted.confirm_user": "Confirm_With_Link"}
"""By endpoint, without the method; others, such as the published keys, are no events."""
REDIRECTS = {"oauth.authorize": 302, "oauth.logout": 302}
SHOWN = {"client_id", "response_type", "response_mode", "scope", "grant_type", "code_challenge_method", "prompt",
         "max_age", "acr_values", "resource", "ui_locales", "lang", "identity_provider", "token_type_hint", "error"}
ADDRESSES = {"redirect_uri", "logout_uri", "post_logout_redirect_uri"}
MOST, LONGEST = 4, 256
"""Values of one parameter, and characters of a value, that are shown."""


def watch(door: Blueprint, trail) -> None:
    """Record every request to this door's endpoints in `trail`, a local/trail.py Trail."""
    record = Record(trail)

    @door.before_request
    def begin() -> None:
        # Each look through a proxy takes its time.
        record.begin(request._get_current_object(), g._get_current_object(), request.endpoint)

    @door.after_request
    def end(response: Response) -> Response:
        record.end(response, g._get_current_object())
        return response

    @door.teardown_request
    def forget(_) -> None:
        record.forget()


class Record:
    """Requests, as they begin and end; `known` is what their door has noted, Flask's `g`."""

    def __init__(self, trail):
        self._trail = trail

    def begin(self, asked: Request, known, endpoint: str | None) -> None:
        known.request_id = known.get("request_id") or new_id()
        name, method = NAMES.get(endpoint), asked.method
        if name is None:
            return
        came = events.Source(asked.remote_addr, asked.environ.get("HTTP_USER_AGENT"), known.request_id)
        events.source.set(came)
        if self._trail.is_on and method != "OPTIONS":
            events.under_way.set(events.PageEntry(
                name if name == "Logout" else f"{name}_{method}", self._trail.clock(), came, parameters=_parameters(asked),
                status=REDIRECTS.get(endpoint, 200), is_read=method in ("GET", "HEAD")))

    def end(self, response: Response, known) -> None:
        entry = events.under_way.get()
        if entry is None:
            return
        entry.status = response.status_code
        if known.request_id != entry.source.request_id:
            entry.source = entry.source._replace(request_id=known.request_id)
        entry.about = {"pool": known.get("pool_id"), **about.get(), **entry.about}
        outcome = known.get("outcome") or (entry.status >= 400 and entry.status)
        if outcome:
            entry.error = str(outcome), ""
        self._trail.end(entry)

    def forget(self) -> None:
        events.under_way.set(None)


def _parameters(asked: Request) -> dict[str, list[str]]:
    """The parameters of address and body that we know by name; what may be shown of them."""
    try:
        given = [*(asked.form.lists() if body.is_there(asked.environ) else ()),
                 *(asked.args.lists() if asked.query_string else ())]
    except HTTPException:  # a body that is refused anyway
        return {}
    return {name: [_shown(name, value) for value in values[:MOST]] for name, values in given if name in KNOWN}


KNOWN = SHOWN | ADDRESSES | {
    "state", "nonce", "code", "code_verifier", "code_challenge", "client_secret", "client_assertion", "refresh_token",
    "access_token", "token", "username", "password", "password_again", "login_hint", "id_token_hint", "claims", "_csrf",
    "email", "phone_number", "name", "confirmation_code", "user_name"}


def _shown(name: str, value: str) -> str:
    if name in SHOWN:
        return value[:LONGEST]
    if name in ADDRESSES:  # without its query, which is the app's own
        return _address(value)[:LONGEST]
    return HIDDEN


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return HIDDEN
