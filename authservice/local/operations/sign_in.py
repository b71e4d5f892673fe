"""Signing in: InitiateAuth, RespondToAuthChallenge and their admin twins.

The state machine itself is in authentication/; here is only who asks, and of which pool.
"""

from authservice.local.accounts import directory
from authservice.local.authentication import flows, sign_in
from authservice.local.call import Call, operation


@operation("InitiateAuth")
def initiate_auth(call: Call, request: dict) -> dict:
    """Begin a sign-in: answers tokens, or the first challenge and a Session.

    Source: API_InitiateAuth.
    """
    return flows.initiate(call, directory.client_to_read(call, request["ClientId"]), request, "public")


@operation("AdminInitiateAuth")
def admin_initiate_auth(call: Call, request: dict) -> dict:
    """The same for a server that holds AWS credentials; also ADMIN_USER_PASSWORD_AUTH.

    Source: API_AdminInitiateAuth.
    """
    return flows.initiate(call, _client(call, request), request, "admin")


@operation("RespondToAuthChallenge")
def respond_to_auth_challenge(call: Call, request: dict) -> dict:
    """Answer a challenge: answers tokens, or the next challenge and a new Session.

    Source: API_RespondToAuthChallenge.
    """
    return sign_in.respond(call, directory.client_to_read(call, request["ClientId"]), request)


@operation("AdminRespondToAuthChallenge")
def admin_respond_to_auth_challenge(call: Call, request: dict) -> dict:
    """Source: API_AdminRespondToAuthChallenge."""
    return sign_in.respond(call, _client(call, request), request)


def _client(call: Call, request: dict):
    pool = directory.pool_to_read(call, request["UserPoolId"])
    return directory.client_to_read(call, request["ClientId"], pool.id)
