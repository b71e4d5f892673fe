"""Pages that serve no authorize request: sign out and signed out, an error's page, the link from a confirmation mail."""
import re

from flask import Response, g, render_template, request

from authservice import browser
from authservice.contract import Backend
from authservice.errors import CognitoError, Unavailable
from authservice.hosted.journey import caller, outcome_of
from authservice.watch import new_id

# What /oauth2/authorize and /logout may say here: RFC 6749 section 4.1.2.1, OpenID Connect Core 3.1.2.6,
# Cognito's own.
CODES = {"redirect_mismatch", "invalid_request", "invalid_client", "unauthorized_client", "invalid_scope",
         "unsupported_response_type", "access_denied", "server_error", "temporarily_unavailable",
         "login_required", "request_not_supported", "request_uri_not_supported"}


OUR_FAULTS = {"server_error": 500, "temporarily_unavailable": 503}


def sign_out(leave) -> Response:
    """Ask whether to sign out; the form goes to /logout, which does it. `leave`: oauth/logout.py's LogoutRequest."""
    if leave.origin:
        browser.allow_redirect_to(leave.origin)
    return _page("sign_out.html", leave=leave)


def signed_out(leave) -> Response:
    """Say that it is done, and lead back to the app where a registered address allows; `leave` as in sign_out."""
    return _page("signed_out.html", leave=leave)


def error(backend: Backend) -> Response:
    """Say what went wrong with a request that may not be redirected.

    The page lends its voice to nobody's text: of what the address carries, only a known code is told.
    """
    code = request.args.get("error", "")
    if re.fullmatch(r"[0-9a-f-]{36}", told := request.args.get("request_id", "")):
        g.request_id = told  # under which the log has what went wrong
    return error_page(OUR_FAULTS.get(code, 400), code if code in CODES else "")


def confirm_user(backend: Backend) -> Response:
    """Confirm the account whose mailed link this is; nobody is signed in by it."""
    members = {"ClientId": "client_id", "Username": "user_name", "ConfirmationCode": "confirmation_code"}
    try:
        given = {member: request.args.get(name, "") for member, name in members.items()}
        backend.call("ConfirmSignUp", given, caller())
    except CognitoError as refusal:
        if refusal.status >= 500:
            raise
        g.outcome = refusal.code
        return _page("confirmed.html", *outcome_of(refusal), refusal=refusal)
    return _page("confirmed.html", refusal=None)


def not_now(refusal: Unavailable) -> Response:
    """Ask for a little patience. Its button leads back to the page as it was, with what was typed but passwords."""
    answer = error_page(refusal.status, refusal.code)
    answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def error_page(status: int, code: str = "") -> Response:
    """The page for a request that leads nowhere, with the id under which the log has it (S10)."""
    g.request_id = g.get("request_id") or new_id()
    g.outcome = code or status
    return _page("error.html", status, status=status, code=code, request_id=g.request_id)


def _page(template: str, http_status: int = 200, headers: dict | None = None, **values) -> Response:
    return Response(render_template(f"hosted/{template}", journey=None, **values), http_status, headers)
