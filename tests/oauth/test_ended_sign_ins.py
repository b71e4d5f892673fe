"""What ends a user's sign-ins ends also what would have become one: codes, browser sessions, wider tokens."""

import pytest

from authservice.contract import ANONYMOUS
from authservice.local.tokens import codes
from tests.oauth.conftest import BOTH_DATABASES
from tests.oauth.provider import NAME, refusal


def name(provider) -> dict:
    return {"UserPoolId": provider.pool_id, "Username": NAME}


ENDINGS = {
    "AdminUserGlobalSignOut": {},
    "AdminDisableUser": {},
    "AdminSetUserPassword": {"Password": "Another-1-password!", "Permanent": True},
    "AdminResetUserPassword": {},
}


@BOTH_DATABASES
@pytest.mark.parametrize("operation", ENDINGS)
def test_a_code_that_is_out_ends_with_the_sign_ins(provider, database, operation):
    code = provider.code()
    provider.call(operation, **name(provider), **ENDINGS[operation])
    if operation == "AdminDisableUser":
        provider.call("AdminEnableUser", **name(provider))
    assert refusal(provider.redeem(code)) == "invalid_grant"


@BOTH_DATABASES
def test_a_code_is_not_given_for_a_browser_session_that_ends_meanwhile(provider, database, monkeypatch):
    """The administrator's call commits between the look at the session and the code's commit."""
    browser, given = provider.browser(), codes.new

    def interrupted(*arguments, **asked):
        monkeypatch.setattr(codes, "new", given)
        provider.call("AdminUserGlobalSignOut", **name(provider))
        return given(*arguments, **asked)

    monkeypatch.setattr(codes, "new", interrupted)
    answer = provider.authorize(browser)
    assert "/login?" in answer.headers["Location"]


def test_a_refresh_at_the_api_gives_no_more_than_the_scopes_of_the_sign_in(provider):
    tokens = provider.tokens(scope="aws.cognito.signin.user.admin")
    assert "id_token" not in tokens
    answer = provider.backend.call("InitiateAuth", {
        "ClientId": provider.web["ClientId"], "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": tokens["refresh_token"]}}, ANONYMOUS)
    assert "IdToken" not in answer["AuthenticationResult"]
