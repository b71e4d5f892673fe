"""Passwords over the API: forgotten, changed, set and reset by an administrator; the policy on each path."""

import pytest

from tests.conftest import HeldToTheModel
from tests.contract.guest import (EXPIRED, LIMIT, LOCKED, MISMATCH, PASSWORD, REFRESH_REVOKED, REVOKED, UNKNOWN,
                                  UNKNOWN_NAME, WRONG, Inbox, Pool, refused)

NEW = "N3w-password!"
NO_ADDRESS = ("InvalidParameterException: Cannot reset password for the user as there is no registered/verified "
              "email or phone_number")
STATE = "NotAuthorizedException: User password cannot be reset in the current state."
EMAIL_DETAILS = {"Destination": "u***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
SMS_DETAILS = {"Destination": "+*******0100", "DeliveryMedium": "SMS", "AttributeName": "phone_number"}
ADDRESSES = {"email": "user-1@example.com", "phone_number": "+12065550100"}


def forget(client, username="user-1") -> dict:
    return client.call("ForgotPassword", username)["CodeDeliveryDetails"]


def reset(client, code, password=NEW, username="user-1") -> dict:
    return client.call("ConfirmForgotPassword", username, ConfirmationCode=code, Password=password)


def change(client, token, previous, proposed) -> dict:
    return client.backend.call("ChangePassword", {"AccessToken": token, "PreviousPassword": previous,
                                                  "ProposedPassword": proposed})


# Forgotten.

def test_a_mailed_code_sets_a_new_password(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    assert forget(app_client) == EMAIL_DETAILS
    assert pool.status() == "CONFIRMED" and "AccessToken" in app_client.tokens()
    (message,) = inbox("user-1@example.com")
    assert message["purpose"] == "ForgotPassword" and len(message["code"]) == 6
    assert reset(app_client, message["code"]) == {}
    assert refused(app_client.sign_in) == WRONG
    assert "AccessToken" in app_client.tokens("user-1", NEW)
    assert refused(reset, app_client, message["code"]) == EXPIRED


def test_a_reset_code_is_good_for_an_hour(pool, app_client, inbox, clock):
    pool.user(email="user-1@example.com")
    forget(app_client)
    clock.advance(hours=1)
    assert refused(reset, app_client, inbox.code("user-1@example.com")) == EXPIRED
    forget(app_client)
    clock.advance(minutes=59, seconds=59)
    reset(app_client, inbox.code("user-1@example.com"))


def test_a_refused_password_leaves_the_code_usable(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    forget(app_client)
    code = inbox.code("user-1@example.com")
    assert refused(reset, app_client, f"{(int(code) + 1) % 10**6:06}") == MISMATCH
    assert refused(reset, app_client, code, "Ab1!") == (
        "InvalidPasswordException: Password does not conform to policy: Password not long enough")
    reset(app_client, code)


def test_only_a_verified_address_gets_a_code(pool, app_client):
    pool.user("user-1")
    assert refused(forget, app_client) == NO_ADDRESS
    pool.user("user-2", email="user-2@example.com", email_verified="false")
    assert refused(forget, app_client, "user-2") == NO_ADDRESS
    app_client.sign_up("user-3", email="user-3@example.com")
    pool.call("AdminConfirmSignUp", "user-3")
    assert refused(forget, app_client, "user-3") == NO_ADDRESS


def test_nobody_has_nothing_to_forget(app_client):
    assert refused(forget, app_client, "nobody") == UNKNOWN_NAME
    assert refused(reset, app_client, "123456", username="nobody") == UNKNOWN_NAME


def test_a_temporary_password_cannot_be_forgotten(pool, app_client):
    pool.invited(email="user-1@example.com", email_verified="true")
    assert refused(forget, app_client) == STATE
    assert refused(pool.call, "AdminResetUserPassword", "user-1") == STATE


def test_a_disabled_user_gets_no_code(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    pool.call("AdminDisableUser", "user-1")
    assert refused(forget, app_client) == UNKNOWN_NAME
    assert refused(pool.call, "AdminResetUserPassword", "user-1") == "NotAuthorizedException: User is disabled."
    assert inbox() == []


def test_the_pool_says_which_address_comes_first(make_pool):
    phone_first = [{"Priority": 2, "Name": "verified_email"}, {"Priority": 1, "Name": "verified_phone_number"}]
    for settings, details in (
            ({}, EMAIL_DETAILS),
            ({"AccountRecoverySetting": {}}, SMS_DETAILS),
            ({"AccountRecoverySetting": {"RecoveryMechanisms": phone_first}}, SMS_DETAILS),
            ({"AccountRecoverySetting": {"RecoveryMechanisms": phone_first[:1]}}, EMAIL_DETAILS)):
        pool = make_pool(**settings)
        pool.user(**ADDRESSES)
        assert forget(pool.client()) == details


def test_the_second_choice_serves_who_lacks_the_first(pool, app_client):
    pool.user(phone_number="+12065550100")
    assert forget(app_client) == SMS_DETAILS


def test_recovery_can_be_left_to_administrators(make_pool):
    pool = make_pool(AccountRecoverySetting={"RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]})
    pool.user(**ADDRESSES)
    assert refused(forget, pool.client()) == "NotAuthorizedException: Contact administrator to reset password."


def test_a_password_is_forgotten_20_times_an_hour_at_most(pool, app_client, clock):
    pool.user(email="user-1@example.com")
    for _ in range(10):
        forget(app_client)
        assert refused(reset, app_client, "no-code") == MISMATCH
    assert refused(forget, app_client) == refused(reset, app_client, "no-code") == LIMIT
    clock.advance(hours=1)
    forget(app_client)


def test_a_reset_ends_every_sign_in_from_before(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    tokens = app_client.tokens()
    forget(app_client)
    reset(app_client, inbox.code("user-1@example.com"))
    assert pool.backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
    assert refused(app_client.refresh, tokens["RefreshToken"]) == REFRESH_REVOKED


def test_a_reset_opens_the_lock_and_a_second_factor_is_still_asked_for(make_pool, inbox, clock):
    pool = make_pool(mfa="OPTIONAL")
    client = pool.client()
    pool.user(email="user-1@example.com")
    client.set_up_totp("user-1", clock)
    for _ in range(5):
        refused(client.sign_in, "user-1", "Wr0ng-one!")
    assert refused(client.sign_in) == LOCKED
    forget(client)
    reset(client, inbox.code("user-1@example.com"))
    assert client.sign_in("user-1", NEW)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


# Changed.

def test_a_user_changes_a_password_and_stays_signed_in(pool, app_client):
    pool.user()
    here, there = app_client.tokens(), app_client.tokens()
    assert change(app_client, here["AccessToken"], PASSWORD, NEW) == {}
    assert refused(app_client.sign_in) == WRONG
    assert "AccessToken" in app_client.tokens("user-1", NEW)
    for tokens in (here, there):
        pool.backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})
        app_client.refresh(tokens["RefreshToken"])


def test_only_who_knows_the_previous_password_changes_it(pool, app_client):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    assert refused(change, app_client, token, "Wr0ng-one!", NEW) == WRONG
    assert pool.backend.refusal("ChangePassword", {"AccessToken": token, "ProposedPassword": NEW}) == WRONG
    assert "AccessToken" in app_client.tokens()


def test_a_password_is_changed_5_times_an_hour_at_most(pool, app_client, clock):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    for _ in range(5):
        change(app_client, token, PASSWORD, PASSWORD)
    assert refused(change, app_client, token, PASSWORD, PASSWORD) == LIMIT


def test_wrong_tries_at_a_change_count_towards_the_lock(pool, app_client):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    for _ in range(4):
        assert refused(change, app_client, token, "Wr0ng-one!", NEW) == WRONG
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG
    assert refused(change, app_client, token, PASSWORD, NEW) == LOCKED


# Set and reset by an administrator.

def test_an_administrator_gives_a_password_for_good_or_for_once(pool, app_client):
    pool.user()
    assert pool.call("AdminSetUserPassword", "user-1", Password="Temp0rary!") == {}
    assert pool.status() == "FORCE_CHANGE_PASSWORD"
    assert app_client.sign_in("user-1", "Temp0rary!")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    pool.call("AdminSetUserPassword", "user-1", Password=NEW, Permanent=True)
    assert pool.status() == "CONFIRMED"
    assert "AccessToken" in app_client.tokens("user-1", NEW)
    assert refused(pool.call, "AdminSetUserPassword", "nobody", Password=NEW) == UNKNOWN


def test_setting_a_password_confirms_but_verifies_and_sends_nothing(pool, app_client, inbox):
    app_client.sign_up("user-1", email="user-1@example.com")
    sent = len(inbox())
    pool.call("AdminSetUserPassword", "user-1", Password=NEW, Permanent=True)
    assert pool.status() == "CONFIRMED"
    assert pool.attributes().get("email_verified") != "true" and len(inbox()) == sent
    assert refused(forget, app_client) == NO_ADDRESS


@pytest.mark.parametrize("operation, members", [("AdminSetUserPassword", {"Password": NEW, "Permanent": True}),
                                                ("AdminResetUserPassword", {})])
def test_an_administrators_new_password_ends_every_sign_in(pool, app_client, operation, members):
    pool.user(email="user-1@example.com")
    tokens = app_client.tokens()
    pool.call(operation, "user-1", **members)
    assert pool.backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
    assert refused(app_client.refresh, tokens["RefreshToken"]).startswith(
        (REFRESH_REVOKED, "PasswordResetRequiredException: "))


def test_an_administrator_makes_a_user_choose_anew(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    assert pool.call("AdminResetUserPassword", "user-1") == {}
    assert pool.status() == "RESET_REQUIRED"
    assert refused(app_client.sign_in) == "PasswordResetRequiredException: Password reset required for the user"
    forget(app_client)
    reset(app_client, inbox.code("user-1@example.com"))
    assert pool.status() == "CONFIRMED" and "AccessToken" in app_client.tokens("user-1", NEW)


def test_the_code_of_an_administrators_reset_works_itself(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    pool.call("AdminResetUserPassword", "user-1")
    reset(app_client, inbox.code("user-1@example.com"))
    assert "AccessToken" in app_client.tokens("user-1", NEW)


def test_who_cannot_be_reached_is_not_reset(pool):
    pool.user()
    assert refused(pool.call, "AdminResetUserPassword", "user-1") == NO_ADDRESS
    assert pool.status() == "CONFIRMED"
    assert refused(pool.call, "AdminResetUserPassword", "nobody") == UNKNOWN


# The policy, on every path that sets a password.

RULES = [("Ab1!x", "Password not long enough"),
         ("abcdef1!", "Password must have uppercase characters"),
         ("ABCDEF1!", "Password must have lowercase characters"),
         ("Abcdefg!", "Password must have numeric characters"),
         ("Abcdefg1", "Password must have symbol characters"),
         # Letters and digits of other scripts are no Basic Latin ones.
         ("ÄÖÜabc1!", "Password must have uppercase characters"),
         ("Abcdefg٣!", "Password must have numeric characters")]


def setters(pool, client, inbox) -> dict:
    """Every way to set a password: its prefix in a refusal, and a function that tries it."""
    pool.invited("invited")
    pool.user("member", email="member@example.com")
    token = client.tokens("member")["AccessToken"]
    session = client.sign_in("invited", "Temp0rary!")["Session"]
    forget(client, "member")
    code = inbox.code("member@example.com")
    signing_up, creating = "Password did not conform with policy", "Password did not conform with password policy"
    changing = "Password does not conform to policy"
    return {
        "SignUp": (signing_up, lambda password: client.sign_up("new", password)),
        "AdminCreateUser": (creating, lambda password: pool.call(
            "AdminCreateUser", "new", TemporaryPassword=password)),
        "ResendInvitation": (creating, lambda password: pool.call(
            "AdminCreateUser", "invited", TemporaryPassword=password, MessageAction="RESEND")),
        "ConfirmForgotPassword": (changing, lambda password: reset(client, code, password, "member")),
        "AdminSetUserPassword": (changing, lambda password: pool.call(
            "AdminSetUserPassword", "member", Password=password, Permanent=True)),
        "NEW_PASSWORD_REQUIRED": (changing, lambda password: client.answer(
            "NEW_PASSWORD_REQUIRED", session, "invited", NEW_PASSWORD=password)),
        "ChangePassword": (changing, lambda password: change(client, token, PASSWORD, password)),
    }


def test_the_policy_holds_on_every_path_in_that_paths_words(pool, inbox, clock):
    client = pool.client(AccessTokenValidity=24)
    for operation, (prefix, set_password) in setters(pool, client, inbox).items():
        for password, rule in RULES:
            if operation == "ChangePassword":
                clock.advance(minutes=15)  # of these there may be five an hour
            assert refused(set_password, password) == f"InvalidPasswordException: {prefix}: {rule}", operation


@pytest.mark.parametrize("password", ["N3w-password\0", "\ud800N3w-password!", "N3w!" + "x" * 253])
def test_a_password_that_cannot_be_used_as_typed_is_refused_everywhere(local, clock, password):
    """In process alone: half a surrogate pair does not travel by HTTP libraries."""
    pool = Pool.make(HeldToTheModel(local), Inbox(local))
    for operation, (_, set_password) in setters(pool, pool.client(), pool.inbox).items():
        assert refused(set_password, password).startswith(
            ("InvalidParameterException: ", "InvalidPasswordException: ")), operation


def test_a_space_counts_as_a_symbol_between_others_alone(pool, app_client):
    pool.invited()
    session = app_client.sign_in("user-1", "Temp0rary!")["Session"]
    for password in ("Abcdefg1 ", " Abcdefg1"):
        assert refused(app_client.answer, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=password).endswith(
            ": Password must have symbol characters")
    app_client.answer("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD="Abc defg1")


def test_a_pool_may_ask_for_length_alone(make_pool):
    pool = make_pool(Policies={"PasswordPolicy": {"MinimumLength": 15}})
    client = pool.client()
    assert refused(client.sign_up, "user-1", "x" * 14).endswith(": Password not long enough")
    client.sign_up("user-1", "x" * 15)
    client.sign_up("user-2", "密" * 15)


def test_a_pool_may_remember_passwords(make_pool, inbox):
    pool = make_pool(Policies={"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}})
    client = pool.client()
    pool.user(email="user-1@example.com", password="First-one1!")
    token = client.tokens("user-1", "First-one1!")["AccessToken"]
    change(client, token, "First-one1!", "Second-one2!")
    used = "PasswordHistoryPolicyViolationException: "
    for old in ("First-one1!", "Second-one2!"):
        assert refused(change, client, token, "Second-one2!", old).startswith(used)
        assert refused(pool.call, "AdminSetUserPassword", "user-1", Password=old).startswith(used)
    forget(client)
    code = inbox.code("user-1@example.com")
    assert refused(reset, client, code, "First-one1!").startswith(used)
    reset(client, code, "Third-one3!")
    pool.call("AdminSetUserPassword", "user-1", Password="First-one1!", Permanent=True)
