"""A browser signed in at our pages: for an hour, and not beyond what ends the user's sign-ins."""

import pytest

from authservice.contract import HOSTED
from authservice.local.tokens import browser_sessions
from tests.contract.guest import PASSWORD, refused

NEW = "N3w-password!"


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


def sign_in_at_our_pages(client, password=PASSWORD) -> str:
    """As the hosted pages do: the id of a browser session, whatever flows the app client allows to others."""
    answer = client.backend.call("InitiateAuth", {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
                                                  "AuthParameters": {"USERNAME": "user-1", "PASSWORD": password}}, HOSTED)
    return answer["AuthenticationResult"]["AccessToken"]


def signed_in(pool, session_id) -> bool:
    return pool.backend.store.run(lambda call: browser_sessions.find(call, pool.id, session_id) is not None)


def test_a_browser_stays_signed_in_for_an_hour(pool, clock):
    pool.user()
    session = sign_in_at_our_pages(pool.client(ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"], GenerateSecret=True))
    assert len(bytes.fromhex(session)) >= 16 and signed_in(pool, session)
    clock.advance(minutes=59, seconds=59)
    assert signed_in(pool, session)
    clock.advance(seconds=1)
    assert not signed_in(pool, session)


def test_every_sign_in_has_a_session_of_its_own_and_it_is_no_token(pool, app_client, backend):
    pool.user()
    one, two = sign_in_at_our_pages(app_client), sign_in_at_our_pages(app_client)
    assert one != two
    assert backend.refusal("GetUser", {"AccessToken": one}) == "NotAuthorizedException: Invalid Access Token"
    assert refused(app_client.refresh, one) == "NotAuthorizedException: Invalid Refresh Token."


def test_a_session_is_of_its_pool_alone(make_pool):
    one, two = make_pool(), make_pool()
    one.user()
    session = sign_in_at_our_pages(one.client())
    assert signed_in(one, session) and not signed_in(two, session)


ENDINGS = {
    "AdminSetUserPassword": {"Password": NEW, "Permanent": True}, "AdminResetUserPassword": {},
    "AdminUserGlobalSignOut": {}, "AdminDisableUser": {}, "AdminDeleteUser": {}}


@pytest.mark.parametrize("operation", [*ENDINGS, "GlobalSignOut", "ConfirmForgotPassword", "DeleteUser"])
def test_what_ends_a_users_sign_ins_ends_the_browsers_too(pool, app_client, backend, inbox, operation):
    pool.user(email="user-1@example.com")
    session, token = sign_in_at_our_pages(app_client), {"AccessToken": app_client.tokens()["AccessToken"]}
    if operation in ENDINGS:
        pool.call(operation, "user-1", **ENDINGS[operation])
    elif operation == "ConfirmForgotPassword":
        app_client.call("ForgotPassword", "user-1")
        app_client.call(operation, "user-1", ConfirmationCode=inbox.code("user-1@example.com"), Password=NEW)
    else:
        backend.call(operation, token)
    assert not signed_in(pool, session)
    if operation == "AdminDisableUser":
        pool.call("AdminEnableUser", "user-1")
        assert not signed_in(pool, session)
