"""The second factor over the API: setting up an authenticator app, switching it on, being asked for its code."""

import json

import pytest

from tests.contract.guest import (INVALID_SESSION, LOCKED, MFA_CODE_USED, PASSWORD, SESSION_EXPIRED, SESSION_USED,
                                  UNKNOWN, WRONG_MFA_CODE, Authenticator, refused)

NOT_ENROLLED = "EnableSoftwareTokenMFAException: Code mismatch and fail enable Software Token MFA"
ON = {"SoftwareTokenMfaSettings": {"Enabled": True}}
PREFERRED = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
OFF = {"SoftwareTokenMfaSettings": {"Enabled": False}}
UNVERIFIED = "InvalidParameterException: User has not verified software token mfa"


@pytest.fixture
def mfa_pool(make_pool):
    """A pool in which users may have a second factor."""
    return make_pool(mfa="OPTIONAL")


@pytest.fixture
def client(mfa_pool):
    mfa_pool.user()
    return mfa_pool.client()


def mfa_settings(pool, username="user-1") -> dict:
    """The members of AdminGetUser about factors."""
    user = pool.call("AdminGetUser", username)
    return {name: user[name] for name in ("UserMFASettingList", "PreferredMfaSetting") if name in user}


# Setting up.

def test_an_authenticator_app_is_set_up_by_a_secret_and_a_code_of_it(mfa_pool, client, clock, backend):
    token = {"AccessToken": client.tokens()["AccessToken"]}
    app = Authenticator.of(backend, clock, **token)
    assert len(app.secret) == 52 and app.session is None
    assert backend.call("VerifySoftwareToken", {**token, "UserCode": app.code()}) == {"Status": "SUCCESS"}
    # Verified is not yet switched on.
    assert mfa_settings(mfa_pool) == {}
    assert "AuthenticationResult" in client.sign_in()
    assert backend.call("SetUserMFAPreference", {**token, **PREFERRED}) == {}
    factors = {"UserMFASettingList": ["SOFTWARE_TOKEN_MFA"], "PreferredMfaSetting": "SOFTWARE_TOKEN_MFA"}
    assert mfa_settings(mfa_pool) == factors
    assert factors.items() <= backend.call("GetUser", token).items()


def test_a_wrong_code_sets_nothing_up(mfa_pool, client, clock, backend):
    token = {"AccessToken": client.tokens()["AccessToken"]}
    assert backend.refusal("VerifySoftwareToken", {**token, "UserCode": "123456"}) == NOT_ENROLLED
    app = Authenticator.of(backend, clock, **token)
    assert backend.refusal("VerifySoftwareToken", {**token, "UserCode": app.wrong_code()}) == NOT_ENROLLED
    for steps in (-2, 2):
        assert backend.refusal("VerifySoftwareToken", {**token, "UserCode": app.code(steps)}) == NOT_ENROLLED
    assert backend.refusal("SetUserMFAPreference", {**token, **ON}) == UNVERIFIED
    assert backend.refusal("VerifySoftwareToken", {**token, "UserCode": "12345"}).startswith(
        "InvalidParameterException: 1 validation error detected: Value at 'userCode' failed to satisfy constraint: ")


def test_clocks_may_be_one_step_apart(client, clock, backend):
    token = {"AccessToken": client.tokens()["AccessToken"]}
    for steps in (-1, 0, 1):
        app = Authenticator.of(backend, clock, **token)
        assert backend.call("VerifySoftwareToken", {**token, "UserCode": app.code(steps)})["Status"] == "SUCCESS"


def test_a_new_secret_counts_once_verified_and_then_alone(client, clock, backend):
    old = client.set_up_totp("user-1", clock)
    clock.advance(seconds=30)
    session = client.sign_in()["Session"]
    token = {"AccessToken": client.answer_totp(session, old.code())["AuthenticationResult"]["AccessToken"]}
    new = Authenticator.of(backend, clock, **token)
    clock.advance(seconds=30)
    assert refused(client.answer_totp, client.sign_in()["Session"], new.code()) == WRONG_MFA_CODE
    client.answer_totp(client.sign_in()["Session"], old.code())
    # In the same half minute: the two apps' codes have nothing to do with each other.
    backend.call("VerifySoftwareToken", {**token, "UserCode": new.code()})
    clock.advance(seconds=30)
    assert refused(client.answer_totp, client.sign_in()["Session"], old.code()) == WRONG_MFA_CODE
    client.answer_totp(client.sign_in()["Session"], new.code())


def test_the_code_that_set_it_up_does_not_sign_in(client, clock):
    app = client.set_up_totp("user-1", clock)
    session = client.sign_in()["Session"]
    assert refused(client.answer_totp, session, app.code()) == MFA_CODE_USED
    clock.advance(seconds=30)
    assert "AuthenticationResult" in client.answer_totp(session, app.code())


def test_where_the_pool_has_no_totp_there_is_nothing_to_set_up(pool, app_client, backend):
    pool.user()
    token = {"AccessToken": app_client.tokens()["AccessToken"]}
    assert backend.refusal("AssociateSoftwareToken", token) == (
        "SoftwareTokenMFANotFoundException: Software Token MFA has not been enabled by the userPool")
    assert backend.refusal("SetUserMFAPreference", {**token, **ON}) == (
        "InvalidParameterException: User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA")


def test_without_token_or_session_nobody_asks(backend):
    for operation, further in (("AssociateSoftwareToken", {}), ("VerifySoftwareToken", {"UserCode": "123456"})):
        assert backend.refusal(operation, further).startswith("InvalidParameterException: ")
        assert backend.refusal(operation, {**further, "Session": "AYABe" + "0" * 192}) == INVALID_SESSION


# Switching on and off.

def test_a_user_switches_the_factor_off_again(mfa_pool, client, clock, backend):
    app = client.set_up_totp("user-1", clock)
    clock.advance(seconds=30)
    token = client.answer_totp(client.sign_in()["Session"], app.code())["AuthenticationResult"]["AccessToken"]
    backend.call("SetUserMFAPreference", {"AccessToken": token, **OFF})
    assert mfa_settings(mfa_pool) == {}
    assert "AuthenticationResult" in client.sign_in()


def test_an_administrator_does_so_too(mfa_pool, client, clock):
    assert refused(mfa_pool.call, "AdminSetUserMFAPreference", "user-1", **ON) == UNVERIFIED
    assert refused(mfa_pool.call, "AdminSetUserMFAPreference", "nobody", **ON) == UNKNOWN
    client.set_up_totp("user-1", clock, preferred=False)
    assert mfa_pool.call("AdminSetUserMFAPreference", "user-1", **ON) == {}
    assert mfa_settings(mfa_pool) == {"UserMFASettingList": ["SOFTWARE_TOKEN_MFA"]}
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    mfa_pool.call("AdminSetUserMFAPreference", "user-1", **OFF)
    assert mfa_settings(mfa_pool) == {} and "AuthenticationResult" in client.sign_in()


def test_one_factor_at_most_is_preferred(client, clock, backend):
    client.set_up_totp("user-1", clock, preferred=False)
    token = {"AccessToken": client.tokens()["AccessToken"]}
    both = {**PREFERRED, "SMSMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    assert backend.refusal("SetUserMFAPreference", {**token, **both}) == (
        "InvalidParameterException: SMS MFA and Software Token MFA cannot both be PreferredMFA")


def test_a_factor_that_is_not_named_stays_as_it_is(mfa_pool, client, clock):
    client.set_up_totp("user-1", clock)
    mfa_pool.call("AdminSetUserMFAPreference", "user-1", SMSMfaSettings={"Enabled": False})
    assert mfa_settings(mfa_pool)["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"


# Being asked.

def test_a_code_is_asked_for_after_the_password(client, clock):
    app = client.set_up_totp("user-1", clock)
    clock.advance(minutes=1)
    asked = client.sign_in()
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA" and "AuthenticationResult" not in asked
    assert asked["ChallengeParameters"] == {"USER_ID_FOR_SRP": "user-1"}
    answer = client.answer_totp(asked["Session"], app.code())
    assert answer["ChallengeParameters"] == {} and "RefreshToken" in answer["AuthenticationResult"]


def test_the_apps_own_name_is_shown(client, clock, backend):
    token = {"AccessToken": client.tokens()["AccessToken"]}
    app = Authenticator.of(backend, clock, **token)
    backend.call("VerifySoftwareToken", {**token, "UserCode": app.code(), "FriendlyDeviceName": "pocket"})
    backend.call("SetUserMFAPreference", {**token, **PREFERRED})
    assert client.sign_in()["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "pocket"


def test_a_wrong_code_leaves_the_session_usable_until_it_expires(client, clock):
    app = client.set_up_totp("user-1", clock)
    clock.advance(minutes=1)
    session = client.sign_in()["Session"]
    for code in (app.wrong_code(), app.code(-2), app.code(2), "12345", "１２３４５６"):
        assert refused(client.answer_totp, session, code) == WRONG_MFA_CODE
        clock.advance(milliseconds=1)
    clock.advance(seconds=1)
    assert refused(client.answer, "SOFTWARE_TOKEN_MFA", session) == (
        "InvalidParameterException: Missing required parameter SOFTWARE_TOKEN_MFA_CODE")
    assert "AuthenticationResult" in client.answer_totp(session, app.code())
    assert refused(client.answer_totp, session, app.code(1)) == SESSION_USED
    late = client.sign_in()["Session"]
    clock.advance(minutes=3)
    assert refused(client.answer_totp, late, app.code()) == SESSION_EXPIRED


def test_a_code_signs_in_once_and_no_earlier_one_after_it(client, clock):
    app = client.set_up_totp("user-1", clock)
    clock.advance(minutes=2)
    one, two, three = (client.sign_in()["Session"] for _ in range(3))
    client.answer_totp(one, app.code())
    assert refused(client.answer_totp, two, app.code()) == MFA_CODE_USED
    assert refused(client.answer_totp, two, app.code(-1)) == MFA_CODE_USED
    client.answer_totp(two, app.code(1))
    assert refused(client.answer_totp, three, app.code(1)) == MFA_CODE_USED


def test_five_wrong_codes_lock_and_the_right_password_does_not_unlock(client, clock):
    """Otherwise whoever has the password could guess at the code for ever."""
    app = client.set_up_totp("user-1", clock)
    clock.advance(minutes=1)
    for _ in range(5):
        session = client.sign_in()["Session"]
        assert refused(client.answer_totp, session, app.wrong_code()) == WRONG_MFA_CODE
    assert refused(client.answer_totp, session, app.code()) == LOCKED
    assert refused(client.sign_in) == LOCKED
    clock.advance(seconds=1)
    client.answer_totp(session, app.code())
    for _ in range(4):  # a whole sign-in has ended the count
        assert refused(client.sign_in, "user-1", "Wr0ng-one!") != LOCKED
    client.sign_in()


def test_a_session_for_a_code_belongs_to_its_user(mfa_pool, client, clock):
    app = client.set_up_totp("user-1", clock)
    mfa_pool.user("user-2")
    other = client.set_up_totp("user-2", clock)
    clock.advance(minutes=1)
    session = client.sign_in()["Session"]
    assert refused(client.answer_totp, session, other.code(), "user-2") == INVALID_SESSION
    assert refused(client.answer_totp, session, other.code()) == WRONG_MFA_CODE
    client.answer_totp(session, app.code())


def test_no_step_is_skipped(client, clock):
    client.set_up_totp("user-1", clock)
    session = client.sign_in()["Session"]
    for challenge, responses in (("MFA_SETUP", {}), ("NEW_PASSWORD_REQUIRED", {"NEW_PASSWORD": "Hers-1234!"})):
        assert refused(client.answer, challenge, session, **responses) == INVALID_SESSION


# What the pool asks for.

def test_where_mfa_is_off_nobody_is_asked(mfa_pool, client, clock):
    client.set_up_totp("user-1", clock)
    mfa_pool.set_mfa("OFF")
    assert "AuthenticationResult" in client.sign_in()
    mfa_pool.set_mfa("OPTIONAL")
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_where_mfa_is_on_a_verified_app_is_asked_for_without_a_preference(mfa_pool, client, clock):
    client.set_up_totp("user-1", clock, preferred=False)
    mfa_pool.set_mfa("ON")
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_where_mfa_is_on_the_last_factor_cannot_be_switched_off(mfa_pool, client, clock):
    client.set_up_totp("user-1", clock)
    mfa_pool.set_mfa("ON")
    assert refused(mfa_pool.call, "AdminSetUserMFAPreference", "user-1", **OFF).startswith(
        "InvalidParameterException: ")
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_user_without_a_factor_must_set_one_up_where_mfa_is_on(make_pool, clock, backend):
    pool = make_pool(mfa="ON")
    pool.user()
    client = pool.client()
    asked = client.sign_in()
    assert asked["ChallengeName"] == "MFA_SETUP"
    assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_SETUP"]) == ["SOFTWARE_TOKEN_MFA"]
    assert asked["ChallengeParameters"]["USER_ID_FOR_SRP"] == "user-1"
    assert refused(client.answer, "MFA_SETUP", asked["Session"]) == INVALID_SESSION
    app = Authenticator.of(backend, clock, Session=asked["Session"])
    assert backend.refusal("AssociateSoftwareToken", {"Session": asked["Session"]}) == SESSION_USED
    wrong = {"Session": app.session, "UserCode": app.wrong_code()}
    assert backend.refusal("VerifySoftwareToken", wrong) == NOT_ENROLLED
    verified = backend.call("VerifySoftwareToken", {"Session": app.session, "UserCode": app.code()})
    assert verified["Status"] == "SUCCESS"
    assert refused(client.answer, "MFA_SETUP", app.session) == SESSION_USED
    # A code sent along is not looked at.
    done = client.answer("MFA_SETUP", verified["Session"], SOFTWARE_TOKEN_MFA_CODE="000000")
    assert "AccessToken" in done["AuthenticationResult"]
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_verified_app_is_asked_for_even_if_the_set_up_was_never_answered(make_pool, clock, backend):
    pool = make_pool(mfa="ON")
    pool.user()
    client = pool.client()
    app = Authenticator.of(backend, clock, Session=client.sign_in()["Session"])
    backend.call("VerifySoftwareToken", {"Session": app.session, "UserCode": app.code()})
    assert client.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_second_set_up_session_does_not_replace_what_the_first_set_up(make_pool, clock, backend):
    pool = make_pool(mfa="ON")
    pool.user()
    client = pool.client()
    first, second, third = (client.sign_in()["Session"] for _ in range(3))
    begun = Authenticator.of(backend, clock, Session=third)
    app = Authenticator.of(backend, clock, Session=first)
    backend.call("VerifySoftwareToken", {"Session": app.session, "UserCode": app.code()})
    assert backend.refusal("AssociateSoftwareToken", {"Session": second}) == INVALID_SESSION
    assert backend.refusal("VerifySoftwareToken", {"Session": begun.session, "UserCode": begun.code()}) == (
        INVALID_SESSION)
    clock.advance(seconds=30)
    assert "AuthenticationResult" in client.answer_totp(client.sign_in()["Session"], app.code())


def test_a_new_password_comes_before_the_second_factor(make_pool):
    pool = make_pool(mfa="ON")
    pool.invited()
    client = pool.client()
    asked = client.sign_in("user-1", "Temp0rary!")
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    asked = client.answer("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD)
    assert asked["ChallengeName"] == "MFA_SETUP" and "AuthenticationResult" not in asked


def test_another_password_does_not_skip_the_second_factor(mfa_pool, client, clock):
    client.set_up_totp("user-1", clock)
    mfa_pool.call("AdminSetUserPassword", "user-1", Password="N3w-password!", Permanent=True)
    assert client.sign_in("user-1", "N3w-password!")["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    mfa_pool.call("AdminSetUserPassword", "user-1", Password="Temp0rary!")
    asked = client.sign_in("user-1", "Temp0rary!")
    asked = client.answer("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD)
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_session_for_a_code_ends_with_the_password_it_came_from(mfa_pool, client, clock):
    app = client.set_up_totp("user-1", clock)
    clock.advance(seconds=30)
    session = client.sign_in()["Session"]
    mfa_pool.call("AdminSetUserPassword", "user-1", Password="N3w-password!", Permanent=True)
    assert refused(client.answer_totp, session, app.code()) == INVALID_SESSION


def test_a_refresh_asks_for_no_code(client, clock):
    app = client.set_up_totp("user-1", clock)
    clock.advance(seconds=30)
    tokens = client.answer_totp(client.sign_in()["Session"], app.code())["AuthenticationResult"]
    assert "AccessToken" in client.refresh(tokens["RefreshToken"])
