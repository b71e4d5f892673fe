"""Refreshing and revoking tokens, and signing out everywhere."""

import hmac

from authservice.errors import CognitoError, not_authorized
from authservice.local import triggers
from authservice.local.accounts import directory
from authservice.local.call import Call, digest, operation
from authservice.local.models import AppClient, RefreshToken
from authservice.local.tokens import check, issue, refresh


@operation("GetTokensFromRefreshToken")
def get_tokens_from_refresh_token(call: Call, request: dict) -> dict:
    """New tokens for a refresh token; where the app client rotates, a new refresh token too.

    A client with a secret sends it in clear. Source: API_GetTokensFromRefreshToken.
    """
    client = directory.client_to_read(call, request["ClientId"])
    if not knows_secret(call, client, request.get("ClientSecret")):
        raise not_authorized(f"Unable to verify secret hash for client {client.id}")
    row = refresh.redeem(call, client, request["RefreshToken"])
    triggers.fire(client.pool, "PreTokenGeneration")
    new_token = refresh.successor(call, row)
    return {"AuthenticationResult": issue.authentication_result(call, row.sign_in, new_token)}


@operation("RevokeToken")
def revoke_token(call: Call, request: dict) -> dict:
    """Revoke a refresh token and every token it gave. An unknown one is answered alike (RFC 7009).

    Source: API_RevokeToken.
    """
    client = directory.find_client(call, request["ClientId"])
    if client is None or not knows_secret(call, client, request.get("ClientSecret")):
        raise CognitoError("UnauthorizedException", "The client or its secret is not valid.")
    if not client.revocable:
        raise CognitoError("UnsupportedOperationException", "Token revocation is not enabled for this client.")
    token = request["Token"]
    if token.count(".") == 2:
        raise CognitoError("UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
    row = call.db.get(RefreshToken, digest(token))
    if row and row.sign_in.client_id == client.id:
        refresh.revoke(call, row.sign_in)
    return {}


def knows_secret(call: Call, client: AppClient, given: str | None) -> bool:
    """Whether a client proves itself by its secret in clear: one of its own, or none where it has none."""
    if not client.secrets:
        return given is None
    matches = [hmac.compare_digest(call.vault.read(secret, "secret"), (given or "").encode())
               for secret in client.secrets]
    return any(matches)


@operation("GlobalSignOut")
def global_sign_out(call: Call, request: dict) -> dict:
    """End all of the user's sign-ins at every app client. Source: API_GlobalSignOut."""
    refresh.revoke_all(call, check.signed_in(call, request["AccessToken"]).user)
    return {}


@operation("AdminUserGlobalSignOut")
def admin_user_global_sign_out(call: Call, request: dict) -> dict:
    """Source: API_AdminUserGlobalSignOut."""
    refresh.revoke_all(call, directory.user(call, request["UserPoolId"], request["Username"]))
    return {}
