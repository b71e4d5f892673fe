"""Pools are apart, and users are no administrators: what one has is nothing to the other."""

import pytest

from authservice.contract import ANONYMOUS, service
from authservice.local.call import OPERATIONS
from tests.contract.guest import (EXPIRED, INVALID_SESSION, PASSWORD, UNKNOWN, UNKNOWN_NAME, WRONG, WRONG_MFA_CODE,
                                  attribute_list, claims, refused)
from tests.contract.srp_client import SrpClient

NEW = "N3w-password!"
NO_REFRESH = "NotAuthorizedException: Invalid Refresh Token."


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


@pytest.fixture
def pools(make_pool, clock):
    """Two pools alike: in each a user of the same name, address and authenticator app, signed in, with codes out."""
    return [Tenant(make_pool(mfa="OPTIONAL", UsernameAttributes=["email"]), clock) for _ in range(2)]


class Tenant:
    """A pool with user-1@example.com in it, and everything that user and his app hold."""

    def __init__(self, pool, clock):
        self.pool, self.client, self.secret = pool, pool.client(), pool.client(GenerateSecret=True)
        self.name = pool.user("user-1@example.com", password=PASSWORD, email_verified="true")
        self.tokens = self.client.tokens(self.name)
        self.totp = self.client.set_up_totp(self.name, clock)
        self.session = self.client.sign_in(self.name)["Session"]
        self.sub = claims(self.tokens["AccessToken"])["sub"]
        self.client.sign_up("user-2@example.com")
        self.confirmation = pool.inbox.code("user-2@example.com")
        self.client.call("ForgotPassword", self.name)
        self.recovery = pool.inbox.code(self.name)
        pool.call("CreateGroup", GroupName="staff")
        pool.call("AdminAddUserToGroup", self.name, GroupName="staff")


def test_users_of_one_name_are_two_users(pools):
    one, two = pools
    assert one.sub != two.sub
    one.pool.call("AdminSetUserPassword", one.name, Password=NEW, Permanent=True)
    one.pool.call("AdminDisableUser", "user-2@example.com")
    assert refused(one.client.sign_in, one.name) == WRONG
    assert two.client.sign_in(two.name)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert two.pool.call("AdminGetUser", "user-2@example.com")["Enabled"] is True
    one.pool.call("AdminDeleteUser", one.name)
    two.pool.backend.call("GetUser", {"AccessToken": two.tokens["AccessToken"]})


def test_no_credential_of_one_pool_is_any_in_the_other(pools, clock):
    one, two = pools
    backend = one.pool.backend
    clock.advance(seconds=30)
    if one.recovery != two.recovery and one.confirmation != two.confirmation:  # each one in a million
        assert refused(two.client.call, "ConfirmForgotPassword", two.name, Password=NEW,
                       ConfirmationCode=one.recovery).startswith("CodeMismatchException: ")
        assert refused(two.client.confirm, "user-2@example.com", one.confirmation).startswith(
            "CodeMismatchException: ")
    for client in (two.client, two.secret):
        assert refused(client.rotate, one.tokens["RefreshToken"]) == NO_REFRESH
        hashed = {"SECRET_HASH": client.hash(one.sub)} if client.secret else {}
        assert refused(client.refresh, one.tokens["RefreshToken"], **hashed) == NO_REFRESH
        for name in (one.name, one.sub):
            assert refused(client.answer_totp, one.session, one.totp.code(), name) == INVALID_SESSION
        backend.call("RevokeToken", {"ClientId": client.id, "Token": one.tokens["RefreshToken"],
                                     **({"ClientSecret": client.secret} if client.secret else {})})
    srp = SrpClient(one.client, one.name, PASSWORD)
    srp.begin()
    moved = SrpClient(two.client, two.name, PASSWORD)
    moved.a, moved.a_public, moved.parameters = srp.a, srp.a_public, srp.parameters
    assert refused(moved.answer, clock.now) == INVALID_SESSION
    assert refused(two.client.sign_in, one.sub) == UNKNOWN
    session = two.client.sign_in(two.name)["Session"]
    assert refused(two.client.answer_totp, session, one.totp.code(), two.name) == WRONG_MFA_CODE
    # All of it still works where it belongs.
    assert "AccessToken" in one.client.refresh(one.tokens["RefreshToken"])
    assert "AuthenticationResult" in one.client.answer_totp(one.session, one.totp.code(), one.name)
    one.client.confirm("user-2@example.com", one.confirmation)
    one.client.call("ConfirmForgotPassword", one.name, Password=NEW, ConfirmationCode=one.recovery)


ABOUT_A_USER = {
    "AdminGetUser": {}, "AdminDeleteUser": {}, "AdminDisableUser": {}, "AdminEnableUser": {},
    "AdminConfirmSignUp": {}, "AdminResetUserPassword": {}, "AdminSetUserPassword": {"Password": NEW},
    "AdminUserGlobalSignOut": {},
    "AdminUpdateUserAttributes": {"UserAttributes": attribute_list({"name": "Other"})},
    "AdminDeleteUserAttributes": {"UserAttributeNames": ["name"]}, "AdminSetUserMFAPreference": {},
    "AdminAddUserToGroup": {"GroupName": "staff"}, "AdminRemoveUserFromGroup": {"GroupName": "staff"},
    "AdminListGroupsForUser": {},
}


def test_the_table_of_operations_about_a_user_is_complete():
    with_both = {name for name in OPERATIONS if {"UserPoolId", "Username"} <= set(
        getattr(service().operation(name).input_shape, "members", {}))}
    assert with_both - {"AdminCreateUser"} == set(ABOUT_A_USER)


def test_an_administrator_of_one_pool_finds_nobody_of_the_other(pools):
    one, two = pools
    two.pool.call("AdminDeleteUser", two.name)
    for operation, members in ABOUT_A_USER.items():
        for name in (one.sub, one.name):
            assert refused(two.pool.call, operation, name, **members) == UNKNOWN, operation
    assert one.pool.call("AdminGetUser", one.name)["UserStatus"] == "CONFIRMED"
    one.pool.backend.call("GetUser", {"AccessToken": one.tokens["AccessToken"]})


def test_names_codes_groups_and_lists_of_one_pool_are_not_the_others(pools):
    one, two = pools
    for name in (two.name, "user-2@example.com"):
        two.pool.call("AdminDeleteUser", name)
    two.pool.call("DeleteGroup", GroupName="staff")
    assert two.pool.call("ListUsers")["Users"] == []
    assert two.pool.call("ListUsers", Filter='email = "user-1@example.com"')["Users"] == []
    assert refused(two.pool.call, "ListUsersInGroup", GroupName="staff").startswith("ResourceNotFoundException: ")
    assert refused(two.client.confirm, "user-2@example.com", one.confirmation) == UNKNOWN_NAME
    assert len(one.pool.call("ListUsersInGroup", GroupName="staff")["Users"]) == 1
    token = one.pool.call("ListUsers", Limit=1)["PaginationToken"]
    assert refused(two.pool.call, "ListUsers", PaginationToken=token).startswith("InvalidParameterException: ")


def test_a_code_of_a_user_made_anew_is_not_the_old_users(pool, app_client, inbox):
    app_client.sign_up("user-1", email="user-1@example.com")
    code = inbox.code("user-1@example.com")
    pool.call("AdminDeleteUser", "user-1")
    app_client.sign_up("user-1")
    assert refused(app_client.confirm, "user-1", code) == EXPIRED


def test_an_access_token_of_a_deleted_pool_is_worth_nothing(pools):
    one, two = pools
    one.pool.call("DeleteUserPool")
    assert one.pool.backend.refusal("GetUser", {"AccessToken": one.tokens["AccessToken"]}) == (
        "NotAuthorizedException: Could not verify signature for Access Token")
    assert refused(one.client.sign_in, one.name) == (
        f"ResourceNotFoundException: User pool client {one.client.id} does not exist.")
    two.pool.backend.call("GetUser", {"AccessToken": two.tokens["AccessToken"]})


def test_no_user_does_what_takes_an_administrator(pools):
    """Every operation that Cognito authorises by IAM, asked by somebody who has a user's access token at most."""
    one, _ = pools
    everything = {"UserPoolId": one.pool.id, "Username": one.name, "ClientId": one.client.id,
                  "AccessToken": one.tokens["AccessToken"]}
    for_administrators = [name for name in OPERATIONS if not service().is_public(name)]
    assert len(for_administrators) > 40
    for operation in for_administrators:
        for request in ({}, everything):
            assert one.pool.backend.refusal(operation, request, ANONYMOUS) == (
                "MissingAuthenticationTokenException: Missing Authentication Token"), operation
