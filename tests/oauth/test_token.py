"""/oauth2/token: codes, refresh tokens, machines, and what each of them is given."""

import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from tests.oauth.conftest import BOTH_DATABASES
from tests.oauth.provider import CALLBACK, NAME, OTHER_CALLBACK, PKCE, VERIFIER, refusal

PARALLEL = 8


def at_once(work) -> list:
    """Run `work` in several threads at the same moment."""
    barrier = threading.Barrier(PARALLEL)

    def run(_):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(PARALLEL) as threads:
        return list(threads.map(run, range(PARALLEL)))


# A code

def test_a_code_gives_the_three_tokens(provider):
    response = provider.redeem(provider.code())
    assert response.status_code == 200 and "no-store" in response.headers["Cache-Control"]
    tokens = response.json()
    assert tokens.keys() == {"access_token", "id_token", "refresh_token", "expires_in", "token_type"}
    assert (tokens["expires_in"], tokens["token_type"]) == (3600, "Bearer")


def test_the_id_token_says_who_signed_in_where_and_when(provider):
    tokens, client_id = provider.tokens(), provider.web["ClientId"]
    claims, now = provider.claims(tokens["id_token"], client_id), int(provider.clock.now.timestamp())
    assert claims["cognito:username"] == provider.who()["Username"]
    assert {"Name": "sub", "Value": claims["sub"]} in provider.who()["UserAttributes"]
    assert (claims["aud"], claims["token_use"], claims["nonce"]) == (client_id, "id", "n-1")
    assert (claims["auth_time"], claims["iat"], claims["exp"]) == (now, now, now + 3600)
    assert (claims["email"], claims["email_verified"]) == (NAME, True) and "name" not in claims
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert jwt.get_unverified_header(tokens["id_token"]).keys() == {"kid", "alg"}


def test_the_access_token_says_what_may_be_done_and_nothing_of_the_person(provider):
    claims = provider.claims(provider.tokens(scope="openid profile")["access_token"])
    assert (claims["token_use"], claims["scope"], claims["version"]) == ("access", "openid profile", 2)
    assert claims["client_id"] == provider.web["ClientId"] and "aud" not in claims
    assert claims["exp"] - claims["iat"] == 3600 and claims["jti"]
    assert not {"email", "name", "nonce", "phone_number"} & claims.keys()


def test_without_openid_there_is_no_id_token(provider):
    assert "id_token" not in provider.tokens(scope="aws.cognito.signin.user.admin")


def test_without_a_nonce_there_is_none_in_the_id_token(provider):
    assert "nonce" not in provider.claims(provider.tokens(nonce=None)["id_token"], provider.web["ClientId"])


def test_an_access_token_of_the_domain_works_at_the_api_if_it_has_the_scope(provider):
    token = provider.tokens(scope="openid aws.cognito.signin.user.admin")["access_token"]
    assert provider.call("GetUser", AccessToken=token)["Username"] == provider.who()["Username"]


def test_a_resource_becomes_the_audience_and_stays_it(provider):
    tokens = provider.tokens(resource="https://api.example/orders")
    assert provider.claims(tokens["access_token"], "https://api.example/orders")
    renewed = provider.refresh(tokens).json()
    assert provider.claims(renewed["access_token"], "https://api.example/orders")


def test_the_app_clients_lifetimes_hold(provider):
    client = provider.change(provider.web, AccessTokenValidity=10, IdTokenValidity=20,
                             TokenValidityUnits={"AccessToken": "minutes", "IdToken": "minutes"})
    tokens = provider.tokens(client)
    access = provider.claims(tokens["access_token"])
    identity = provider.claims(tokens["id_token"], client["ClientId"])
    assert tokens["expires_in"] == access["exp"] - access["iat"] == 600
    assert identity["exp"] - identity["iat"] == 1200


# T1, T2, T3: a code works once

@pytest.mark.parametrize("code", ["", "unknown", "é\0", "x" * 5000])
def test_a_code_that_was_never_given_is_refused(provider, code):
    assert refusal(provider.redeem(code)) == ("invalid_grant" if code else "invalid_request")


def test_a_code_lives_for_five_minutes(provider):
    early, late = provider.code(), provider.code()
    provider.clock.advance(seconds=299)
    assert provider.redeem(early).status_code == 200
    provider.clock.advance(seconds=1)
    assert refusal(provider.redeem(late)) == "invalid_grant"


def test_a_code_is_for_the_client_it_was_given_to(provider):
    code, server = provider.code(), provider.clients["server"]
    assert refusal(provider.redeem(code, server)) == "invalid_grant"
    assert provider.redeem(code).status_code == 200


@pytest.mark.parametrize("uri", [OTHER_CALLBACK, CALLBACK + "/", "", "http://evil.example/"])
def test_a_code_is_for_the_redirect_uri_it_was_given_to(provider, uri):
    code = provider.code()
    assert refusal(provider.redeem(code, redirect_uri=uri)) == "invalid_grant"
    assert provider.redeem(code).status_code == 200


@pytest.mark.parametrize("given, form, outcome", [
    (PKCE, {"code_verifier": VERIFIER}, 200), (PKCE, {}, 400),
    (PKCE, {"code_verifier": VERIFIER[:-1] + "x"}, 400),
    (PKCE, {"code_verifier": VERIFIER + "\n"}, 400),
    (PKCE, {"code_verifier": PKCE["code_challenge"]}, 400),
    (PKCE, {"code_verifier": "short"}, 400), ({}, {"code_verifier": VERIFIER}, 400), ({}, {}, 200)])
@pytest.mark.parametrize("name", ["web", "server"])
def test_a_verifier_is_wanted_where_a_challenge_was_and_only_there(provider, name, given, form, outcome):
    client = provider.clients[name]
    response = provider.redeem(provider.code(client, **given), client, **form)
    assert response.status_code == outcome
    if outcome == 400:
        assert refusal(response) == "invalid_grant"


def test_the_second_use_of_a_code_is_refused_and_later_takes_back_what_the_first_gave(provider):
    code = provider.code(scope="openid aws.cognito.signin.user.admin")
    tokens = provider.redeem(code).json()
    provider.clock.advance(seconds=10)
    assert refusal(provider.redeem(code)) == "invalid_grant"
    assert provider.user_info(tokens).status_code == 401
    assert refusal(provider.refresh(tokens)) == "invalid_grant"


def test_an_apps_own_double_click_costs_it_nothing(provider):
    code = provider.code()
    tokens = provider.redeem(code).json()
    assert refusal(provider.redeem(code)) == "invalid_grant"
    assert provider.user_info(tokens).status_code == 200 and provider.refresh(tokens).status_code == 200


def test_another_clients_attempt_takes_nothing_back(provider):
    code = provider.code()
    tokens = provider.redeem(code).json()
    provider.clock.advance(seconds=10)
    assert refusal(provider.redeem(code, provider.clients["server"])) == "invalid_grant"
    assert provider.user_info(tokens).status_code == 200


@BOTH_DATABASES
def test_of_many_who_redeem_a_code_at_once_one_wins_and_keeps_his_tokens(provider, database):
    code = provider.code()
    answers = at_once(lambda: provider.redeem(code))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {refusal(answer) for answer in answers if answer is not won[0]} == {"invalid_grant"}
    assert provider.user_info(won[0].json()).status_code == 200
    assert provider.refresh(won[0].json()).status_code == 200


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminDeleteUser"])
def test_a_code_of_a_user_who_is_gone_is_worth_nothing(provider, operation):
    code = provider.code()
    provider.call(operation, UserPoolId=provider.pool_id, Username=NAME)
    assert refusal(provider.redeem(code)) == "invalid_grant"


# Refreshing

def test_a_refresh_gives_new_tokens_of_the_same_sign_in(provider):
    tokens = provider.tokens()
    provider.clock.advance(minutes=30)
    response = provider.refresh(tokens)
    assert response.status_code == 200
    renewed = response.json()
    assert renewed.keys() == {"access_token", "id_token", "expires_in", "token_type"}
    client_id = provider.web["ClientId"]
    before, after = (provider.claims(each["id_token"], client_id) for each in (tokens, renewed))
    assert before["iat"] + 1800 == after["iat"] and before["jti"] != after["jti"]
    for same in ("sub", "iss", "aud", "auth_time", "origin_jti", "email"):
        assert before[same] == after[same]
    half = hashlib.sha256(renewed["access_token"].encode()).digest()[:16]
    assert after["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert provider.claims(renewed["access_token"])["scope"] == "openid email"
    assert provider.refresh(tokens).status_code == 200  # without rotation it stays good


def test_a_rotating_client_gets_a_new_refresh_token_and_the_old_one_ends(provider):
    client = provider.change(provider.web, RefreshTokenRotation={"Feature": "ENABLED"},
                             ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    first = provider.tokens(client)
    second = provider.refresh(first, client).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert provider.refresh(second, client).status_code == 200


def test_the_reuse_of_a_rotated_token_ends_the_whole_family(provider):
    client = provider.change(provider.web, RefreshTokenRotation={"Feature": "ENABLED"},
                             ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    first = provider.tokens(client)
    second = provider.refresh(first, client).json()
    provider.clock.advance(seconds=5)
    assert refusal(provider.refresh(first, client)) == "invalid_grant"
    assert refusal(provider.refresh(second, client)) == "invalid_grant"
    assert provider.user_info(second).status_code == 401


@BOTH_DATABASES
def test_of_many_who_rotate_a_token_at_once_one_wins(provider, database):
    client = provider.change(provider.web, RefreshTokenRotation={"Feature": "ENABLED"},
                             ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    tokens = provider.tokens(client)
    answers = at_once(lambda: provider.refresh(tokens, client))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {refusal(answer) for answer in answers if answer is not won[0]} == {"invalid_grant"}


@pytest.mark.parametrize("token", ["unknown", "a.b.c.d.e", "é\0", "x" * 5000])
def test_a_refresh_token_that_is_none_is_refused(provider, token):
    assert refusal(provider.refresh(token)) == "invalid_grant"
    assert refusal(provider.token(grant_type="refresh_token")) == "invalid_request"


def test_no_other_kind_of_token_refreshes(provider):
    tokens, code = provider.tokens(), provider.code()
    for other in (tokens["access_token"], tokens["id_token"], code):
        assert refusal(provider.refresh(other)) == "invalid_grant"
    assert refusal(provider.redeem(tokens["refresh_token"])) == "invalid_grant"


def test_a_refresh_token_is_for_the_client_it_was_given_to(provider):
    assert refusal(provider.refresh(provider.tokens(), provider.clients["server"])) == "invalid_grant"


def test_fewer_scopes_may_be_asked_for_and_more_may_not(provider):
    tokens = provider.tokens()
    assert provider.refresh(tokens, scope="openid").json()["scope"] == "openid email"
    assert "scope" not in provider.refresh(tokens, scope="email openid").json()
    assert refusal(provider.refresh(tokens, scope="openid phone")) == "invalid_scope"


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminDeleteUser", "AdminUserGlobalSignOut",
                                       "AdminResetUserPassword"])
def test_no_tokens_come_for_a_user_who_is_shut_out(provider, operation):
    tokens = provider.tokens()
    provider.call(operation, UserPoolId=provider.pool_id, Username=NAME)
    assert refusal(provider.refresh(tokens)) == "invalid_grant"


def test_a_refresh_token_expires(provider):
    tokens = provider.tokens()
    provider.clock.advance(days=30)
    assert refusal(provider.refresh(tokens)) == "invalid_grant"


# Machines

def test_a_machine_gets_an_access_token_and_nothing_else(provider):
    machine = provider.clients["machine"]
    response = provider.token(machine, grant_type="client_credentials", scope="orders/read")
    assert response.status_code == 200 and "no-store" in response.headers["Cache-Control"]
    tokens = response.json()
    assert tokens.keys() == {"access_token", "expires_in", "token_type"}
    claims = provider.claims(tokens["access_token"])
    assert claims["sub"] == claims["client_id"] == machine["ClientId"] and claims["scope"] == "orders/read"
    assert (claims["token_use"], claims["version"]) == ("access", 2) and "username" not in claims


def test_a_machine_that_names_no_scope_gets_all_of_its_own_and_is_told(provider):
    tokens = provider.token(provider.clients["machine"], grant_type="client_credentials").json()
    assert provider.claims(tokens["access_token"])["scope"] == tokens["scope"] == "orders/read orders/write"


@pytest.mark.parametrize("scope", ["openid", "orders/delete", "orders/read openid",
                                   "aws.cognito.signin.user.admin"])
def test_a_machine_has_no_scope_of_a_person_and_none_it_was_not_given(provider, scope):
    response = provider.token(provider.clients["machine"], grant_type="client_credentials", scope=scope)
    assert refusal(response) == "invalid_scope"


def test_only_a_client_with_the_flow_and_a_secret_is_a_machine(provider):
    for name in ("web", "server"):
        client = provider.clients[name]
        response = provider.token(client, grant_type="client_credentials", scope="orders/read")
        assert refusal(response) == "unauthorized_client"


def test_a_machines_token_is_nobodys_at_userinfo(provider):
    tokens = provider.token(provider.clients["machine"], grant_type="client_credentials").json()
    assert provider.user_info(tokens).status_code == 401


def test_a_machine_may_not_use_codes(provider):
    assert refusal(provider.redeem("x", provider.clients["machine"])) == "unauthorized_client"
