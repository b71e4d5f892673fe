"""/{poolId}/.well-known/: what a client library needs to know of a pool, and its public keys.

The issuer is {public URL}/{poolId}, whichever host was asked; the endpoints are at the public URL's root.
Source: OpenID Connect Discovery 1.0, RFC 8414, RFC 9207; Developer Guide, "User pool endpoints".
"""

from collections.abc import Callable

from flask import Response

from authservice import json_text
from authservice.answer import Answer
from authservice.contract import ANONYMOUS
from authservice.local.accounts import assurance
from authservice.local.call import Call
from authservice.local.models import Pool
from authservice.local.tokens import issue, keys
from authservice.oauth import pools
from authservice.oauth.asked import g

CACHED_SECONDS = int(keys.JWKS_CACHED.total_seconds())
"""Of both documents; a rotation of keys waits until the last of these caches has run out."""
MOST_REMEMBERED = 1000
"""Documents whose text a process remembers; then it begins anew."""
LANGUAGES = ["de", "en", "es", "fr", "id", "it", "ja", "ko", "nl", "pt-BR", "zh-CN", "zh-TW"]
"""Of the login pages."""
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
TOKEN_CLAIMS = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "cognito:username",
                "cognito:groups", "acr", "amr"]


def configuration(backend, pool_id: str) -> Response:
    """openid-configuration: Cognito's members, and those that strict clients look for besides."""
    return _answer(backend, pool_id, lambda call, pool: _remembered(call, pool, "metadata", None, _metadata))


def jwks(backend, pool_id: str) -> Response:
    """The keys that tokens which still live may be signed with."""
    def document(call: Call, pool: Pool) -> str:
        published = keys.jwks(call, pool)
        return _remembered(call, pool, "keys", [key["kid"] for key in published], lambda *_: {"keys": published})

    return _answer(backend, pool_id, document)


def _remembered(call: Call, pool: Pool, kind: str, state, make: Callable[[Call, Pool], dict]) -> str:
    """The document as text: made anew when the pool is another than it was, as readings.py tells, or its `state` is."""
    known = call.tools.remembered_documents.get((kind, pool.id))
    if known is None or known[0] is not pool or known[1] != state:
        known = pool, state, json_text.write(make(call, pool))
        if len(call.tools.remembered_documents) >= MOST_REMEMBERED:
            call.tools.remembered_documents.clear()
        call.tools.remembered_documents[kind, pool.id] = known
    return known[2]


def _answer(backend, pool_id: str, document: Callable[[Call, Pool], str]) -> Response:
    def work(call: Call) -> str | None:
        pool = pools.find_pool(call, pool_id)
        return pool and document(call, pool)

    found = backend.run(work, ANONYMOUS)
    if found is None:
        g.outcome = "ResourceNotFoundException"
        body = {"code": "BadRequest", "message": "The specified user pool does not exist."}
        return Answer(json_text.write(body), 404)
    g.pool_id = pool_id
    return Answer(found, headers=[("Cache-Control", f"public, max-age={CACHED_SECONDS}")])


def _metadata(call: Call, pool: Pool) -> dict:
    url, issuer, strict = call.settings.public_url, issue.issuer(call, pool), call.settings.strict_oidc
    names = [entry["Name"] for entry in pool.schema]
    attributes = [name for name in names if ":" not in name and name != "sub"]
    implicit = [] if strict else ["implicit"]
    document = {
        "authorization_endpoint": f"{url}/oauth2/authorize",
        "authorization_response_iss_parameter_supported": True,
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": strict,
        "claims_supported": TOKEN_CLAIMS + attributes,
        "code_challenge_methods_supported": ["S256"],
        "end_session_endpoint": f"{url}/logout",
        "grant_types_supported": ["authorization_code", *implicit, "refresh_token", "client_credentials"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "prompt_values_supported": ["none", "login", "select_account", *(["consent"] if strict else [])],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "response_modes_supported": ["query", "fragment"],
        "response_types_supported": ["code"] if strict else ["code", "token"],
        "revocation_endpoint": f"{url}/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": f"{url}/oauth2/token",
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "ui_locales_supported": LANGUAGES,
        "userinfo_endpoint": f"{url}/oauth2/userInfo",
    }
    levels = list(assurance.names(pool))
    return {"acr_values_supported": levels, **document} if levels else document
