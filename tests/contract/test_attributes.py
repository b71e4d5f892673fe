"""A user's attributes over the API: read, changed, deleted; a new address counts once its code comes back."""

import pytest

from tests.contract.guest import EXPIRED, LIMIT, MISMATCH, UNKNOWN, attribute_list, refused

UNAUTHORIZED = "NotAuthorizedException: A client attempted to write unauthorized attribute"
EMAIL_DETAILS = {"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
NOT_IN_SCHEMA = ("InvalidParameterException: Invalid user attributes: user.{}: Attribute does not exist in the "
                 "schema.\n")


class Member:
    """A signed-in user, by access token."""

    def __init__(self, client, username="user-1"):
        self.backend = client.backend
        self.token = client.tokens(username)["AccessToken"]

    def call(self, operation: str, **members) -> dict:
        return self.backend.call(operation, {"AccessToken": self.token, **members})

    def update(self, **attributes) -> dict:
        return self.call("UpdateUserAttributes", UserAttributes=attribute_list(attributes))

    def delete(self, *names) -> dict:
        return self.call("DeleteUserAttributes", UserAttributeNames=list(names))

    def verify(self, attribute: str, code: str) -> dict:
        return self.call("VerifyUserAttribute", AttributeName=attribute, Code=code)

    def attributes(self) -> dict:
        return {a["Name"]: a["Value"] for a in self.call("GetUser")["UserAttributes"]}


@pytest.fixture
def member(pool, app_client) -> Member:
    pool.user(email="user-1@example.com", name="User One")
    return Member(app_client)


def admin_update(pool, **attributes) -> dict:
    return pool.call("AdminUpdateUserAttributes", "user-1", UserAttributes=attribute_list(attributes))


def test_a_user_reads_a_profile_of_strings(member, pool):
    user = member.call("GetUser")
    assert user.keys() == {"Username", "UserAttributes"} and user["Username"] == "user-1"
    assert user["UserAttributes"][0] == {"Name": "sub", "Value": pool.attributes()["sub"]}
    assert member.attributes() == pool.attributes() == {
        "sub": pool.attributes()["sub"], "email": "user-1@example.com", "email_verified": "true", "name": "User One"}


def test_a_user_changes_attributes_and_an_empty_value_removes_one(member):
    assert member.update(name="User 1", nickname="one") == {}
    assert member.attributes()["name"] == "User 1" and member.attributes()["nickname"] == "one"
    member.update(nickname="")
    assert "nickname" not in member.attributes()
    assert member.delete("name") == member.delete("name", "website") == {}
    assert "name" not in member.attributes()


def test_an_attribute_of_any_script_is_kept_as_it_is(member):
    for value in ("Ångström 密 𝄞", "a\tb\nc", "<script>", "' OR 1=1 --", "x" * 2048):
        member.update(name=value)
        assert member.attributes()["name"] == value
    assert refused(member.update, name="x" * 2049).startswith("InvalidParameterException: ")


def test_nobody_vouches_for_an_own_address(member, pool):
    for name in ("email_verified", "phone_number_verified"):
        assert refused(member.update, **{name: "true"}) == UNAUTHORIZED
        assert refused(member.update, email="new@example.com", **{name: "true"}) == UNAUTHORIZED
        assert refused(member.delete, name) == UNAUTHORIZED
    assert member.attributes()["email"] == "user-1@example.com"


def test_only_what_the_app_client_may_write_changes(pool):
    pool.user(email="user-1@example.com", name="User One")
    member = Member(pool.client(WriteAttributes=["nickname"]))
    member.update(nickname="one")
    for change in ({"name": "User 1"}, {"nickname": "1", "name": "User 1"}):
        assert refused(member.update, **change) == UNAUTHORIZED
    assert refused(member.delete, "name") == UNAUTHORIZED
    assert refused(member.update, sub="34c84488-e0e1-70ae-d2ee-991ad1a898c8").startswith("NotAuthorizedException: ")
    assert pool.attributes()["name"] == "User One" and pool.attributes()["nickname"] == "one"


def test_a_new_address_is_unverified_until_its_code_comes_back(member, pool, inbox):
    assert member.update(email="new@example.com") == {"CodeDeliveryDetailsList": [EMAIL_DETAILS]}
    assert member.attributes()["email"] == "new@example.com" and member.attributes()["email_verified"] == "false"
    code = inbox.code("new@example.com")
    assert refused(member.verify, "email", f"{(int(code) + 1) % 10**6:06}") == MISMATCH
    assert member.verify("email", code) == {}
    assert member.attributes()["email_verified"] == "true"
    assert refused(member.verify, "email", code) == EXPIRED


def test_an_address_the_pool_does_not_verify_gets_no_code(member, inbox):
    assert member.update(phone_number="+12065550100") == {}
    assert member.attributes()["phone_number_verified"] == "false"
    assert inbox() == []
    assert refused(member.update, phone_number="2065550100") == (
        "InvalidParameterException: Invalid phone number format.")


def test_a_code_verifies_the_address_it_was_sent_to_alone(member, inbox):
    member.update(email="new@example.com")
    code = inbox.code("new@example.com")
    member.update(email="newer@example.com")
    assert refused(member.verify, "email", code) in (MISMATCH, EXPIRED)
    code = inbox.code("newer@example.com")
    assert refused(member.verify, "phone_number", code) == EXPIRED
    member.delete("email")
    assert refused(member.verify, "email", code) == EXPIRED
    member.update(email="another@example.com")
    assert member.attributes()["email_verified"] == "false"


def test_the_old_address_can_stay_until_the_new_one_is_verified(make_pool, inbox):
    pool = make_pool(UsernameAttributes=["email"], UserAttributeUpdateSettings={
        "AttributesRequireVerificationBeforeUpdate": ["email"]})
    client = pool.client()
    pool.user("user-1@example.com", email_verified="true")
    pool.user("user-2@example.com")
    member = Member(client, "user-1@example.com")
    assert member.update(email="new@example.com", name="User One") == {"CodeDeliveryDetailsList": [EMAIL_DETAILS]}
    assert member.attributes()["email"] == "user-1@example.com" and member.attributes()["email_verified"] == "true"
    assert member.attributes()["name"] == "User One"
    client.tokens("user-1@example.com")
    assert refused(client.sign_in, "new@example.com") == UNKNOWN
    member.verify("email", inbox.code("new@example.com"))
    assert member.attributes()["email"] == "new@example.com" and member.attributes()["email_verified"] == "true"
    client.tokens("new@example.com")
    assert refused(client.sign_in, "user-1@example.com") == UNKNOWN
    # Somebody else's name cannot be had this way either.
    member.update(email="user-2@example.com")
    assert refused(member.verify, "email", inbox.code("user-2@example.com")) == (
        "AliasExistsException: An account with the given email already exists.")


def test_a_code_for_an_address_can_be_asked_for(pool, app_client, inbox, clock):
    pool.user(email="new@example.com", email_verified="false")
    member = Member(app_client)

    def ask(name):
        return member.call("GetUserAttributeVerificationCode", AttributeName=name)

    assert ask("email") == {"CodeDeliveryDetails": EMAIL_DETAILS}
    code = inbox.code("new@example.com")
    clock.advance(minutes=59)
    member.verify("email", code)
    for name in ("email", "phone_number", "name"):  # verified, not there, not an address
        assert refused(ask, name).startswith("InvalidParameterException: ")


def test_a_verification_code_is_good_for_a_day(pool, inbox, clock):
    client = pool.client(AccessTokenValidity=24, IdTokenValidity=24)
    pool.user(email="new@example.com", email_verified="false")
    Member(client).call("GetUserAttributeVerificationCode", AttributeName="email")
    clock.advance(hours=24)
    assert refused(Member(client).verify, "email", inbox.code("new@example.com")) == EXPIRED


def test_verification_is_limited_to_5_codes_and_15_tries_an_hour(pool, app_client):
    pool.user(email="new@example.com", email_verified="false")
    member = Member(app_client)
    for _ in range(5):
        member.call("GetUserAttributeVerificationCode", AttributeName="email")
    assert refused(member.call, "GetUserAttributeVerificationCode", AttributeName="email") == LIMIT
    for _ in range(15):
        assert refused(member.verify, "email", "no-code") == MISMATCH
    assert refused(member.verify, "email", "no-code") == LIMIT


def test_an_administrator_may_vouch_for_an_address(member, pool, inbox):
    assert admin_update(pool, email="new@example.com") == {}
    assert pool.attributes()["email_verified"] == "false"
    admin_update(pool, email="newer@example.com", email_verified="true")
    assert pool.attributes()["email"] == "newer@example.com" and pool.attributes()["email_verified"] == "true"
    admin_update(pool, email_verified="false", name="User 1")
    assert pool.attributes()["email_verified"] == "false" and pool.attributes()["name"] == "User 1"
    assert inbox() == []


def test_what_is_not_in_the_schema_is_refused_by_name(member, pool):
    assert refused(admin_update, pool, **{"custom:shoe": "44"}) == NOT_IN_SCHEMA.format("custom:shoe")
    for delete in (member.delete, lambda name: pool.call("AdminDeleteUserAttributes", "user-1",
                                                         UserAttributeNames=[name])):
        assert refused(delete, "custom:shoe") == NOT_IN_SCHEMA.format("custom:shoe")
    assert refused(admin_update, pool, sub="34c84488-e0e1-70ae-d2ee-991ad1a898c8").startswith(
        "InvalidParameterException: ")
    assert refused(member.update, **{"custom:shoe": "44"}).split(":")[0] in ("InvalidParameterException",
                                                                             "NotAuthorizedException")


def test_what_is_immutable_stays_and_what_is_required_is_not_removed(make_pool):
    pool = make_pool(Schema=[{"Name": "name", "AttributeDataType": "String", "Required": True},
                             {"Name": "tenant", "AttributeDataType": "String", "Mutable": False},
                             {"Name": "score", "AttributeDataType": "Number", "Mutable": True}])
    pool.user(name="User One")
    member = Member(pool.client())
    fixed = "InvalidParameterException: user.custom:tenant: Attribute cannot be updated.\n"
    assert refused(member.update, **{"custom:tenant": "north"}) == fixed  # even if it was never set
    assert refused(admin_update, pool, **{"custom:tenant": "north"}) == fixed
    needed = "InvalidParameterException: user.name: The attribute is required\n"
    assert refused(member.delete, "name") == refused(member.update, name="") == needed
    assert refused(pool.call, "AdminDeleteUserAttributes", "user-1", UserAttributeNames=["name"]) == needed
    assert refused(admin_update, pool, **{"custom:score": "many"}).startswith(
        "InvalidParameterException: Attributes did not conform to the schema: custom:score: ")


def test_a_deleted_address_takes_its_verified_flag_along(member, pool):
    pool.call("AdminDeleteUserAttributes", "user-1", UserAttributeNames=["email"])
    assert not {"email", "email_verified"} & pool.attributes().keys()


def test_an_administrator_changes_no_unknown_user(pool):
    assert refused(admin_update, pool, name="Nobody") == UNKNOWN
    assert refused(pool.call, "AdminDeleteUserAttributes", "user-1", UserAttributeNames=["name"]) == UNKNOWN


def test_a_change_shows_when_the_user_was_last_modified(member, pool, clock):
    clock.advance(minutes=1)
    member.update(nickname="one")
    assert pool.call("AdminGetUser", "user-1")["UserLastModifiedDate"] == clock.now
