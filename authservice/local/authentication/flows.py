"""The ways to begin a sign-in: one function an AuthFlow, and the table that names them.

A flow takes the parameters and either proves the first factor (and goes on) or asks the
first challenge. Does not own what comes after (next_step.py) or a refresh (tokens/refresh.py).
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from authservice.crypto import srp
from authservice.errors import (CognitoError, invalid_parameter, missing_parameter, user_not_found,
                                wrong_credentials)
from authservice.local import triggers
from authservice.local.accounts import directory, lockout, passwords
from authservice.local.authentication import next_step, sign_in
from authservice.local.authentication.attempt import Attempt, suspend
from authservice.local.authentication.challenges import password_verifier
from authservice.local.call import Call
from authservice.local.models import AppClient
from authservice.local.tokens import issue, refresh

DEFAULT_FLOWS = {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
LEGACY = {"ADMIN_NO_SRP_AUTH": "ALLOW_ADMIN_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH": "ALLOW_USER_PASSWORD_AUTH",
          "CUSTOM_AUTH_FLOW_ONLY": "ALLOW_CUSTOM_AUTH"}


def allowed(client: AppClient) -> set[str]:
    """The ALLOW_… names of the flows an app client may use; its old names also allow SRP and refresh.

    With rotation a refresh token is for GetTokensFromRefreshToken alone.
    """
    names = set(client.settings.get("ExplicitAuthFlows") or DEFAULT_FLOWS)
    if names & LEGACY.keys():
        names = {LEGACY.get(name, name) for name in names} | {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    return names - {"ALLOW_REFRESH_TOKEN_AUTH"} if client.rotates else names


def password(call: Call, client: AppClient, parameters: dict) -> dict:
    """USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH: username and password in one call."""
    attempt = _begin(call, client, parameters)
    if "PASSWORD" not in parameters:
        raise missing_parameter("PASSWORD")
    whose = attempt.subject(call)
    lockout.refuse_locked(call, whose)
    user = attempt.user
    if user and user.status == "UNCONFIRMED":  # whatever the password: Cognito tells, so that the code can be resent
        raise next_step.unconfirmed()
    if not passwords.is_right(call, user, parameters["PASSWORD"]):
        lockout.failed(call, whose)
        if user and user.status == "RESET_REQUIRED" and not client.hides_users:
            raise next_step.reset_required()
        raise wrong_credentials()
    attempt.methods.append("pwd")
    return sign_in.proceed(call, attempt)


def secure_remote_password(call: Call, client: AppClient, parameters: dict) -> dict:
    """USER_SRP_AUTH: the password is proven without being sent. Asks PASSWORD_VERIFIER.

    For a user who does not exist, where that is hidden, salt and verifier are made up: the same
    for the same name every time, and no password fits them.
    """
    attempt = _begin(call, client, parameters)
    try:
        a_public = srp.parse_public(parameters.get("SRP_A") or _missing("SRP_A"))
    except ValueError as error:
        raise invalid_parameter(str(error)) from None
    lockout.refuse_locked(call, attempt.subject(call))
    user_id, salt, verifier = password_verifier.identity(call, attempt)
    b = int.from_bytes(call.random(srp.EXPONENT_BYTES)) | 1
    b_public = srp.public_b(verifier, b)
    block = base64.b64encode(call.random(256)).decode()
    attempt.details = {"a": f"{a_public:x}", "b": f"{b:x}", "B": f"{b_public:x}"}
    suspend(call, attempt, "PASSWORD_VERIFIER", bearer=block)
    return {"ChallengeName": "PASSWORD_VERIFIER",
            # Some clients hash the salt as it is written, others as a number: no zero bytes are before it.
            "ChallengeParameters": {"SALT": salt.lstrip(b"\0").hex(), "SECRET_BLOCK": block, "SRP_B": f"{b_public:x}",
                                    "USERNAME": user_id, "USER_ID_FOR_SRP": user_id}}


def refresh_token(call: Call, client: AppClient, parameters: dict) -> dict:
    """REFRESH_TOKEN_AUTH: new tokens for an old sign-in. The hash is over the token's own user."""
    token = parameters.get("REFRESH_TOKEN") or _missing("REFRESH_TOKEN")
    row = refresh.redeem(call, client, token)
    user = row.sign_in.user
    directory.check_secret_hash(call, client, parameters.get("SECRET_HASH"), [user.username, user.id],
                                wrong="SecretHash does not match for the client: {client}")
    triggers.fire(user.pool, "PreTokenGeneration")
    return {"ChallengeParameters": {}, "AuthenticationResult": issue.authentication_result(call, row.sign_in)}


def not_built(call: Call, client: AppClient, parameters: dict) -> dict:
    raise CognitoError("NotImplementedException", "The USER_AUTH flow is not built yet.")


def custom(call: Call, client: AppClient, parameters: dict) -> dict:
    """CUSTOM_AUTH runs on Lambda triggers alone; without them there is nothing to run."""
    _begin(call, client, parameters)
    triggers.fire(client.pool, "DefineAuthChallenge")
    raise invalid_parameter("Custom auth lambda trigger is not configured for the user pool.")


def _begin(call: Call, client: AppClient, parameters: dict) -> Attempt:
    """An attempt by the named user, after the secret hash over the name as typed."""
    name = parameters.get("USERNAME") or _missing("USERNAME")
    directory.check_secret_hash(call, client, parameters.get("SECRET_HASH"), [name])
    if len(name) > directory.LONGEST_NAME:  # nobody's: what is kept and sent back of it is short
        name = directory.name_key(client.pool, name)
    user = call.is_about(directory.find_user_signing_in(call, client.pool, name))
    if user is None:
        triggers.fire(client.pool, "UserMigration")
        if not (client.hides_users or call.caller.is_hosted):
            lockout.refuse_locked_source(call)
            lockout.failed_at_source(call)
            raise user_not_found()
    triggers.fire(client.pool, "PreAuthentication")
    return Attempt(client, user, name, acr_values=parameters.get("TARGET_ACR_VALUES"))


def _missing(name: str):
    raise missing_parameter(name)


@dataclass(frozen=True)
class Flow:
    """How an AuthFlow runs, the setting that allows it, the words when it is not allowed, and who may start it."""

    run: Callable[[Call, AppClient, dict], dict]
    setting: str
    refusal: str
    by: frozenset[str] = frozenset({"public", "admin"})


PUBLIC, ADMIN = frozenset({"public"}), frozenset({"admin"})
_REFRESH = Flow(refresh_token, "ALLOW_REFRESH_TOKEN_AUTH", "REFRESH_TOKEN_AUTH is not enabled for the client.")
_ADMIN_PASSWORD = Flow(password, "ALLOW_ADMIN_USER_PASSWORD_AUTH", "Auth flow not enabled for this client", ADMIN)
FLOWS = {
    "USER_SRP_AUTH": Flow(secure_remote_password, "ALLOW_USER_SRP_AUTH", "USER_SRP_AUTH is not enabled for the client."),
    "USER_PASSWORD_AUTH": Flow(password, "ALLOW_USER_PASSWORD_AUTH",
                               "USER_PASSWORD_AUTH flow not enabled for this client", PUBLIC),
    "ADMIN_USER_PASSWORD_AUTH": _ADMIN_PASSWORD,
    "ADMIN_NO_SRP_AUTH": _ADMIN_PASSWORD,
    "REFRESH_TOKEN_AUTH": _REFRESH,
    "REFRESH_TOKEN": _REFRESH,
    "CUSTOM_AUTH": Flow(custom, "ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH is not enabled for the client."),
    "USER_AUTH": Flow(not_built, "ALLOW_USER_AUTH", "USER_AUTH is not enabled for the client."),
}


def initiate(call: Call, client: AppClient, request: dict, door: str) -> dict:
    """Begin a sign-in (InitiateAuth, AdminInitiateAuth); `door` is public or admin."""
    flow = FLOWS[request["AuthFlow"]]
    if door not in flow.by:
        raise invalid_parameter("Initiate Auth method not supported.")
    if flow.setting not in allowed(client) and not call.caller.is_hosted:
        raise invalid_parameter(flow.refusal if door == "public" else "Auth flow not enabled for this client")
    return flow.run(call, client, request.get("AuthParameters", {}))
