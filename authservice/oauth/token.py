"""POST /oauth2/token: a code, a refresh token or a client secret for tokens.

Owns nothing but the order: the whole request is one unit of work (RSA signing before the write lock, the code
or refresh token claimed at its end), or nothing.
Source: RFC 6749 section 3.2; Developer Guide, "Token endpoint".
"""

from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Response

from authservice.contract import ANONYMOUS
from authservice.oauth import server


def answer(backend) -> Response:
    """Tokens. Refuses with OAuth2Error, or CognitoError where a grant is worth nothing (any more)."""
    request = server.posted_request()
    if not request.payload.grant_type:
        raise InvalidRequestError("Missing grant_type.")
    return backend.run(lambda call: server.Server(call).create_token_response(request), ANONYMOUS)
