"""The three models of what a user signs in with: plain usernames, aliases, and an address as the username."""

import uuid

import pytest

from authservice.errors import CognitoError
from tests.contract.guest import UNKNOWN, claims, refused

ALIAS_EXISTS = "AliasExistsException: An account with the given email already exists."


# An address is the username.

def test_a_username_that_is_an_address_has_its_form(make_pool):
    for attributes, username, refusal in (
            (["email"], "user-1", "Username should be an email."),
            (["email"], "+12065550100", "Username should be an email."),
            (["phone_number"], "user-1@example.com", "Username should be a phone number."),
            (["email", "phone_number"], "user-1", "Username should be either an email or a phone number.")):
        pool = make_pool(UsernameAttributes=attributes)
        assert refused(pool.client().sign_up, username) == f"InvalidParameterException: {refusal}"
        assert refused(pool.call, "AdminCreateUser", username) == f"InvalidParameterException: {refusal}"


def test_the_username_is_then_the_sub_and_the_address_an_attribute(make_pool, inbox):
    pool = make_pool(UsernameAttributes=["email"])
    client = pool.client()
    sub = client.sign_up("user-1@example.com")["UserSub"]
    assert str(uuid.UUID(sub)) == sub
    client.confirm("user-1@example.com", inbox.code("user-1@example.com"))
    tokens = client.tokens("user-1@example.com")
    access, identity = claims(tokens["AccessToken"]), claims(tokens["IdToken"])
    assert access["username"] == access["sub"] == sub
    assert identity["cognito:username"] == identity["sub"] == sub and identity["email"] == "user-1@example.com"
    user = client.backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})
    assert user["Username"] == sub
    (listed,) = pool.call("ListUsers")["Users"]
    assert listed["Username"] == sub
    for name in (sub, "user-1@example.com"):
        assert pool.call("AdminGetUser", name)["Username"] == sub
    made = pool.call("AdminCreateUser", "user-2@example.com", MessageAction="SUPPRESS")["User"]
    assert made["Username"] == {a["Name"]: a["Value"] for a in made["Attributes"]}["sub"] != "user-2@example.com"


def test_an_address_belongs_to_one_account_verified_or_not(make_pool):
    pool = make_pool(UsernameAttributes=["email", "phone_number"])
    client = pool.client()
    client.sign_up("user-1@example.com", phone_number="+12065550100")
    taken = "UsernameExistsException: An account with the given {} already exists."
    assert refused(client.sign_up, "user-1@example.com") == taken.format("email")
    assert refused(client.sign_up, "+12065550100") == taken.format("phone_number")
    assert refused(client.sign_up, "user-2@example.com", phone_number="+12065550100") == taken.format("phone_number")
    assert refused(pool.call, "AdminCreateUser", "user-1@example.com") == taken.format("email")
    client.sign_up("user-2@example.com", phone_number="+12065550101")


def test_a_changed_address_becomes_the_name_to_sign_in_with(make_pool):
    pool = make_pool(UsernameAttributes=["email"])
    client = pool.client()
    pool.user("old@example.com")
    pool.user("other@example.com")
    token = client.tokens("old@example.com")["AccessToken"]
    change = {"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": "other@example.com"}]}
    assert client.backend.refusal("UpdateUserAttributes", change) == ALIAS_EXISTS
    change["UserAttributes"][0]["Value"] = "new@example.com"
    client.backend.call("UpdateUserAttributes", change)
    assert refused(client.sign_in, "old@example.com") == UNKNOWN
    assert "AccessToken" in client.tokens("new@example.com")


def test_the_last_address_to_sign_in_with_stays(make_pool):
    pool = make_pool(UsernameAttributes=["email", "phone_number"])
    pool.user("+12065550100", email="user-1@example.com")
    pool.call("AdminDeleteUserAttributes", "+12065550100", UserAttributeNames=["email"])
    assert refused(pool.call, "AdminDeleteUserAttributes", "+12065550100", UserAttributeNames=["phone_number"]) == (
        "InvalidParameterException: user.phone_number: The attribute is required\n")


# Upper and lower case.

def test_without_a_word_on_it_names_are_case_sensitive(make_pool):
    pool = make_pool(UsernameAttributes=["email"])
    pool.user("User-1@example.com")
    assert refused(pool.client().sign_in, "user-1@example.com") == UNKNOWN
    pool.user("user-1@example.com")


def test_a_pool_can_ignore_the_case_of_names(make_pool):
    pool = make_pool(UsernameConfiguration={"CaseSensitive": False})
    client = pool.client()
    client.sign_up("User-1")
    assert refused(client.sign_up, "uSER-1") == "UsernameExistsException: User already exists"
    pool.call("AdminConfirmSignUp", "USER-1")
    assert claims(client.tokens("user-1")["AccessToken"])["username"] == "User-1"
    by_address = make_pool(UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
    by_address.user("User-1@Example.com")
    assert "AccessToken" in by_address.client().tokens("user-1@example.com")


# Aliases.

@pytest.fixture
def alias_pool(make_pool):
    return make_pool(AliasAttributes=["email", "phone_number", "preferred_username"])


def test_a_username_may_not_look_like_an_alias(alias_pool):
    client = alias_pool.client()
    assert refused(client.sign_up, "user-1@example.com") == (
        "InvalidParameterException: Username cannot be of email format, since user pool is configured for email "
        "alias.")
    assert refused(client.sign_up, "+12065550100").startswith(
        "InvalidParameterException: Username cannot be of phone number format")


def test_an_alias_signs_in_once_it_is_verified_and_the_real_name_is_shown(alias_pool, inbox):
    client = alias_pool.client()
    client.sign_up("user-1", email="user-1@example.com")
    alias_pool.call("AdminConfirmSignUp", "user-1")
    assert refused(client.sign_in, "user-1@example.com") == UNKNOWN
    alias_pool.call("AdminUpdateUserAttributes", "user-1",
                    UserAttributes=[{"Name": "email_verified", "Value": "true"}])
    assert claims(client.tokens("user-1@example.com")["AccessToken"])["username"] == "user-1"
    assert alias_pool.call("AdminGetUser", "user-1@example.com")["Username"] == "user-1"


def sign_up_twice(pool, inbox) -> tuple:
    """Two users of one email address: the first has confirmed it, the second holds a code for it."""
    client = pool.client()
    for username in ("user-1", "user-2"):
        client.sign_up(username, email="shared@example.com")
        if username == "user-1":
            client.confirm("user-1", inbox.code("shared@example.com"))
    return client, inbox.code("shared@example.com")


def test_an_alias_in_use_is_not_taken_by_confirming(alias_pool, inbox):
    client, code = sign_up_twice(alias_pool, inbox)
    for given in ({}, {"ForceAliasCreation": False}):
        assert refused(client.confirm, "user-2", code, **given) == (
            "AliasExistsException: An account with the email already exists.")
    assert alias_pool.status("user-2") == "UNCONFIRMED"
    assert claims(client.tokens("shared@example.com")["AccessToken"])["username"] == "user-1"


def test_an_alias_moves_when_that_is_asked_for(alias_pool, inbox):
    client, code = sign_up_twice(alias_pool, inbox)
    client.confirm("user-2", code, ForceAliasCreation=True)
    assert claims(client.tokens("shared@example.com")["AccessToken"])["username"] == "user-2"
    former = alias_pool.attributes("user-1")
    assert former["email"] == "shared@example.com" and former["email_verified"] == "false"


def test_verifying_a_changed_address_moves_the_alias_silently(alias_pool, inbox):
    client = alias_pool.client()
    alias_pool.user("user-1", email="shared@example.com")
    alias_pool.user("user-2", email="user-2@example.com")
    bearer = {"AccessToken": client.tokens("user-2")["AccessToken"]}
    client.backend.call("UpdateUserAttributes", {**bearer, "UserAttributes": [
        {"Name": "email", "Value": "shared@example.com"}]})
    assert claims(client.tokens("shared@example.com")["AccessToken"])["username"] == "user-1"
    client.backend.call("VerifyUserAttribute", {**bearer, "AttributeName": "email",
                                                "Code": inbox.code("shared@example.com")})
    assert claims(client.tokens("shared@example.com")["AccessToken"])["username"] == "user-2"
    assert alias_pool.attributes("user-1")["email_verified"] == "false"


def test_so_does_an_administrators_word(alias_pool):
    client = alias_pool.client()
    alias_pool.user("user-1", email="shared@example.com")
    alias_pool.user("user-2")
    alias_pool.call("AdminUpdateUserAttributes", "user-2", UserAttributes=[
        {"Name": "email", "Value": "shared@example.com"}, {"Name": "email_verified", "Value": "true"}])
    assert claims(client.tokens("shared@example.com")["AccessToken"])["username"] == "user-2"
    assert alias_pool.attributes("user-1")["email_verified"] == "false"


def test_an_administrator_makes_a_user_with_an_alias_in_use_only_by_force(alias_pool):
    alias_pool.user("user-1", email="shared@example.com")
    request = {"UserPoolId": alias_pool.id, "Username": "user-2", "MessageAction": "SUPPRESS", "UserAttributes": [
        {"Name": "email", "Value": "shared@example.com"}, {"Name": "email_verified", "Value": "true"}]}
    with pytest.raises(CognitoError) as caught:  # the reference names this error, the model does not list it
        alias_pool.backend.inner.call("AdminCreateUser", request, alias_pool.operator)
    assert str(caught.value) == ALIAS_EXISTS
    alias_pool.backend.call("AdminCreateUser", {**request, "ForceAliasCreation": True})
    assert alias_pool.call("AdminGetUser", "shared@example.com")["Username"] == "user-2"


def test_a_preferred_username_signs_in_as_soon_as_a_confirmed_user_has_one(alias_pool):
    client = alias_pool.client()
    assert refused(client.sign_up, "user-1", preferred_username="one") == (
        "InvalidParameterException: Preferred username cannot be provided for unconfirmed account, since user pool "
        "is configured for preferred username alias.")
    for username in ("user-1", "user-2"):
        alias_pool.user(username)

    def choose(username, name):
        client.backend.call("UpdateUserAttributes", {"AccessToken": client.tokens(username)["AccessToken"],
                            "UserAttributes": [{"Name": "preferred_username", "Value": name}]})

    choose("user-1", "one")
    assert claims(client.tokens("one")["AccessToken"])["username"] == "user-1"
    assert refused(choose, "user-2", "one").startswith("AliasExistsException: ")
    choose("user-1", "first")
    assert refused(client.sign_in, "one") == UNKNOWN
    choose("user-2", "one")
    assert claims(client.tokens("one")["AccessToken"])["username"] == "user-2"


def test_several_users_may_have_one_unverified_address(alias_pool):
    client = alias_pool.client()
    for username in ("user-1", "user-2"):
        client.sign_up(username, email="shared@example.com")
        alias_pool.call("AdminConfirmSignUp", username)
    assert refused(client.sign_in, "shared@example.com") == UNKNOWN


def test_an_alias_stops_when_its_address_changes_or_goes(alias_pool):
    client = alias_pool.client()
    alias_pool.user("user-1", email="one@example.com", phone_number="+12065550100")
    token = {"AccessToken": client.tokens("one@example.com")["AccessToken"]}
    client.backend.call("UpdateUserAttributes", {**token, "UserAttributes": [
        {"Name": "email", "Value": "two@example.com"}]})
    client.backend.call("DeleteUserAttributes", {**token, "UserAttributeNames": ["phone_number"]})
    for name in ("one@example.com", "two@example.com", "+12065550100"):
        assert refused(client.sign_in, name) == UNKNOWN
    assert "phone_number_verified" not in alias_pool.attributes()


# Look-alikes.

def test_names_that_look_alike_are_one_name(app_client):
    app_client.sign_up("user-1")
    assert refused(app_client.sign_up, "ｕｓｅｒ-1") == "UsernameExistsException: User already exists"


def test_a_name_with_invisible_characters_is_no_name(app_client, pool):
    pool.user("user-1")
    for name in ("user-1\u200b", "user\u200d-1", "user-1\n", "user-1 ", "user-1\0", "\ufeffuser-1", "user-1\u202e"):
        assert refused(app_client.sign_up, name).startswith("InvalidParameterException: ")
        assert refused(app_client.sign_in, name).startswith((UNKNOWN, "InvalidParameterException: 1 validation"))


def test_another_name_never_means_this_user(app_client, pool):
    pool.user("user-1")
    for name in ("user-1\ufe0f", "us\u0435r-1", "user-1\u0301", "user‐1", "User-1"):
        assert refused(app_client.sign_in, name) == UNKNOWN
        app_client.sign_up(name)  # a name of its own
        assert refused(app_client.sign_in, name) == "UserNotConfirmedException: User is not confirmed."


def test_a_name_of_any_length_in_any_script_is_kept_whole(pool, app_client):
    # Each of these characters becomes eighteen in normal form.
    one, two = "ﷺ" * 128, "ﷺ" * 127 + "x"
    for name in (one, two):
        app_client.sign_up(name)
        assert pool.call("AdminGetUser", name)["Username"] == name
    assert refused(app_client.sign_up, one) == "UsernameExistsException: User already exists"
    app_client.sign_up("user-1", name="ﷺ" * 600)
    assert pool.attributes()["name"] == "ﷺ" * 600
