"""Requests to the login pages and OAuth endpoints as events: their names, and what is told of their parameters.

The names are those of Cognito's own trail; pages it does not have are named in its manner.
Source: Developer Guide, "Amazon Cognito logging in AWS CloudTrail"; its example Token_POST.
"""

import uuid
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request

from werkzeug.exceptions import HTTPException

from authservice.audit import events
from authservice.audit.redaction import HIDDEN
from authservice.contract import about

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

    @door.before_request
    def begin() -> None:
        g.request_id = g.get("request_id") or str(uuid.uuid4())
        if request.endpoint not in NAMES:
            return
        events.source.set(events.Source(request.remote_addr, request.headers.get("User-Agent"), g.request_id))
        if trail.is_on and request.method != "OPTIONS":
            is_read = request.method in ("GET", "HEAD")
            events.under_way.set(events.PageEntry(_name(), trail.clock(), events.source.get(), parameters=_parameters(),
                                             status=REDIRECTS.get(request.endpoint, 200), is_read=is_read))

    @door.after_request
    def end(response: Response) -> Response:
        entry = events.under_way.get()
        if entry is not None:
            entry.status, entry.source = response.status_code, entry.source._replace(request_id=g.request_id)
            entry.about = {"pool": g.get("pool_id"), **about.get(), **entry.about}
            if g.get("outcome") or response.status_code >= 400:
                entry.error = str(g.get("outcome") or response.status_code), ""
            trail.end(entry)
        return response

    @door.teardown_request
    def forget(_) -> None:
        events.under_way.set(None)


def _name() -> str:
    name = NAMES[request.endpoint]
    return name if name == "Logout" else f"{name}_{request.method}"


def _parameters() -> dict[str, list[str]]:
    """The parameters of address and body that we know by name; what may be shown of them."""
    try:
        given = [*request.args.lists(), *request.form.lists()]
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
