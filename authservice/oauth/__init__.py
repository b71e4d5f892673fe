"""The OAuth 2.0 and OpenID Connect door: what a Cognito domain and its issuer answer.

Owns the protocol, one module an endpoint: authorize, token, userinfo, revoke, logout, discovery; server.py
and grants.py bind Authlib to our tokens, clients.py authenticates app clients, pools.py knows which pool is
meant, programs.py takes a shorter way to the busiest. Does not own sign-in (hosted/), who sits at the browser
(browser.py) or what is in a token (local/tokens).
"""

from collections.abc import Callable

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from authservice.audit import doors
from authservice.config import Settings
from authservice.errors import CognitoError, Unavailable
from authservice.oauth import answers, authorize, authorize_request, discovery, logout, revoke, token, userinfo
from authservice.oauth.programs import LONGEST_BODY
from authservice.watch import new_id

BY_BROWSER = {"oauth.authorize", "oauth.logout"}
"""Endpoints that people are sent to; the others are for programs, scripts of any origin among them (A10)."""


def create(backend, settings: Settings) -> Blueprint:
    """The endpoints on a LocalBackend; the busiest of them programs.Programs answers before Flask does."""
    door = Blueprint("oauth", __name__)

    def route(path: str, name: str, view: Callable[..., Response], *methods: str) -> None:
        door.add_url_rule(path, name, lambda **names: view(backend, **names), methods=methods)

    route("/oauth2/authorize", "authorize", authorize.answer, "GET", "POST")
    route("/logout", "logout", logout.answer, "GET", "POST")
    route("/oauth2/token", "token", token.answer, "POST")
    route("/oauth2/revoke", "revoke", revoke.answer, "POST")
    route("/oauth2/userInfo", "userinfo", userinfo.answer, "GET", "POST")
    route("/<pool_id>/.well-known/openid-configuration", "configuration", discovery.configuration, "GET")
    route("/.well-known/oauth-authorization-server/<pool_id>", "metadata", discovery.configuration, "GET")
    route("/<pool_id>/.well-known/jwks.json", "jwks", discovery.jwks, "GET")

    door.before_request(_begin)
    doors.watch(door, backend.trail)
    door.after_request(lambda answer: answers.dress(answer, request.method, g.request_id, settings.hsts,
                                                    open_to_scripts=request.endpoint not in BY_BROWSER))
    door.register_error_handler(OAuth2Error, answers.refusal)
    door.register_error_handler(CognitoError, _refuse)
    door.register_error_handler(Unavailable, _not_now)
    door.register_error_handler(HTTPException, lambda error: _say("invalid_request", error.code))
    door.register_error_handler(500, lambda error: _say("server_error", 500))
    return door


def readers(backend) -> tuple[Callable, Callable]:
    """What the hosted pages read their query with: an AuthorizeRequest's, and a LogoutRequest's."""
    return authorize_request.reader(backend), logout.reader(backend)


def _begin() -> None:
    g.request_id = new_id()
    request.max_content_length = request.max_form_memory_size = LONGEST_BODY


def _refuse(refusal: CognitoError) -> Response:
    if request.endpoint in BY_BROWSER:
        return _say("server_error", refusal.status)
    return answers.refusal(refusal)


def _not_now(refusal: Unavailable) -> Response:
    """The word that RFC 6749 section 4.1.2.1 has for it; to the app by redirect once it is known to be one."""
    if refuse_to_app := g.pop("refuse_to_app", None):
        return answers.Redirect(refuse_to_app(OAuth2Error(error="temporarily_unavailable")).location)
    if request.endpoint not in BY_BROWSER:
        return answers.not_now(refusal)
    answer = _say("temporarily_unavailable", refusal.status)
    answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def _say(error: str, status: int) -> Response:
    """What went wrong before or beside the protocol; nothing of how."""
    if request.endpoint in BY_BROWSER:
        return answers.Redirect(answers.error_page(error))
    return answers.failure(error, status)
