"""The adapter against a real user pool. It runs when AUTHSERVICE_TEST_COGNITO_POOL_ID names one.

The usual AWS credential chain must find credentials that may administer it (AWS_PROFILE, or AWS_ACCESS_KEY_ID
and AWS_SECRET_ACCESS_KEY). Users, a group and an app client are made under names of their own and deleted at
the end; no message is sent to anybody, and nothing else in the pool is touched.
"""

import os
import uuid
from pathlib import Path

import pytest

from authservice.cognito.backend import CognitoBackend
from authservice.config import Settings
from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from tests.conftest import HeldToTheModel

POOL = os.environ.get("AUTHSERVICE_TEST_COGNITO_POOL_ID", "")
PASSWORD = "Correct-horse-battery-1!"
pytestmark = pytest.mark.skipif(not POOL, reason=(
    "no real pool: set AUTHSERVICE_TEST_COGNITO_POOL_ID (and AWS_PROFILE or other AWS credentials)"))


@pytest.fixture(scope="module")
def cognito() -> HeldToTheModel:
    backend = CognitoBackend(Settings(instance=Path("."), backend="cognito", cognito_user_pool_id=POOL))
    backend.check_ready()
    return HeldToTheModel(backend)


@pytest.fixture
def user(cognito):
    """The name of a confirmed user with PASSWORD, deleted at the end."""
    who = {"UserPoolId": POOL, "Username": f"authservice-test-{uuid.uuid4()}"}
    pool = cognito.call("DescribeUserPool", {"UserPoolId": POOL})["UserPool"]
    if pool.get("UsernameAttributes"):
        who["Username"] += "@example.com"
    cognito.call("AdminCreateUser", {**who, "MessageAction": "SUPPRESS"})
    yield who
    cognito.call("AdminDeleteUser", who)


@pytest.fixture
def client_id(cognito):
    made = cognito.call("CreateUserPoolClient", {"UserPoolId": POOL, "ClientName": "authservice-test",
                                                 "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH",
                                                                       "ALLOW_REFRESH_TOKEN_AUTH"]})
    client = made["UserPoolClient"]["ClientId"]
    yield client
    cognito.call("DeleteUserPoolClient", {"UserPoolId": POOL, "ClientId": client})


def test_the_pool_is_described_in_the_models_shape(cognito):
    assert cognito.call("DescribeUserPool", {"UserPoolId": POOL})["UserPool"]["Id"] == POOL


def test_a_user_signs_in_and_is_signed_out(cognito, user, client_id):
    cognito.call("AdminSetUserPassword", {**user, "Password": PASSWORD, "Permanent": True})
    asked = {"UserPoolId": POOL, "ClientId": client_id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    wrong = {"USERNAME": user["Username"], "PASSWORD": PASSWORD + "x"}
    assert cognito.refusal("AdminInitiateAuth", {**asked, "AuthParameters": wrong}, OPERATOR) == (
        "NotAuthorizedException: Incorrect username or password.")
    answer = cognito.call("AdminInitiateAuth", {**asked, "AuthParameters": {**wrong, "PASSWORD": PASSWORD}})
    if "AuthenticationResult" not in answer:
        pytest.skip(f"the pool asks every user for {answer['ChallengeName']}")
    token = {"AccessToken": answer["AuthenticationResult"]["AccessToken"]}
    assert cognito.call("GetUser", token)["Username"]
    cognito.call("GlobalSignOut", token)
    assert cognito.refusal("GetUser", token) == "NotAuthorizedException: Access Token has been revoked"


def test_refusals_arrive_in_cognitos_words(cognito):
    with pytest.raises(CognitoError) as caught:
        cognito.call("AdminGetUser", {"UserPoolId": POOL, "Username": f"nobody-{uuid.uuid4()}"})
    assert (caught.value.code, caught.value.message) == ("UserNotFoundException", "User does not exist.")
    constraint = cognito.refusal("AdminGetUser", {"UserPoolId": "no pool", "Username": "nobody"})
    assert "Member must satisfy regular expression pattern" in constraint


def test_a_group_is_made_and_deleted(cognito, user):
    group = {"UserPoolId": POOL, "GroupName": f"authservice-test-{uuid.uuid4()}"}
    cognito.call("CreateGroup", group)
    try:
        cognito.call("AdminAddUserToGroup", {**user, **group})
        assert len(cognito.call("ListUsersInGroup", group)["Users"]) == 1
    finally:
        cognito.call("DeleteGroup", group)
    assert cognito.refusal("GetGroup", group) == "ResourceNotFoundException: Group not found."
