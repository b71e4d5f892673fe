"""/oauth2/userInfo: the user's claims for an access token with the scope openid.

Owns which claims a scope shows in Cognito's way, and the refusals; the strict claims are those of
local/tokens/issue.py. Differs: POST is answered too, as OpenID Connect wants, and the challenge begins with the
scheme's name.
Source: OpenID Connect Core section 5.3, RFC 6750; Developer Guide, "UserInfo endpoint".
"""

from collections.abc import Set

from flask import Response

from authservice import body, json_text
from authservice.answer import Answer
from authservice.contract import ANONYMOUS
from authservice.errors import CognitoError
from authservice.local.accounts import profile
from authservice.local.call import Call
from authservice.local.readings import Bearer
from authservice.local.tokens import check, issue
from authservice.oauth import answers, pools
from authservice.oauth.asked import g, request

BAD_REQUEST = (400, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint")
BAD_TOKEN = (401, "invalid_token",
             "Access token is expired, disabled, or deleted, or the user has globally signed out.")
NO_OPENID = (401, "invalid_token", "Access token does not contain openid scope")
NO_OPENID_STRICT = (403, "insufficient_scope", "Access token does not contain openid scope")


def answer(backend) -> Response:
    """The claims as JSON, or the refusal RFC 6750 section 3 describes, in Cognito's words."""
    token = _bearer()
    if token is None and backend.settings.strict_oidc and not _tries():
        return _challenge()
    if token is None:
        return _refuse(*BAD_REQUEST)
    try:
        return backend.run(lambda call: _claims_of(call, token), ANONYMOUS)
    except CognitoError as refusal:
        if refusal.status >= 500:
            raise
        return _refuse(*BAD_TOKEN)


def _bearer() -> str | None:
    """The token of the header or of a posted form: of one of them, and never of the address (T11)."""
    asked = request._get_current_object()  # each look through the proxy takes its time, and so does each empty form
    scheme, _, token = asked.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    given = [token.strip()] if scheme.lower() == "bearer" else []
    given += asked.form.getlist("access_token") if body.is_there(asked.environ) else []
    if asked.query_string and "access_token" in asked.args:
        return None
    return given[0] if len(given) == 1 and given[0] else None


def _tries() -> bool:
    """Whether the request has anything that could be meant as a token."""
    return "Authorization" in request.headers or "access_token" in request.values


def _claims_of(call: Call, token: str) -> Response:
    sign_in = check.reading(call, token, scope=None)
    g.client_id, g.pool_id = sign_in.client.id, sign_in.user.pool_id  # for the log
    if not pools.answers_here(call, sign_in.user.pool_id):
        return _refuse(*BAD_TOKEN)
    if "openid" not in sign_in.scopes:
        return _refuse(*(NO_OPENID_STRICT if call.settings.strict_oidc else NO_OPENID))
    claims = strict_claims(sign_in) if call.settings.strict_oidc else cognito_claims(sign_in)
    return Answer(json_text.write(claims))


def strict_claims(sign_in: Bearer) -> dict:
    """What OpenID Connect's scopes and `claims` show, in its types; `username`, Cognito's own, with `profile`."""
    user = sign_in.user
    username = {"username": user.username} if "profile" in sign_in.scopes else {}
    return {"sub": user.id, **issue.shown_strictly(sign_in, sign_in.client.readable, "userinfo"), **username}


def cognito_claims(sign_in: Bearer) -> dict:
    """What the app may know of the user in Cognito's way: by its scopes, and of that what it may read."""
    user = sign_in.user
    names = _names_in_scope(set(sign_in.scopes), sign_in.client.readable)
    shown = {name: _shown(name, value) for name, value in user.attributes.items() if name in names}
    return {"sub": user.id, **shown, "username": user.username}


def _names_in_scope(scopes: set[str], readable: frozenset[str]) -> Set[str]:
    """`openid` alone shows everything; with others it shows what those are for."""
    return issue.named_by_scope(scopes, readable) if scopes & {"profile", *issue.SCOPED} else readable


def _shown(name: str, value: str):
    """A claim's value as in the ID token, but the verified flags are strings, as Cognito has them."""
    return value if name in profile.VERIFIED.values() else issue.claim_value(name, value)


def _challenge() -> Response:
    """Who shows nothing is told the scheme and no error (RFC 6750 section 3.1); a scheme needs a parameter."""
    g.outcome = "no token"
    return answers.response(401, "", [("WWW-Authenticate", 'Bearer realm="authservice"')])


def _refuse(status: int, error: str, description: str) -> Response:
    g.outcome = error
    challenge = f'Bearer error="{error}", error_description="{description}"'
    if error == "insufficient_scope":
        challenge += ', scope="openid"'
    return Response(json_text.write({"error": error, "error_description": description}), status,
                    content_type="application/json", headers={"WWW-Authenticate": challenge})
