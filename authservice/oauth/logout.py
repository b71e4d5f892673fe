"""/logout: end the browser session of a pool, then go where a registered address allows.

Two styles meet here: Cognito's (client_id with logout_uri, or with redirect_uri and response_type to sign in
anew) and the standard's (id_token_hint with post_logout_redirect_uri and state). A request that is wrong in
itself changes nothing and ends on the error page. Tokens are not revoked.
Source: Developer Guide, "Logout endpoint"; OpenID Connect RP-Initiated Logout 1.0.
"""

from urllib.parse import urlencode

from flask import Response, request
from werkzeug.datastructures import MultiDict

from authservice import browser
from authservice.contract import ANONYMOUS
from authservice.local.call import Call
from authservice.local.models import AppClient
from authservice.local.tokens import browser_sessions, id_token_hint
from authservice.oauth import answers, pools


class Refused(Exception):
    """The request was refused; `location` is the error page."""

    def __init__(self, code: str, client: AppClient | None = None):
        self.location = answers.error_page(code, client and client.id)


def answer(backend) -> Response:
    """Sign out at this browser. POST is sent on as GET: a cookie with SameSite comes along only with that."""
    if request.method == "POST":
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return answers.Redirect(answers.here("/logout", urlencode(given)), 303)
    try:
        pool_id, location = backend.run(lambda call: _leave(call, request.args), ANONYMOUS)
    except Refused as refused:
        return answers.Redirect(refused.location)
    browser.sign_out(pool_id)
    return answers.Redirect(location)


def _leave(call: Call, values: MultiDict) -> tuple[str, str]:
    """End the session; answers (pool id, where to go)."""
    if any(len(given) > 1 for _, given in values.lists()):
        raise Refused("invalid_request")
    hint = id_token_hint.read(call, values["id_token_hint"]) if values.get("id_token_hint") else None
    client = _client(call, values, hint)
    location = _location(call, values, client, proven=hint is not None)
    pool_id = client.pool_id if client else pools.id_of_host(call)
    if pool_id is None:
        raise Refused("invalid_request")
    browser_sessions.end(call, pool_id, browser.session_id(pool_id))
    return pool_id, location


def _client(call: Call, values: MultiDict, hint: dict | None) -> AppClient | None:
    """The app client that asks: the named one, and the hint's; if it names both, they are the same."""
    client_id = values.get("client_id") or (hint and hint["aud"])
    if not client_id:
        return None
    client = pools.find_client(call, client_id)
    if client is None or (hint and hint["aud"] != client.id):
        raise Refused("invalid_client")
    return client


def _location(call: Call, values: MultiDict, client: AppClient | None, proven: bool) -> str:
    """Where to go afterwards: only to an address that is registered for the asking app (S5)."""
    settings = client.settings if client else {}
    if values.get("logout_uri"):
        return _registered(values["logout_uri"], settings.get("LogoutURLs", []), client)
    if values.get("post_logout_redirect_uri"):
        if not proven:  # anybody may write a client_id; a hint was given to the app alone
            raise Refused("invalid_request", client)
        uri = _registered(values["post_logout_redirect_uri"], settings.get("LogoutURLs", []), client)
        return answers.address(uri, {"state": values["state"]}) if values.get("state") else uri
    if values.get("redirect_uri"):
        _registered(values["redirect_uri"], settings.get("CallbackURLs", []), client)
        return answers.here("/login", urlencode(list(values.items(multi=True))))
    return answers.here("/signedout")


def _registered(uri: str, allowed: list[str], client: AppClient | None) -> str:
    if uri not in allowed:
        raise Refused("redirect_mismatch", client)
    return uri
