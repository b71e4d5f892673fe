"""Speaking to the door as a bare HTTP client does: a target, headers, a body."""

import json

import pytest

from authservice import create_app
from authservice.contract import OPERATOR
from authservice.local.backend import LocalBackend
from tests.conftest import make_settings

TARGET = "AWSCognitoIdentityProviderService."
ANY_CREDENTIALS = ("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/us-east-1/cognito-idp/aws4_request, "
                   "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0")
"""What a developer's tool sends to a service on loopback: well formed, signed with whatever it has."""


class Wire:
    """The door as seen through Flask's test client."""

    def __init__(self, client):
        self.client = client

    def post(self, operation: str | None, body=None, *, signed=False, headers: dict | None = None, **more):
        """POST / for `operation` (None: no target); `body` is sent as it is if it is bytes, else as JSON."""
        sent = {"Content-Type": "application/x-amz-json-1.1", **(headers or {})}
        if operation is not None:
            sent.setdefault("X-Amz-Target", TARGET + operation)
        if signed:
            sent.setdefault("Authorization", ANY_CREDENTIALS)
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        return self.client.post("/", data=data, headers=sent, **more)


@pytest.fixture
def wire(client) -> Wire:
    return Wire(client)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """One service for the many requests of a file; `door.known` names a pool and an app client in it."""
    backend = LocalBackend(make_settings(tmp_path_factory.mktemp("door")))
    pool = backend.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]
    made = backend.call("CreateUserPoolClient", {"UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": [
        "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}, OPERATOR)
    door = Wire(create_app(backend.settings, backend=backend).test_client())
    door.known = {"UserPoolId": pool, "ClientId": made["UserPoolClient"]["ClientId"], "Username": "user-1"}
    yield door
    backend.close()


@pytest.fixture
def pool_id(local) -> str:
    return local.call("CreateUserPool", {"PoolName": "door"}, OPERATOR)["UserPool"]["Id"]


@pytest.fixture
def client_id(local, pool_id) -> str:
    """An app client without secret that may sign in with USER_PASSWORD_AUTH."""
    asked = {"UserPoolId": pool_id, "ClientName": "app",
             "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}
    return local.call("CreateUserPoolClient", asked, OPERATOR)["UserPoolClient"]["ClientId"]


@pytest.fixture
def tokens(local, pool_id, client_id) -> dict:
    """The AuthenticationResult of a signed-in user-1."""
    who = {"UserPoolId": pool_id, "Username": "user-1"}
    local.call("AdminCreateUser", {**who, "MessageAction": "SUPPRESS"}, OPERATOR)
    local.call("AdminSetUserPassword", {**who, "Password": "Correct-horse-1", "Permanent": True}, OPERATOR)
    asked = {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH",
             "AuthParameters": {"USERNAME": "user-1", "PASSWORD": "Correct-horse-1"}}
    return local.call("InitiateAuth", asked)["AuthenticationResult"]
