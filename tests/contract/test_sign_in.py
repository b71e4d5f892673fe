"""Signing in over the API: the flows, what refuses a sign-in, the new password that is due, Sessions."""

import json

import pytest

from tests.contract.guest import (INVALID_SESSION, PASSWORD, SESSION_EXPIRED, SESSION_USED, UNKNOWN, WRONG, claims,
                                  refused)

PARAMETER = "InvalidParameterException: "
UNCONFIRMED = "UserNotConfirmedException: User is not confirmed."
RESET = "PasswordResetRequiredException: Password reset required for the user"


def test_a_password_gives_tokens(pool, app_client):
    pool.user()
    answer = app_client.sign_in()
    assert answer.keys() == {"ChallengeParameters", "AuthenticationResult"}
    assert answer["ChallengeParameters"] == {}
    tokens = answer["AuthenticationResult"]
    assert tokens.keys() == {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType"}
    assert tokens["TokenType"] == "Bearer" and tokens["ExpiresIn"] == 3600


def test_an_administrators_server_signs_users_in_under_either_name_of_the_flow(pool):
    pool.user()
    for setting in ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
        client = pool.client(ExplicitAuthFlows=[setting])
        for flow in ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
            answer = client.begin(flow, "AdminInitiateAuth", USERNAME="user-1", PASSWORD=PASSWORD)
            assert claims(answer["AuthenticationResult"]["AccessToken"])["client_id"] == client.id


def test_a_flow_that_is_not_enabled_says_so_in_its_own_words(pool):
    pool.user()
    client = pool.client(ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"])
    parameters = {"USERNAME": "user-1", "PASSWORD": PASSWORD, "SRP_A": "2"}
    for flow, refusal in (("USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
                          ("USER_SRP_AUTH", "USER_SRP_AUTH is not enabled for the client."),
                          ("CUSTOM_AUTH", "CUSTOM_AUTH is not enabled for the client."),
                          ("ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported."),
                          ("ADMIN_NO_SRP_AUTH", "Initiate Auth method not supported.")):
        assert refused(client.begin, flow, **parameters) == PARAMETER + refusal
        if flow.startswith("ADMIN"):
            assert refused(client.begin, flow, "AdminInitiateAuth", **parameters) == (
                PARAMETER + "Auth flow not enabled for this client")


def test_the_old_names_of_flows_allow_srp_and_refresh_too(pool):
    pool.user()
    client = pool.client(ExplicitAuthFlows=["USER_PASSWORD_AUTH"])
    tokens = client.tokens()
    assert "AccessToken" in client.refresh(tokens["RefreshToken"])
    assert client.begin("USER_SRP_AUTH", USERNAME="user-1", SRP_A="2")["ChallengeName"] == "PASSWORD_VERIFIER"


def test_a_client_of_which_nothing_is_said_may_use_srp_and_refresh(pool):
    pool.user()
    made = pool.call("CreateUserPoolClient", ClientName="app")["UserPoolClient"]["ClientId"]
    request = {"ClientId": made, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": {"USERNAME": "user-1", "SRP_A": "2"}}
    assert pool.backend.call("InitiateAuth", request)["ChallengeName"] == "PASSWORD_VERIFIER"
    request = {**request, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "user-1", "PASSWORD": "x"}}
    assert pool.backend.refusal("InitiateAuth", request) == (
        PARAMETER + "USER_PASSWORD_AUTH flow not enabled for this client")


def test_custom_sign_in_needs_triggers(pool):
    pool.user()
    client = pool.client(ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH"])
    assert refused(client.begin, "CUSTOM_AUTH", USERNAME="user-1") == (
        PARAMETER + "Custom auth lambda trigger is not configured for the user pool.")


def test_a_wrong_password_is_told_from_no_user_only_where_that_is_not_hidden(pool, app_client):
    pool.user()
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG
    assert refused(app_client.sign_in, "nobody") == UNKNOWN
    hiding = pool.client(PreventUserExistenceErrors="ENABLED")
    assert refused(hiding.sign_in, "user-1", "Wr0ng-one!") == refused(hiding.sign_in, "nobody") == WRONG
    for client, refusal in ((app_client, UNKNOWN), (hiding, WRONG)):
        assert refused(client.begin, "ADMIN_USER_PASSWORD_AUTH", "AdminInitiateAuth", USERNAME="nobody",
                       PASSWORD=PASSWORD) == refusal


def test_only_the_exact_password_is_right(pool, app_client, clock):
    pool.user()
    for typed in (PASSWORD + " ", " " + PASSWORD, PASSWORD.upper(), PASSWORD[:-1], PASSWORD * 2, "Ｐassw0rd!", ""):
        assert refused(app_client.sign_in, "user-1", typed) == WRONG, typed
        clock.advance(minutes=15)


def test_a_long_password_in_any_script_is_used_whole(pool, app_client):
    long = "Pässwörd-密码-1!" + "𝄞" * 240
    assert len(long) <= 256
    pool.user(password=long)
    assert "AccessToken" in app_client.tokens("user-1", long)
    assert refused(app_client.sign_in, "user-1", long[:-1]) == WRONG
    assert refused(app_client.sign_in, "user-1", long + "!") == WRONG


def test_missing_parameters_are_named(pool, app_client):
    pool.user()
    assert refused(app_client.begin, "USER_PASSWORD_AUTH", PASSWORD="x") == (
        PARAMETER + "Missing required parameter USERNAME")
    assert refused(app_client.begin, "USER_PASSWORD_AUTH", USERNAME="user-1") == (
        PARAMETER + "Missing required parameter PASSWORD")
    assert refused(app_client.begin, "USER_SRP_AUTH", USERNAME="user-1") == (
        PARAMETER + "Missing required parameter SRP_A")
    assert refused(app_client.begin, "REFRESH_TOKEN_AUTH") == PARAMETER + "Missing required parameter REFRESH_TOKEN"
    request = {"ClientId": app_client.id, "ChallengeName": "SOFTWARE_TOKEN_MFA"}
    assert pool.backend.refusal("RespondToAuthChallenge", {**request, "ChallengeResponses": {}}) == (
        PARAMETER + "Missing required parameter USERNAME")
    for challenge in ("SOFTWARE_TOKEN_MFA", "NEW_PASSWORD_REQUIRED", "MFA_SETUP"):
        assert refused(app_client.answer, challenge, None) == PARAMETER + "Missing required parameter Session"


def test_an_unknown_flow_breaks_the_models_rule(app_client):
    refusal = refused(app_client.begin, "NO_SUCH_FLOW")
    assert refusal.startswith(PARAMETER + "1 validation error detected: Value 'NO_SUCH_FLOW' at 'authFlow' failed "
                              "to satisfy constraint: Member must satisfy enum value set: [")


def test_an_unconfirmed_user_is_told_so_whatever_the_password(app_client):
    app_client.sign_up("user-1")
    for password in (PASSWORD, "Wr0ng-one!"):
        assert refused(app_client.sign_in, "user-1", password) == UNCONFIRMED


def test_a_disabled_user_is_told_so_after_the_right_password_alone(pool, app_client):
    pool.user()
    pool.call("AdminDisableUser", "user-1")
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG
    assert refused(app_client.sign_in) == "NotAuthorizedException: User is disabled."
    pool.call("AdminEnableUser", "user-1")
    assert "AccessToken" in app_client.tokens()


def test_after_a_reset_the_old_password_is_dead(pool, app_client):
    pool.user(email="user-1@example.com")
    pool.call("AdminResetUserPassword", "user-1")
    assert refused(app_client.sign_in) == refused(app_client.sign_in, "user-1", "Wr0ng-one!") == RESET
    hiding = pool.client(PreventUserExistenceErrors="ENABLED")
    assert refused(hiding.sign_in, "user-1", "Wr0ng-one!") == WRONG


# The new password that is due after a temporary one.

def test_a_temporary_password_asks_for_a_new_one(pool, app_client):
    pool.invited(email="user-1@example.com")
    asked = app_client.sign_in("user-1", "Temp0rary!")
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in asked
    parameters = asked["ChallengeParameters"]
    assert parameters["USER_ID_FOR_SRP"] == "user-1"
    assert parameters["requiredAttributes"] == "[]"
    assert json.loads(parameters["userAttributes"])["email"] == "user-1@example.com"
    done = app_client.answer("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD)
    assert done["ChallengeParameters"] == {} and "AccessToken" in done["AuthenticationResult"]
    assert pool.status() == "CONFIRMED"
    assert refused(app_client.sign_in, "user-1", "Temp0rary!") == WRONG
    assert "AccessToken" in app_client.tokens()


def test_the_same_password_again_is_accepted_where_no_history_is_kept(pool, app_client):
    pool.invited(password=PASSWORD)
    session = app_client.sign_in()["Session"]
    assert "AuthenticationResult" in app_client.answer("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=PASSWORD)


def test_a_new_password_below_the_policy_leaves_the_session_usable(pool, app_client):
    pool.invited()
    session = app_client.sign_in("user-1", "Temp0rary!")["Session"]
    assert refused(app_client.answer, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD="Ab1!") == (
        "InvalidPasswordException: Password does not conform to policy: Password not long enough")
    assert refused(app_client.answer, "NEW_PASSWORD_REQUIRED", session) == (
        PARAMETER + "Missing required parameter NEW_PASSWORD")
    assert pool.status() == "FORCE_CHANGE_PASSWORD"
    assert "AuthenticationResult" in app_client.answer("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=PASSWORD)


def test_required_attributes_an_invited_user_lacks_are_asked_for(make_pool):
    pool = make_pool(Schema=[{"Name": "email", "AttributeDataType": "String", "Required": True},
                             {"Name": "name", "AttributeDataType": "String", "Required": True}])
    client = pool.client()
    pool.invited(email="user-1@example.com")
    asked = client.sign_in("user-1", "Temp0rary!")
    assert json.loads(asked["ChallengeParameters"]["requiredAttributes"]) == ["userAttributes.name"]
    assert refused(client.answer, "NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD) == (
        PARAMETER + "Invalid attributes given, name is missing")
    client.answer("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD,
                  **{"userAttributes.name": "User One", "userAttributes.nickname": "one"})
    assert pool.attributes()["name"] == "User One" and pool.attributes()["nickname"] == "one"


def test_only_attributes_the_app_client_may_write_come_with_a_new_password(make_pool):
    pool = make_pool(Schema=[{"Name": "tenant", "AttributeDataType": "String", "Mutable": False}])
    client = pool.client()
    pool.invited(**{"custom:tenant": "north"})
    session = client.sign_in("user-1", "Temp0rary!")["Session"]

    def with_attribute(name, value):
        return client.answer("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=PASSWORD,
                             **{f"userAttributes.{name}": value})

    assert refused(with_attribute, "email_verified", "true") == (
        "NotAuthorizedException: A client attempted to write unauthorized attribute")
    assert refused(with_attribute, "custom:tenant", "south").startswith(
        PARAMETER + "user.custom:tenant: Attribute cannot be updated.")
    assert refused(with_attribute, "custom:shoe", "44").startswith(PARAMETER)
    assert pool.status() == "FORCE_CHANGE_PASSWORD"


def test_a_temporary_password_runs_out_after_the_pools_days(pool, app_client, clock):
    pool.invited()
    clock.advance(days=7, seconds=-1)
    assert app_client.sign_in("user-1", "Temp0rary!")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    clock.advance(seconds=1)
    assert refused(app_client.sign_in, "user-1", "Temp0rary!") == (
        "NotAuthorizedException: Temporary password has expired and must be reset by an administrator.")
    assert pool.status() == "FORCE_CHANGE_PASSWORD"
    pool.call("AdminSetUserPassword", "user-1", Password="Temp0rary!", Permanent=False)
    assert app_client.sign_in("user-1", "Temp0rary!")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


# Sessions: bound to user, app client and step, for one use, for a few minutes.

@pytest.fixture
def session(pool, app_client) -> str:
    """The Session of user-1, who must choose a new password."""
    pool.invited()
    return app_client.sign_in("user-1", "Temp0rary!")["Session"]


def new_password(client, session, username="user-1", **given):
    return client.answer("NEW_PASSWORD_REQUIRED", session, username, NEW_PASSWORD=PASSWORD, **given)


def test_a_session_is_opaque_and_never_the_same(pool, app_client, session):
    assert session.startswith("AYABe") and 20 <= len(session) <= 2048
    assert app_client.sign_in("user-1", "Temp0rary!")["Session"] != session


def test_a_session_works_once(app_client, session):
    new_password(app_client, session)
    assert refused(new_password, app_client, session) == SESSION_USED


def test_a_session_belongs_to_its_user(pool, app_client, session):
    pool.invited("user-2")
    assert refused(new_password, app_client, session, "user-2") == INVALID_SESSION
    assert refused(new_password, app_client, session, "nobody") == INVALID_SESSION
    assert pool.status("user-2") == "FORCE_CHANGE_PASSWORD"
    new_password(app_client, session)


def test_a_session_belongs_to_its_app_client(pool, app_client, session):
    assert refused(new_password, pool.client(), session) == INVALID_SESSION
    new_password(app_client, session)


def test_a_session_belongs_to_its_step(app_client, session):
    for challenge in ("MFA_SETUP", "SOFTWARE_TOKEN_MFA"):
        assert refused(app_client.answer, challenge, session, SOFTWARE_TOKEN_MFA_CODE="123456") == INVALID_SESSION
    assert refused(app_client.answer, "PASSWORD_VERIFIER", session, PASSWORD_CLAIM_SECRET_BLOCK=session,
                   PASSWORD_CLAIM_SIGNATURE="AAAA", TIMESTAMP="Sun Mar 1 12:00:00 UTC 2026") == INVALID_SESSION
    new_password(app_client, session)


def test_a_session_that_was_never_given_is_invalid(pool, app_client, session):
    for made_up in ("AYABe" + "0" * 192, session[:-1] + ("0" if session[-1] != "0" else "1"), session.upper()):
        assert refused(new_password, app_client, made_up) == INVALID_SESSION


def test_a_session_lives_as_long_as_the_app_client_says(pool, clock):
    for name, minutes, settings in (("user-1", 3, {}), ("user-2", 15, {"AuthSessionValidity": 15})):
        client = pool.client(**settings)
        pool.invited(name)
        early, late = (client.sign_in(name, "Temp0rary!")["Session"] for _ in range(2))
        clock.advance(minutes=minutes, seconds=-1)
        new_password(client, early, name)
        clock.advance(seconds=1)
        assert refused(new_password, client, late, name) == SESSION_EXPIRED


def test_a_new_password_ends_the_sessions_of_the_old_one(pool, app_client, session):
    pool.call("AdminSetUserPassword", "user-1", Password="An0ther-one!", Permanent=True)
    assert refused(new_password, app_client, session) == INVALID_SESSION
    assert "AccessToken" in app_client.tokens("user-1", "An0ther-one!")


def test_the_admin_twin_answers_challenges_of_its_pool_alone(pool, make_pool, app_client, session):
    elsewhere = make_pool()
    request = {"ClientId": app_client.id, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
               "ChallengeResponses": {"USERNAME": "user-1", "NEW_PASSWORD": PASSWORD}}
    assert pool.backend.refusal("AdminRespondToAuthChallenge", {**request, "UserPoolId": elsewhere.id}) == (
        f"ResourceNotFoundException: User pool client {app_client.id} does not exist.")
    assert pool.backend.refusal("AdminRespondToAuthChallenge", {**request, "UserPoolId": "us-east-1_nowhere99"}) == (
        "ResourceNotFoundException: User pool us-east-1_nowhere99 does not exist.")
    assert "AuthenticationResult" in pool.backend.call("AdminRespondToAuthChallenge", {**request,
                                                                                      "UserPoolId": pool.id})


def test_an_app_client_signs_in_users_of_its_pool_alone(pool, make_pool, app_client):
    pool.user()
    elsewhere = make_pool()
    request = {"UserPoolId": elsewhere.id, "ClientId": app_client.id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "user-1", "PASSWORD": PASSWORD}}
    assert pool.backend.refusal("AdminInitiateAuth", request) == (
        f"ResourceNotFoundException: User pool client {app_client.id} does not exist.")
    assert refused(elsewhere.client().sign_in) == UNKNOWN
