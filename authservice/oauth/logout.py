"""/logout: end the browser session of a pool, then go where a registered address allows.

Two styles meet here: Cognito's (client_id with logout_uri, or with redirect_uri and response_type to sign in
anew) and the standard's (id_token_hint with post_logout_redirect_uri and state). Whoever proves nothing, so that
it may be anybody's link, makes the page /signout ask the person first; Cognito's style is trusted as there, except
in strict mode. A request that is wrong in itself changes nothing and ends on the error page. Tokens are not revoked.
Source: Developer Guide, "Logout endpoint"; OpenID Connect RP-Initiated Logout 1.0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, abort, request
from werkzeug.datastructures import MultiDict

from authservice import browser
from authservice.contract import ANONYMOUS
from authservice.local.call import Call
from authservice.local.models import AppClient
from authservice.local.tokens import browser_sessions, id_token_hint
from authservice.oauth import advice, answers, pools


class Refused(Exception):
    """The request was refused; `location` is the error page."""

    def __init__(self, code: str, client: AppClient | None = None):
        self.location = answers.error_page(code, client and client.id)


@dataclass(frozen=True)
class LogoutRequest:
    """What the pages need to know of a /logout request that is not refused."""

    client_name: str | None
    action: str
    """Where the form that says yes is sent."""
    destination: str | None
    """The address at the app to go on to."""
    origin: str | None
    """Its scheme://host:port; of an app's own scheme, the scheme alone."""


@dataclass(frozen=True)
class Asked:
    """A /logout request in one unit of work."""

    client: AppClient | None
    pool_ids: list[str]
    """Whose browser sessions end."""
    destination: str | None
    """A registered address, or our own sign-in page; None: our page that says it is done."""
    is_at_app: bool
    """Whether the destination is the app's."""
    is_trusted: bool
    """Whether the app itself asks, by the ID token of who is signed in or in Cognito's way."""


def answer(backend) -> Response:
    """Sign out at this browser, or ask first. The app's POST is sent on as GET: a cookie with SameSite comes along
    only with that. The POST of our own page says yes.
    """
    said_yes = request.method == "POST" and "_csrf" in request.form
    if said_yes:
        browser.check_csrf()
    elif request.method == "POST":
        return answers.Redirect(answers.here("/logout", _query(request.args, request.form)), 303)
    try:
        asked = backend.run(lambda call: _leave(call, request.args, said_yes), ANONYMOUS)
    except Refused as refused:
        return answers.Redirect(refused.location)
    if not (asked.is_trusted or said_yes):
        return answers.Redirect(answers.here("/signout", _query(request.args)))
    for pool_id in asked.pool_ids:
        browser.sign_out(pool_id)
    return answers.Redirect(_onward(asked, said_yes), 303 if said_yes else 302)


def _onward(asked: Asked, said_yes: bool) -> str:
    # A form's navigation is held to its page's form-action through every redirect that follows, at the app too:
    # so a browser gets a page that begins a new one.
    if said_yes and asked.is_at_app and request.headers.get("Sec-Fetch-Mode") == "navigate":
        return answers.here("/signedout", _query(request.args))
    return asked.destination or answers.here("/signedout")


def reader(backend) -> Callable[[MultiDict], LogoutRequest]:
    """The function by which the pages read their query: what it asks for, or abort with the refusal."""

    def read_request(values: MultiDict) -> LogoutRequest:
        try:
            return backend.run(lambda call: _described(read(call, values), values), ANONYMOUS)
        except Refused as refused:
            abort(answers.Redirect(refused.location))

    return read_request


def _described(asked: Asked, values: MultiDict) -> LogoutRequest:
    at_app = asked.destination if asked.is_at_app else None
    return LogoutRequest(asked.client and asked.client.name, answers.here("/logout", _query(values)), at_app,
                         at_app and answers.origin(at_app))


def _leave(call: Call, values: MultiDict, said_yes: bool) -> Asked:
    """Read the request and, if it is trusted or the person agreed, end the sessions on the server."""
    asked = read(call, values)
    if asked.is_trusted or said_yes:
        for pool_id in asked.pool_ids:
            browser_sessions.end(call, pool_id, browser.session_id(pool_id))
    return asked


def read(call: Call, values: MultiDict) -> Asked:
    """What the request asks for, or Refused."""
    if any(len(given) > 1 for _, given in values.lists()):
        raise Refused("invalid_request")
    in_cognitos_way = bool(values.get("logout_uri") or values.get("redirect_uri"))
    hint = _hint(call, values, is_optional=in_cognitos_way and not call.settings.strict_oidc)
    client = _client(call, values, hint)
    destination = _destination(values, client)
    pool_id = client.pool_id if client else pools.id_of_host(call)
    proven = hint is not None and _is_signed_in(call, client, hint)
    if in_cognitos_way and not proven and not call.settings.strict_oidc:
        advice.give(client.id, advice.NO_HINT)
    return Asked(client, [pool_id] if pool_id else browser.pool_ids(), destination,
                 is_at_app=destination is not None and not destination.startswith("/"),
                 is_trusted=proven or (in_cognitos_way and not call.settings.strict_oidc))


def _hint(call: Call, values: MultiDict, is_optional: bool) -> dict | None:
    """The claims of id_token_hint. Cognito overlooks it: there one that proves nothing is as good as none."""
    if not values.get("id_token_hint"):
        return None
    hint = id_token_hint.read(call, values["id_token_hint"])
    if hint is None and not is_optional:
        raise Refused("invalid_request")
    of_another = hint is not None and values.get("client_id") not in (None, "", hint["aud"])
    return None if is_optional and of_another else hint


def _is_signed_in(call: Call, client: AppClient, hint: dict) -> bool:
    """Whether the hint is about who is signed in here; if nobody is, there is nothing to ask about."""
    session = browser_sessions.find(call, client.pool_id, browser.session_id(client.pool_id))
    return session is None or session.user_id == hint["sub"]


def _client(call: Call, values: MultiDict, hint: dict | None) -> AppClient | None:
    """The app client that asks: the named one, and the hint's; if it names both, they are the same."""
    client_id = values.get("client_id") or (hint and hint["aud"])
    if not client_id:
        return None
    client = pools.find_client(call, client_id)
    if client is None or (hint and hint["aud"] != client.id):
        raise Refused("invalid_client")
    return client


def _destination(values: MultiDict, client: AppClient | None) -> str | None:
    """Where to go afterwards: only to an address that is registered for the asking app (S5)."""
    settings = client.settings if client else {}
    if values.get("logout_uri"):
        return _registered(values["logout_uri"], settings.get("LogoutURLs", []), client)
    if values.get("post_logout_redirect_uri") and client:  # without an app it is nobody's address, and not used
        uri = _registered(values["post_logout_redirect_uri"], settings.get("LogoutURLs", []), client)
        return answers.address(uri, {"state": values["state"]}) if values.get("state") else uri
    if values.get("redirect_uri"):
        _registered(values["redirect_uri"], settings.get("CallbackURLs", []), client)
        return answers.here("/login", _query(values))
    return None


def _registered(uri: str, allowed: list[str], client: AppClient | None) -> str:
    if uri not in allowed:
        raise Refused("redirect_mismatch", client)
    return uri


def _query(*parts: MultiDict) -> str:
    return urlencode([pair for part in parts for pair in part.items(multi=True)])
