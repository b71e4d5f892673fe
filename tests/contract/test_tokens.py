"""Tokens over the API: what they say, refreshing, rotation, revocation, signing out."""

import uuid

import pytest

from tests.contract.guest import FLOWS, REFRESH_REVOKED, REVOKED, UNKNOWN, claims, header, refused

NO_REFRESH = "NotAuthorizedException: Invalid Refresh Token."
REUSED = "RefreshTokenReuseException: "


def is_uuid(text: str) -> bool:
    return str(uuid.UUID(text)) == text


def get_user(client, access_token: str) -> dict:
    return client.backend.call("GetUser", {"AccessToken": access_token})


# What tokens say.

def test_an_access_token_says_what_its_bearer_may_do_and_nothing_of_him(pool, app_client, clock):
    pool.user(email="user-1@example.com")
    said = claims(app_client.tokens()["AccessToken"])
    assert said.keys() == {"sub", "iss", "client_id", "origin_jti", "event_id", "token_use", "scope", "auth_time",
                           "exp", "iat", "jti", "username"}
    assert said["sub"] == pool.attributes()["sub"] and said["username"] == "user-1"
    assert said["iss"].endswith(f"/{pool.id}")
    assert said["client_id"] == app_client.id and said["token_use"] == "access"
    assert said["scope"] == "aws.cognito.signin.user.admin"
    assert said["auth_time"] == said["iat"] == int(clock.now.timestamp()) and said["exp"] == said["iat"] + 3600
    assert all(is_uuid(said[name]) for name in ("sub", "origin_jti", "event_id", "jti"))


def test_an_id_token_says_who_the_user_is(pool, app_client, clock):
    pool.user(email="user-1@example.com", phone_number="+12065550100", address="1 Main Street",
              birthdate="1990-01-02", name="User One")
    pool.call("AdminUpdateUserAttributes", "user-1", UserAttributes=[
        {"Name": "phone_number_verified", "Value": "false"}])
    tokens = app_client.tokens()
    said, access = claims(tokens["IdToken"]), claims(tokens["AccessToken"])
    assert said["aud"] == app_client.id and "client_id" not in said
    assert said["token_use"] == "id" and said["cognito:username"] == "user-1"
    assert said["email"] == "user-1@example.com" and said["email_verified"] is True
    assert said["phone_number"] == "+12065550100" and said["phone_number_verified"] is False
    assert said["address"] == {"formatted": "1 Main Street"}
    assert said["birthdate"] == "1990-01-02" and said["name"] == "User One"
    for name in ("sub", "iss", "origin_jti", "event_id", "auth_time", "iat", "exp"):
        assert said[name] == access[name]
    assert said["jti"] != access["jti"]


def test_custom_attributes_are_strings_and_those_for_developers_stay_out(make_pool):
    pool = make_pool(Schema=[{"Name": "age", "AttributeDataType": "Number"},
                             {"Name": "grade", "AttributeDataType": "String", "DeveloperOnlyAttribute": True}])
    pool.user(**{"custom:age": "44", "dev:custom:grade": "A"})
    client = pool.client()
    tokens = client.tokens()
    said = claims(tokens["IdToken"])
    assert said["custom:age"] == "44" and "dev:custom:grade" not in said
    names = {attribute["Name"] for attribute in get_user(client, tokens["AccessToken"])["UserAttributes"]}
    assert names == {"sub", "custom:age"}
    assert pool.attributes()["dev:custom:grade"] == "A"


def test_an_id_token_has_only_what_the_app_client_may_read(pool):
    pool.user(email="user-1@example.com", name="User One")
    client = pool.client(ReadAttributes=["name"])
    tokens = client.tokens()
    said = claims(tokens["IdToken"])
    assert said["name"] == "User One" and "email" not in said and "email_verified" not in said
    shown = get_user(client, tokens["AccessToken"])["UserAttributes"]
    assert [attribute["Name"] for attribute in shown] == ["sub", "name"]


def test_groups_and_their_roles_are_in_tokens_only_where_there_are_some(pool, app_client):
    pool.user()
    role = "arn:aws:iam::000000000000:role/"
    for name, settings in (("late", {"Precedence": 9, "RoleArn": role + "late"}), ("unranked", {}),
                           ("early", {"Precedence": 1, "RoleArn": role + "early"})):
        pool.call("CreateGroup", GroupName=name, **settings)
        pool.call("AdminAddUserToGroup", "user-1", GroupName=name)
    tokens = app_client.tokens()
    said = claims(tokens["IdToken"])
    assert said["cognito:groups"] == ["early", "late", "unranked"]
    assert said["cognito:roles"] == [role + "early", role + "late"]
    assert said["cognito:preferred_role"] == role + "early"
    access = claims(tokens["AccessToken"])
    assert access["cognito:groups"] == said["cognito:groups"] and "cognito:roles" not in access
    pool.call("UpdateGroup", GroupName="late", Precedence=1)
    assert "cognito:preferred_role" not in claims(app_client.tokens()["IdToken"])


def test_the_header_is_cognitos_and_each_kind_of_token_has_its_own_key(pool, app_client):
    pool.user()
    tokens = app_client.tokens()
    for name in ("AccessToken", "IdToken"):
        assert header(tokens[name]).keys() == {"kid", "alg"} and header(tokens[name])["alg"] == "RS256"
    assert header(tokens["AccessToken"])["kid"] != header(tokens["IdToken"])["kid"]
    assert len(header(tokens["AccessToken"])["kid"]) == 44
    assert tokens["RefreshToken"].count(".") == 4


def test_tokens_live_as_long_as_the_app_client_says(pool, clock):
    pool.user()
    client = pool.client(AccessTokenValidity=5, IdTokenValidity=10, RefreshTokenValidity=90, TokenValidityUnits={
        "AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "minutes"})
    tokens = client.tokens()
    access, identity = claims(tokens["AccessToken"]), claims(tokens["IdToken"])
    assert tokens["ExpiresIn"] == access["exp"] - access["iat"] == 300
    assert identity["exp"] - identity["iat"] == 600
    clock.advance(seconds=299)
    get_user(client, tokens["AccessToken"])
    clock.advance(seconds=1)
    assert refused(get_user, client, tokens["AccessToken"]) == "NotAuthorizedException: Access Token has expired"
    clock.advance(minutes=85, seconds=-1)
    client.refresh(tokens["RefreshToken"])
    clock.advance(seconds=1)
    assert refused(client.refresh, tokens["RefreshToken"]) == "NotAuthorizedException: Refresh Token has expired"


# Refreshing.

def test_a_refresh_gives_new_tokens_of_the_old_sign_in(pool, app_client, clock):
    pool.user(name="User One")
    first = app_client.tokens()
    clock.advance(minutes=30)
    pool.call("AdminUpdateUserAttributes", "user-1", UserAttributes=[{"Name": "name", "Value": "User 1"}])
    pool.call("CreateGroup", GroupName="staff")
    pool.call("AdminAddUserToGroup", "user-1", GroupName="staff")
    second = app_client.refresh(first["RefreshToken"])
    assert second.keys() == {"AccessToken", "IdToken", "ExpiresIn", "TokenType"}
    for name in ("AccessToken", "IdToken"):
        before, after = claims(first[name]), claims(second[name])
        assert {c: after[c] for c in ("sub", "auth_time", "origin_jti", "event_id")} == (
            {c: before[c] for c in ("sub", "auth_time", "origin_jti", "event_id")})
        assert after["jti"] != before["jti"] and after["iat"] == before["iat"] + 1800
        assert after["exp"] == after["iat"] + 3600 and after["cognito:groups"] == ["staff"]
    assert claims(second["IdToken"])["name"] == "User 1"
    get_user(app_client, first["AccessToken"])


def test_both_doors_take_a_refresh_token_under_either_name(pool, app_client):
    pool.user()
    token = app_client.tokens()["RefreshToken"]
    for flow in ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"):
        for operation in ("InitiateAuth", "AdminInitiateAuth"):
            answer = app_client.begin(flow, operation, REFRESH_TOKEN=token)
            assert answer["ChallengeParameters"] == {} and "AccessToken" in answer["AuthenticationResult"]


def test_without_rotation_the_other_operation_gives_no_new_refresh_token_either(pool, app_client):
    pool.user()
    token = app_client.tokens()["RefreshToken"]
    assert app_client.rotate(token).keys() == {"AccessToken", "IdToken", "ExpiresIn", "TokenType"}
    assert "AccessToken" in app_client.rotate(token)


def test_a_refresh_token_is_good_at_its_own_app_client_alone(pool, app_client):
    pool.user()
    tokens = app_client.tokens()
    other = pool.client()
    for client, token in ((other, tokens["RefreshToken"]), (app_client, "garbage"), (app_client, tokens["IdToken"]),
                          (app_client, tokens["AccessToken"]), (app_client, tokens["RefreshToken"][:-1]),
                          (app_client, tokens["RefreshToken"] + "0")):
        assert refused(client.refresh, token) == refused(client.rotate, token) == NO_REFRESH
    app_client.refresh(tokens["RefreshToken"])


def test_a_refresh_looks_at_the_user_again(pool, app_client):
    pool.user(email="user-1@example.com")
    token = app_client.tokens()["RefreshToken"]
    pool.call("AdminDisableUser", "user-1")
    assert refused(app_client.refresh, token) in (REFRESH_REVOKED, "NotAuthorizedException: User is disabled.")
    pool.call("AdminEnableUser", "user-1")
    assert refused(app_client.refresh, token) == REFRESH_REVOKED
    token = app_client.tokens()["RefreshToken"]
    pool.call("AdminDeleteUser", "user-1")
    assert refused(app_client.refresh, token) in (NO_REFRESH, UNKNOWN)


# Rotation.

def rotating(pool, grace: int = 0):
    return pool.client(RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": grace})


def test_rotation_gives_a_new_refresh_token_for_the_rest_of_the_old_ones_life(pool, clock):
    pool.user()
    client = rotating(pool)
    tokens = client.tokens()
    origin = claims(tokens["AccessToken"])["origin_jti"]
    clock.advance(days=29)
    tokens = client.rotate(tokens["RefreshToken"])
    assert tokens.keys() == {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType"}
    assert claims(tokens["AccessToken"])["origin_jti"] == origin
    clock.advance(days=1, seconds=-1)
    tokens = client.rotate(tokens["RefreshToken"])
    clock.advance(seconds=1)
    assert refused(client.rotate, tokens["RefreshToken"]) == "NotAuthorizedException: Refresh Token has expired"


def test_with_rotation_the_refresh_flow_is_closed(pool):
    pool.user()
    assert refused(pool.client, ExplicitAuthFlows=FLOWS, RefreshTokenRotation={"Feature": "ENABLED"}).startswith(
        "InvalidParameterException: ALLOW_REFRESH_TOKEN_AUTH is not a permitted ExplicitAuthFlow when refresh token "
        "rotation is enabled")
    for flows in (["ALLOW_USER_PASSWORD_AUTH"], ["USER_PASSWORD_AUTH"]):
        client = pool.client(ExplicitAuthFlows=flows, RefreshTokenRotation={"Feature": "ENABLED"})
        assert refused(client.refresh, client.tokens()["RefreshToken"]).startswith("InvalidParameterException: ")


def test_a_used_refresh_token_ends_its_whole_family(pool):
    pool.user()
    client = rotating(pool)
    first = client.tokens()
    second = client.rotate(first["RefreshToken"])
    elsewhere = client.tokens()
    assert refused(client.rotate, first["RefreshToken"]).startswith(REUSED)
    assert refused(client.rotate, second["RefreshToken"]) == REFRESH_REVOKED
    assert refused(get_user, client, second["AccessToken"]) == REVOKED
    client.rotate(elsewhere["RefreshToken"])


def test_without_a_grace_none_comes_from_a_clock_that_is_behind(pool, clock):
    """Two workers' clocks differ, or the later of two calls is the first to be done."""
    pool.user()
    client = rotating(pool)
    token = client.tokens()["RefreshToken"]
    client.rotate(token)
    clock.advance(seconds=-1)
    assert refused(client.rotate, token).startswith(REUSED)


def test_within_the_grace_a_used_refresh_token_gives_a_full_new_set(pool, clock):
    pool.user()
    client = rotating(pool, grace=60)
    first = client.tokens()
    sets = [client.rotate(first["RefreshToken"])]
    clock.advance(seconds=59)
    sets.append(client.rotate(first["RefreshToken"]))
    for tokens in sets:
        get_user(client, client.rotate(tokens["RefreshToken"])["AccessToken"])
    clock.advance(seconds=1)
    assert refused(client.rotate, first["RefreshToken"]).startswith(REUSED)
    for tokens in sets:
        assert refused(client.rotate, tokens["RefreshToken"]) == REFRESH_REVOKED


# Revoking and signing out.

def test_a_revoked_refresh_token_takes_its_access_tokens_along(pool, app_client, backend):
    pool.user()
    tokens, elsewhere = app_client.tokens(), app_client.tokens()
    later = app_client.refresh(tokens["RefreshToken"])
    request = {"ClientId": app_client.id, "Token": tokens["RefreshToken"]}
    assert backend.call("RevokeToken", request) == {}
    assert refused(app_client.refresh, tokens["RefreshToken"]) == REFRESH_REVOKED
    for token in (tokens["AccessToken"], later["AccessToken"]):
        assert refused(get_user, app_client, token) == REVOKED
    assert backend.call("RevokeToken", request) == {}
    get_user(app_client, elsewhere["AccessToken"])
    app_client.refresh(elsewhere["RefreshToken"])


def test_only_refresh_tokens_can_be_revoked_and_an_unknown_one_is_no_error(pool, app_client, backend):
    pool.user()
    tokens = app_client.tokens()
    for name in ("AccessToken", "IdToken"):
        assert backend.refusal("RevokeToken", {"ClientId": app_client.id, "Token": tokens[name]}).startswith(
            "UnsupportedTokenTypeException: ")
    assert backend.call("RevokeToken", {"ClientId": app_client.id, "Token": "unknown"}) == {}


def test_nobody_revokes_another_app_clients_token(pool, app_client, secret_client, backend):
    pool.user()
    tokens = app_client.tokens()
    backend.call("RevokeToken", {"ClientId": secret_client.id, "ClientSecret": secret_client.secret,
                                 "Token": tokens["RefreshToken"]})
    app_client.refresh(tokens["RefreshToken"])
    get_user(app_client, tokens["AccessToken"])
    assert backend.refusal("RevokeToken", {"ClientId": "1example23456789abcdefghij",
                                           "Token": tokens["RefreshToken"]}).startswith("UnauthorizedException: ")


def test_an_app_client_without_revocation_has_tokens_without_a_trace(pool, backend):
    pool.user()
    client = pool.client(EnableTokenRevocation=False)
    tokens = client.tokens()
    for name in ("AccessToken", "IdToken"):
        assert not {"origin_jti", "jti"} & claims(tokens[name]).keys()
    assert backend.refusal("RevokeToken", {"ClientId": client.id, "Token": tokens["RefreshToken"]}).startswith(
        "UnsupportedOperationException: ")
    get_user(client, tokens["AccessToken"])


@pytest.mark.parametrize("by_administrator", [False, True])
def test_signing_out_everywhere_ends_every_sign_in_at_every_app_client(pool, app_client, secret_client, backend,
                                                                       by_administrator):
    pool.user("user-1")
    pool.user("user-2")
    here, there, other = app_client.tokens(), secret_client.tokens(), app_client.tokens("user-2")
    if by_administrator:
        assert pool.call("AdminUserGlobalSignOut", "user-1") == {}
    else:
        assert backend.call("GlobalSignOut", {"AccessToken": here["AccessToken"]}) == {}
    for tokens in (here, there):
        assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
        assert backend.refusal("GlobalSignOut", {"AccessToken": tokens["AccessToken"]}) == REVOKED
    assert refused(app_client.refresh, here["RefreshToken"]) == REFRESH_REVOKED
    assert refused(secret_client.rotate, there["RefreshToken"]) == REFRESH_REVOKED
    get_user(app_client, other["AccessToken"])
    get_user(app_client, app_client.tokens("user-1")["AccessToken"])


def test_signing_out_nobody_is_refused(pool):
    assert refused(pool.call, "AdminUserGlobalSignOut", "nobody") == UNKNOWN


def test_a_deleted_users_token_is_nobodys(pool, app_client, backend):
    pool.user()
    token = {"AccessToken": app_client.tokens()["AccessToken"]}
    pool.call("AdminDeleteUser", "user-1")
    assert backend.refusal("GetUser", token) == UNKNOWN
    assert backend.refusal("GlobalSignOut", token) == "NotAuthorizedException: User does not exist."
    pool.user()  # the name is free again, but it is somebody else's now
    assert backend.refusal("GetUser", token) == UNKNOWN


def test_a_deleted_app_clients_tokens_stop_working(pool, app_client, backend):
    pool.user()
    tokens = app_client.tokens()
    pool.call("DeleteUserPoolClient", ClientId=app_client.id)
    assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
