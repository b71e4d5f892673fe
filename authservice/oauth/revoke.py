"""POST /oauth2/revoke: end a refresh token and every token of its sign-in.

As in Cognito only refresh tokens are taken, in strict mode access tokens too, and success has no body. A token that
is unknown, or another app client's, is answered like a revoked one.
Source: RFC 7009; Developer Guide, "Revoke endpoint".
"""

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocationEndpoint
from flask import Response

from authservice.contract import ANONYMOUS
from authservice.errors import CognitoError
from authservice.local.call import Call, digest
from authservice.local.models import RefreshToken, SignIn
from authservice.local.tokens import check, refresh
from authservice.oauth import server
from authservice.oauth.clients import ClientRefused


class RevocationEndpoint(AuthlibRevocationEndpoint):
    """Authlib's endpoint, bound to the families of local/tokens/refresh.py."""

    def authenticate_token(self, request, client) -> SignIn | None:
        """The sign-in that the token belongs to. `token_type_hint` may say what it likes."""
        token, call = request.form.get("token"), self.server.call
        if token is None:
            raise InvalidRequestError("Missing token.")
        if not client.row.revocable:
            raise InvalidRequestError("Token revocation is not enabled for this client.")
        if token.count(".") == 2:  # a JWT
            sign_in = _of_access_token(call, token)
        else:
            row = call.db.get(RefreshToken, digest(token))
            sign_in = row and row.sign_in
        return sign_in if sign_in and sign_in.client_id == client.row.id else None

    def revoke_token(self, token: SignIn, request) -> None:
        refresh.revoke(self.server.call, token)

    def create_endpoint_response(self, request) -> tuple:
        super().create_endpoint_response(request)
        return 200, "", []


def _of_access_token(call: Call, token: str) -> SignIn | None:
    """The sign-in of an access token that still holds; strict mode's alone (RFC 7009 section 2.1)."""
    if not call.settings.strict_oidc:
        raise OAuth2Error("Only refresh tokens can be revoked.", error="unsupported_token_type")
    try:
        return check.signed_in(call, token, scope=None)
    except CognitoError:
        return None


def answer(backend) -> Response:
    """Revoke; refuses with invalid_client, invalid_request or unsupported_token_type."""
    request = server.posted_request()

    def work(call) -> Response:
        bound = server.Server(call)
        bound.register_endpoint(RevocationEndpoint)
        try:
            return bound.create_endpoint_response("revocation", request)
        except ClientRefused:
            raise ClientRefused(by_header=True) from None  # Cognito answers 401 here, by whichever way it failed

    return backend.run(work, ANONYMOUS)
