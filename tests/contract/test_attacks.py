"""What somebody tries who means harm, or sends more than anybody needs; it gains nothing."""

import pytest
from sqlalchemy import select

from authservice.local import housekeeping
from authservice.local.accounts import directory
from authservice.local.models import ChallengeSession
from tests.contract.guest import INVALID_SESSION, LIMIT, PASSWORD, REVOKED, WRONG, attribute_list, refused
from tests.contract.srp_client import SrpClient

COMBINING = "a" + "\u0301\u0316" * 60_000
"""A name whose normal form would take a minute to compute."""


def test_a_name_longer_than_any_is_not_normalised(backend, pool, app_client):
    row = backend.store.run(lambda call: directory.pool(call, pool.id))
    assert len(directory.name_key(row, COMBINING)) == 64
    assert refused(app_client.sign_in, COMBINING).startswith("UserNotFoundException")


def test_of_a_name_longer_than_any_little_is_kept_and_sent_back(backend, pool, clock):
    client = pool.client(PreventUserExistenceErrors="ENABLED", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    longest, nobodys = (SrpClient(client, "é" * length, PASSWORD) for length in (2048, 130_000))
    assert longest.begin()["USERNAME"] == "é" * 2048
    assert len(str(nobodys.begin())) < 10_000
    rows = backend.store.run(lambda call: [len(row.state) for row in call.db.scalars(select(ChallengeSession))])
    assert len(rows) == 2 and max(rows) < 15_000
    assert refused(nobodys.answer, clock.now) == refused(longest.answer, clock.now) == WRONG


def test_anothers_sub_is_no_username(pool, app_client):
    victim = pool.call("AdminGetUser", pool.user())["UserAttributes"][0]["Value"]
    assert refused(app_client.sign_up, victim, email="user-2@example.com").startswith("UsernameExistsException")
    assert pool.call("AdminGetUser", victim)["Username"] == "user-1"


def test_anothers_sub_is_no_preferred_username_either(make_pool):
    pool = make_pool(AliasAttributes=["preferred_username"])
    sub = pool.attributes(pool.user())["sub"]
    pool.user("user-2")
    tokens = pool.client().tokens("user-2")
    changes = {"AccessToken": tokens["AccessToken"], "UserAttributes": attribute_list({"preferred_username": sub})}
    assert refused(pool.backend.call, "UpdateUserAttributes", changes).startswith("AliasExistsException")


def test_only_a_proven_address_moves_to_whoever_proves_it(make_pool):
    pool = make_pool(AliasAttributes=["email", "preferred_username"])
    pool.user(preferred_username="nick")
    pool.user("user-2")
    changes = attribute_list({"preferred_username": "nick", "email": "user-2@example.com", "email_verified": "true"})
    assert refused(pool.call, "AdminUpdateUserAttributes", "user-2", UserAttributes=changes).startswith("AliasExists")
    assert "preferred_username_verified" not in pool.attributes()


def test_nobody_mails_strangers_without_end(pool, app_client, backend, inbox):
    pool.user()
    access_token = app_client.tokens()["AccessToken"]

    def change(number: int) -> None:
        backend.call("UpdateUserAttributes", {"AccessToken": access_token, "UserAttributes": attribute_list(
            {"email": f"stranger-{number}@example.com"})})

    for number in range(5):
        change(number)
    assert refused(change, 6) == LIMIT.replace("LimitExceeded", "TooManyRequests")
    assert inbox("stranger-6@example.com") == []


def test_a_new_invitation_ends_what_the_old_password_began(pool, app_client):
    pool.invited(email="user-1@example.com")
    session = app_client.sign_in(password="Temp0rary!")["Session"]
    pool.call("AdminCreateUser", "user-1", MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"])
    assert refused(app_client.answer, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=PASSWORD) == INVALID_SESSION


def test_a_refusal_is_not_many_times_longer_than_its_request(backend, app_client):
    request = {"ClientId": app_client.id, "Username": "x" * 5000, "UserAttributes": [{}] * 5000}
    assert len(refused(backend.call, "SignUp", request)) < 20_000


@pytest.mark.parametrize("url", ["https://[::1/cb", "https://a:b/c", "http://localhost:99999/x"])
def test_an_address_that_cannot_be_read_is_no_callback(pool, url):
    assert refused(pool.client, CallbackURLs=[url]).startswith("InvalidParameterException")


def test_a_prefix_is_looked_for_as_it_is_written(make_pool):
    pool = make_pool(UsernameConfiguration={"CaseSensitive": True})
    for name in ("ada", "ADAM"):
        pool.user(name)
    found = pool.call("ListUsers", Filter='username ^= "ad"')["Users"]
    assert [user["Username"] for user in found] == ["ada"]


def test_a_deleted_users_token_is_refused_in_words_the_operation_has(pool, app_client, backend):
    pool.set_mfa("OPTIONAL")
    pool.user()
    token = app_client.tokens()["AccessToken"]
    pool.call("AdminDeleteUser", "user-1")
    for operation in ("AssociateSoftwareToken", "GlobalSignOut"):
        assert refused(backend.call, operation, {"AccessToken": token}).startswith("NotAuthorizedException")


def test_what_has_expired_is_removed_while_the_service_runs(pool, app_client, backend, clock):
    pool.user()
    pool.set_mfa("ON")
    for _ in range(3):
        app_client.sign_in()
    clock.advance(hours=2)
    backend.call("DescribeUserPool", {"UserPoolId": pool.id})
    assert backend.store.run(lambda call: call.db.query(ChallengeSession).count()) == 0


def test_what_has_just_expired_still_says_so(pool, app_client, clock):
    pool.user()
    pool.set_mfa("ON")
    session = app_client.sign_in()["Session"]
    clock.advance(minutes=4)
    pool.call("DescribeUserPool")
    assert "expired" in refused(app_client.answer, "MFA_SETUP", session)
    assert housekeeping.GRACE.total_seconds() == 3600


def test_disabling_and_enabling_brings_no_old_token_back(pool, app_client, backend):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    for operation in ("AdminDisableUser", "AdminEnableUser"):
        pool.call(operation, "user-1")
    assert refused(backend.call, "GetUser", {"AccessToken": token}) == REVOKED
