"""How the endpoints answer: redirects, refusals as JSON, the headers of a Cognito domain, CORS.

Source: RFC 6749 sections 4.1.2 and 5.2, RFC 9207; Developer Guide, "User pool endpoints and managed login
reference".
"""

from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from authlib.oauth2.rfc6749 import InvalidGrantError, OAuth2Error
from flask import Response
from werkzeug.urls import iri_to_uri

from authservice import json_text
from authservice.answer import Answer
from authservice.errors import CognitoError, Unavailable
from authservice.oauth.asked import g, request

COMMON = {"X-Content-Type-Options": "nosniff", "X-XSS-Protection": "1; mode=block", "X-Frame-Options": "DENY",
          "Referrer-Policy": "no-referrer"}
NEVER_CACHED = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate", "Pragma": "no-cache",
                "Expires": "0"}
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "WWW-Authenticate, "
        "x-amz-cognito-request-id"}
PREFLIGHT = {"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400",
             "Access-Control-Allow-Headers": "authorization, content-type, accept, cache-control, "
             "x-amz-user-agent"}
"""Amplify sends x-amz-user-agent with its token requests from browsers."""


class Redirect(Answer):
    """A redirect to exactly this address: Werkzeug would write an app's `myapp:///x` as `myapp:/x`."""

    def __init__(self, location: str, status: int = 302):
        super().__init__("", status, [("Content-Type", "text/html; charset=utf-8"),
                                      ("Location", location if location.isascii() else iri_to_uri(location))])


def here(path: str, query: str = "") -> str:
    """An address of ours at the host the guest used; relative, so that no Host header decides where it is."""
    return f"{request.script_root}{path}" + (f"?{query}" if query else "")


def error_page(code: str, client_id: str | None = None) -> str:
    """The address of the page that tells an error where no app may be told."""
    g.outcome = code
    further = {"client_id": client_id[:128]} if client_id else {}
    if code in ("server_error", "temporarily_unavailable"):
        further["request_id"] = g.request_id
    return here("/error", urlencode({"error": code, **further}))


def address(uri: str, parameters: dict, fragment: bool = False) -> str:
    """A registered URI, as it is written there, with these parameters at its end."""
    sign = "#" if fragment else "&" if "?" in uri else "?"
    return uri + sign + urlencode(parameters, quote_via=quote)


def origin(uri: str) -> str:
    """scheme://host:port of a registered URI; of an app's own scheme, the scheme alone."""
    scheme, host = urlsplit(uri)[:2]
    return f"{scheme}://{host}" if scheme in ("http", "https") else f"{scheme}:"


def back(redirect_uri: str, parameters: dict, state: str | None, issuer: str,
         fragment: bool = False) -> tuple:
    """Authlib's form of a redirect to the app, with its state and who answers (RFC 9207)."""
    parameters = {**parameters, **({"state": state} if state else {}), "iss": issuer}
    return 302, "", [("Location", address(redirect_uri, parameters, fragment))]


def response(status: int, body: dict | str, headers: list[tuple[str, str]]) -> Response:
    """A response from Authlib's form of one."""
    known = dict(headers)
    if "Location" in known:
        return Redirect(known["Location"], status)
    kind = known.pop("Content-Type", None)
    return Answer(json_text.write(body) if isinstance(body, dict) else body, status, known.items(), kind)


def refusal(error: OAuth2Error | CognitoError) -> Response:
    """A refusal as JSON. What local/ refuses is the grant; only our own fault is another thing."""
    if isinstance(error, CognitoError):
        described = "".join(c for c in error.message if " " <= c <= "~" and c not in '"\\')
        error = (InvalidGrantError(described) if error.status < 500 else
                 OAuth2Error(described, error="server_error", status_code=error.status))
    g.outcome = error.error
    return response(*error())


def failure(error: str, status: int) -> Response:
    """What went wrong before or beside the protocol, for a program; nothing of how."""
    g.outcome = error
    return Answer(json_text.write({"error": error}), status)


def not_now(refusal: Unavailable) -> Response:
    """The word that RFC 6749 section 4.1.2.1 has for it, for a program."""
    answer = failure("temporarily_unavailable", refusal.status)
    answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def dress(answer: Response, method: str, request_id: str, hsts: bool, open_to_scripts: bool) -> Response:
    """Add the headers every answer has; whether it may be cached an endpoint may have said itself."""
    ours = isinstance(answer, Answer)
    may_be_cached = "Cache-Control" in (dict(answer.lines) if ours else answer.headers)
    further = [("x-amz-cognito-request-id", request_id),
               *_common(hsts, open_to_scripts, method == "OPTIONS", may_be_cached)]
    (answer.lines if ours else answer.headers).extend(further)
    return answer


@lru_cache
def _common(hsts: bool, open_to_scripts: bool, preflight: bool, may_be_cached: bool) -> list[tuple[str, str]]:
    headers = COMMON if may_be_cached else COMMON | NEVER_CACHED
    if hsts:
        headers = headers | {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
    if open_to_scripts:
        headers = headers | CORS | (PREFLIGHT if preflight else {})
    return list(headers.items())
