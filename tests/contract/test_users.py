"""Users as an administrator has them: invited, shown, disabled, deleted, listed and searched."""

from datetime import timedelta

import pytest

from tests.contract.guest import PASSWORD, REFRESH_REVOKED, REVOKED, SMS, UNKNOWN, attribute_list, refused

ONE = {"email": "user-1@example.com"}


# Invited.

def test_an_invited_user_has_a_temporary_password(pool, app_client, clock):
    made = pool.call("AdminCreateUser", "user-1", MessageAction="SUPPRESS", TemporaryPassword="Temp0rary!",
                     UserAttributes=attribute_list({**ONE, "email_verified": "True"}))["User"]
    sub = made["Attributes"][0]["Value"]
    assert made == {"Username": "user-1", "UserStatus": "FORCE_CHANGE_PASSWORD", "Enabled": True,
                    "UserCreateDate": clock.now, "UserLastModifiedDate": clock.now,
                    "Attributes": attribute_list({"sub": sub, **ONE, "email_verified": "true"})}
    assert app_client.sign_in("user-1", "Temp0rary!")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_an_invitation_goes_by_sms_unless_email_is_asked_for(pool, app_client, inbox):
    addresses = attribute_list({**ONE, "phone_number": "+12065550100"})
    pool.call("AdminCreateUser", "user-1", UserAttributes=addresses)
    (message,) = inbox()
    assert message["to"] == "+12065550100" and message["medium"] == "SMS"
    pool.call("AdminCreateUser", "user-2", UserAttributes=addresses, DesiredDeliveryMediums=["EMAIL", "SMS"])
    assert sorted(message["medium"] for message in inbox()) == ["EMAIL", "SMS", "SMS"]
    newest = inbox("user-1@example.com")[0]
    assert "user-2" in newest["text"] and newest["code"] in newest["text"]
    assert app_client.sign_in("user-2", newest["code"])["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_who_has_no_address_for_the_invitation_is_made_all_the_same(pool, inbox):
    for username, attributes in (("user-1", ONE), ("user-2", {})):  # an email address, but none was asked for
        made = pool.call("AdminCreateUser", username, UserAttributes=attribute_list(attributes))["User"]
        assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD" and inbox() == []


def test_an_invitation_is_sent_again_and_its_week_begins_anew(pool, app_client, inbox, clock):
    by_mail = {"DesiredDeliveryMediums": ["EMAIL"]}
    pool.call("AdminCreateUser", "user-1", UserAttributes=attribute_list(ONE), **by_mail)
    first = inbox.code("user-1@example.com")
    clock.advance(days=8)
    assert refused(app_client.sign_in, "user-1", first).endswith("must be reset by an administrator.")
    pool.call("AdminCreateUser", "user-1", MessageAction="RESEND", **by_mail)
    second = inbox.code("user-1@example.com")
    assert first != second
    assert app_client.sign_in("user-1", second)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_only_who_still_has_a_temporary_password_is_invited_again(pool):
    pool.user()
    assert refused(pool.call, "AdminCreateUser", "user-1", MessageAction="RESEND") == (
        "UnsupportedUserStateException: Resend not possible. user-1 status is not FORCE_CHANGE_PASSWORD")
    assert refused(pool.call, "AdminCreateUser", "nobody", MessageAction="RESEND") == UNKNOWN


def test_a_username_is_given_once(pool, app_client):
    pool.user()
    assert refused(pool.call, "AdminCreateUser", "user-1") == (
        "UsernameExistsException: User account already exists")
    assert refused(app_client.sign_up, "user-1") == "UsernameExistsException: User already exists"


def test_required_attributes_may_be_missing_but_unknown_ones_not_be_given(make_pool):
    pool = make_pool(Schema=[{"Name": "email", "AttributeDataType": "String", "Required": True}])
    pool.call("AdminCreateUser", "user-1")

    def create(**attributes):
        return pool.call("AdminCreateUser", "user-2", UserAttributes=attribute_list(attributes))

    assert refused(create, **{"custom:shoe": "44"}).endswith("custom:shoe: Attribute does not exist in the schema.\n")
    assert refused(create, phone_number="1") == "InvalidParameterException: Invalid phone number format."


def test_a_generated_password_keeps_any_policy(make_pool, inbox):
    pool = make_pool(SmsConfiguration=SMS, Policies={"PasswordPolicy": {
        "MinimumLength": 99, "RequireUppercase": True, "RequireLowercase": True, "RequireNumbers": True,
        "RequireSymbols": True}})
    client = pool.client()
    phone = attribute_list({"phone_number": "+12065550100"})
    for number in range(5):
        pool.call("AdminCreateUser", f"user-{number}", UserAttributes=phone)
        password = inbox.code("+12065550100")
        pool.call("AdminSetUserPassword", f"user-{number}", Password=password)
        assert client.sign_in(f"user-{number}", password)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


# Shown.

def test_a_user_is_shown_by_username_or_sub(pool, clock):
    pool.user(**ONE)
    sub = pool.attributes()["sub"]
    for name in ("user-1", sub):
        user = pool.call("AdminGetUser", name)
        assert user == {"Username": "user-1", "UserStatus": "CONFIRMED", "Enabled": True,
                        "UserCreateDate": clock.now, "UserLastModifiedDate": clock.now,
                        "UserAttributes": attribute_list({"sub": sub, **ONE, "email_verified": "true"})}


def test_an_unknown_user_or_pool_is_not_found(pool, backend):
    further = {"AdminSetUserPassword": {"Password": PASSWORD}, "AdminUpdateUserAttributes": {"UserAttributes": []},
               "AdminDeleteUserAttributes": {"UserAttributeNames": ["name"]}}
    for operation in ("AdminGetUser", "AdminDeleteUser", "AdminDisableUser", "AdminEnableUser", "AdminConfirmSignUp",
                      "AdminResetUserPassword", "AdminUserGlobalSignOut", "AdminSetUserMFAPreference", *further):
        request = {"UserPoolId": pool.id, "Username": "nobody", **further.get(operation, {})}
        assert backend.refusal(operation, request) == UNKNOWN, operation
        assert backend.refusal(operation, {**request, "UserPoolId": "us-east-1_nowhere99"}) == (
            "ResourceNotFoundException: User pool us-east-1_nowhere99 does not exist."), operation


# Disabled, enabled, deleted.

def test_disabling_ends_every_sign_in_and_enabling_revives_none(pool, app_client, backend):
    pool.user()
    tokens = app_client.tokens()
    assert pool.call("AdminDisableUser", "user-1") == {}
    user = pool.call("AdminGetUser", "user-1")
    assert user["Enabled"] is False and user["UserStatus"] == "CONFIRMED"
    assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
    assert pool.call("AdminEnableUser", "user-1") == {}
    assert pool.call("AdminGetUser", "user-1")["Enabled"] is True
    assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
    assert refused(app_client.refresh, tokens["RefreshToken"]) == REFRESH_REVOKED
    app_client.tokens()


@pytest.mark.parametrize("by_administrator", [True, False])
def test_a_deleted_users_name_is_free_at_once_for_somebody_else(pool, app_client, backend, by_administrator):
    pool.user(**ONE)
    before, tokens = pool.attributes()["sub"], app_client.tokens()
    if by_administrator:
        assert pool.call("AdminDeleteUser", "user-1") == {}
    else:
        assert backend.call("DeleteUser", {"AccessToken": tokens["AccessToken"]}) == {}
    assert refused(app_client.sign_in) == UNKNOWN
    assert pool.call("ListUsers")["Users"] == []
    assert backend.refusal("DeleteUser", {"AccessToken": tokens["AccessToken"]}) == UNKNOWN
    pool.user(**ONE)
    assert pool.attributes()["sub"] != before


def test_a_user_is_deleted_in_any_state(pool, app_client):
    app_client.sign_up("unconfirmed")
    pool.invited("invited")
    pool.user("disabled")
    pool.call("AdminDisableUser", "disabled")
    for username in ("unconfirmed", "invited", "disabled"):
        pool.call("AdminDeleteUser", username)
        assert refused(pool.call, "AdminGetUser", username) == UNKNOWN


# Listed and searched.

@pytest.fixture
def people(pool):
    """Four users: Ann, anna (disabled), Bob and one whose invitation is still open."""
    for username, attributes in (("ann", {"name": "Ann", "email": "ann@example.com"}),
                                 ("anna", {"name": "Anna", "email": "anna@example.com", "given_name": 'An "A"'}),
                                 ("bob", {"name": "Bob", "phone_number": "+12065550100"})):
        pool.user(username, **attributes)
    pool.call("AdminDisableUser", "anna")
    pool.invited("carol", family_name="C_l%", preferred_username="c")
    return pool


def found(pool, text) -> list[str]:
    return sorted(user["Username"] for user in pool.call("ListUsers", Filter=text)["Users"])


FILTERS = [
    ('username = "ann"', ["ann"]), ('username ^= "ann"', ["ann", "anna"]), ('username = "ANN"', []),
    ('"username"="bob"', ["bob"]), ('username ^="b"', ["bob"]),
    ('email = "anna@example.com"', ["anna"]), ('email ^= "ann"', ["ann", "anna"]),
    ('phone_number ^= "+1206"', ["bob"]), ('name = "Bob"', ["bob"]), ('name ^= "A"', ["ann", "anna"]),
    (r'given_name = "An \"A\""', ["anna"]), ('family_name ^= "C_l%"', ["carol"]), ('family_name ^= "C%"', []),
    ('family_name ^= "Cxl"', []), ('preferred_username = "c"', ["carol"]),
    ('cognito:user_status = "CONFIRMED"', ["ann", "anna", "bob"]),
    ('cognito:user_status = "force_change_password"', ["carol"]), ('cognito:user_status ^= "FORCE"', ["carol"]),
    ('status = "Disabled"', ["anna"]), ('status = "Enabled"', ["ann", "bob", "carol"]), ('status = "disabled"', []),
    ('name = "nobody"', []), ("", ["ann", "anna", "bob", "carol"]),
    ('username ^= ""', ["ann", "anna", "bob", "carol"]),
]


def test_a_filter_finds_by_one_attribute_or_its_beginning(people):
    for text, usernames in FILTERS:
        assert found(people, text) == usernames, text
    sub = people.attributes("bob")["sub"]
    assert found(people, f'sub = "{sub}"') == found(people, f'sub ^= "{sub[:30]}"') == ["bob"]


def test_a_filter_that_is_none_says_so(pool):
    for text in ("username", "username =", "username = ann", 'username = "ann', 'username != "ann"', '= "ann"',
                 'username = "ann" and name = "Ann"', 'username == "ann"', "username = 'ann'", 'username = "a"b"'):
        assert refused(found, pool, text) == "InvalidParameterException: Error while parsing filter", text
    for attribute in ("custom:foo", "nickname", "address", "no_such"):
        assert refused(found, pool, f'{attribute} = "x"') == (
            f"InvalidParameterException: Invalid search attribute: {attribute}")


def test_a_list_shows_each_user_and_only_the_attributes_asked_for(people):
    users = {user["Username"]: user for user in people.call("ListUsers", AttributesToGet=["email", "name"])["Users"]}
    assert users["bob"]["Attributes"] == [{"Name": "name", "Value": "Bob"}]
    assert users["ann"].keys() == {"Username", "Attributes", "UserCreateDate", "UserLastModifiedDate", "Enabled",
                                   "UserStatus"}
    assert users["anna"]["Enabled"] is False and users["carol"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert refused(people.call, "ListUsers", AttributesToGet=["email", "shoe"]).startswith(
        "InvalidParameterException: One or more requested attributes do not exist")


def test_users_are_listed_page_by_page(pool, backend, clock):
    for number in range(7):
        pool.invited(f"user-{number}", **({"name": "odd"} if number % 2 else {}))
        clock.advance(seconds=number % 2)  # some of the same instant

    def pages(**request) -> list[list[str]]:
        result, token = [], {}
        while True:
            answer = pool.call("ListUsers", **request, **token)
            result.append([user["Username"] for user in answer["Users"]])
            if "PaginationToken" not in answer:
                return result
            token = {"PaginationToken": answer["PaginationToken"]}

    everybody = [f"user-{number}" for number in range(7)]
    assert sorted(sum(pages(Limit=3), [])) == everybody and [len(page) for page in pages(Limit=3)] == [3, 3, 1]
    assert sorted(sum(pages(), [])) == sorted(sum(pages(Limit=0), [])) == everybody
    assert sorted(sum(pages(Limit=2, Filter='name = "odd"'), [])) == ["user-1", "user-3", "user-5"]
    token = pool.call("ListUsers", Limit=2)["PaginationToken"]
    for other in ({"PaginationToken": token, "Filter": 'name = "odd"'}, {"PaginationToken": token + "x"},
                  {"PaginationToken": "AAAA"}):
        assert refused(pool.call, "ListUsers", **other).startswith("InvalidParameterException: ")
    clock.advance(hours=1, seconds=1)
    assert refused(pool.call, "ListUsers", PaginationToken=token).startswith("InvalidParameterException: ")
    assert refused(pool.call, "ListUsers", Limit=61).startswith("InvalidParameterException: 1 validation error")


def test_a_page_after_a_deletion_shifts_nothing(pool):
    for name in "abcd":
        pool.invited(name)
    first = pool.call("ListUsers", Limit=2)
    shown = [user["Username"] for user in first["Users"]]
    pool.call("AdminDeleteUser", shown[0])
    rest = pool.call("ListUsers", Limit=2, PaginationToken=first["PaginationToken"])["Users"]
    assert sorted(shown + [user["Username"] for user in rest]) == ["a", "b", "c", "d"]


def test_users_are_shown_with_their_dates(pool, clock):
    made_at = clock.now
    pool.user()
    clock.advance(hours=1)
    pool.call("AdminUpdateUserAttributes", "user-1", UserAttributes=attribute_list({"name": "User One"}))
    (user,) = pool.call("ListUsers")["Users"]
    assert user["UserCreateDate"] == made_at and user["UserLastModifiedDate"] == made_at + timedelta(hours=1)
