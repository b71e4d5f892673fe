"""The same expectations of two implementations that know nothing of each other: moto's server and ours.

Both are reached through the adapter, so what passes here is neither the adapter's invention nor ours. Only
what moto does truthfully is asked. Left out: sign-in with a second factor (moto takes any TOTP code), codes
(it never sends any and takes every one), SRP and secrets of sessions (it checks no proof), access tokens (it
decodes them without checking the signature), lockout (none), attributes that the schema does not have (taken),
changing and deleting resource servers and tags (not built), and messages, many of which it words itself.
tests/contract has these.
"""

from datetime import datetime

import pytest
from moto.server import ThreadedMotoServer

from authservice.cognito.backend import CognitoBackend
from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from tests.conftest import make_settings

PASSWORD = "Correct-horse-1"
TEAM = {"Name": "team", "AttributeDataType": "String", "Mutable": True}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Admin:
    """An administrator of one pool on a backend."""

    def __init__(self, backend):
        self.backend = backend
        self.pool = self.call("CreateUserPool", PoolName="pool")["UserPool"]

    def call(self, operation: str, **request) -> dict:
        return self.backend.call(operation, request, OPERATOR)

    def __call__(self, operation: str, **request) -> dict:
        return self.call(operation, UserPoolId=self.pool["Id"], **request)

    def refusal(self, operation: str, **request) -> str:
        with pytest.raises(CognitoError) as caught:
            self(operation, **request)
        return caught.value.code

    def attributes(self, username: str) -> dict:
        user = self("AdminGetUser", Username=username)
        return {each["Name"]: each["Value"] for each in user["UserAttributes"]}


@pytest.fixture(params=["moto", "served"])
def admin(request, tmp_path) -> Admin:
    url = request.getfixturevalue(request.param)
    settings = make_settings(tmp_path, backend="cognito", cognito_endpoint_url=url)
    return Admin(CognitoBackend(settings, credentials=("any", "any")))


def test_a_pool_is_made_described_listed_and_deleted(admin):
    made = admin.call("CreateUserPool", PoolName="another", UserPoolTags={"for": "tests"}, Policies={
        "PasswordPolicy": {"MinimumLength": 12, "RequireSymbols": False}})["UserPool"]
    described = admin.call("DescribeUserPool", UserPoolId=made["Id"])["UserPool"]
    assert described["Name"] == "another" and made["Id"].startswith("us-east-1_")
    assert described["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert described["MfaConfiguration"] == "OFF" and described["EstimatedNumberOfUsers"] == 0
    assert described["CreationDate"].tzinfo and isinstance(described["CreationDate"], datetime)
    assert described["EmailConfiguration"] == {"EmailSendingAccount": "COGNITO_DEFAULT"}
    assert made["Id"] in {each["Id"] for each in admin.call("ListUserPools", MaxResults=60)["UserPools"]}
    assert admin.call("DeleteUserPool", UserPoolId=made["Id"]) == {}
    with pytest.raises(CognitoError) as caught:
        admin.call("DescribeUserPool", UserPoolId=made["Id"])
    assert caught.value.code == "ResourceNotFoundException"


def test_a_new_pool_has_the_standard_schema(admin):
    schema = {each["Name"]: each for each in admin.pool["SchemaAttributes"]}
    assert len(schema) == 20
    assert schema["sub"] == {"Name": "sub", "AttributeDataType": "String", "DeveloperOnlyAttribute": False,
                             "Mutable": False, "Required": True,
                             "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "2048"}}
    assert schema["birthdate"]["StringAttributeConstraints"] == {"MinLength": "10", "MaxLength": "10"}
    assert schema["updated_at"]["NumberAttributeConstraints"] == {"MinValue": "0"}
    assert schema["email_verified"]["AttributeDataType"] == "Boolean"


def test_custom_attributes_get_their_prefix(admin):
    admin("AddCustomAttributes", CustomAttributes=[TEAM])
    schema = {each["Name"]: each for each in admin("DescribeUserPool")["UserPool"]["SchemaAttributes"]}
    assert schema["custom:team"]["Mutable"] is True and len(schema) == 21


def test_an_app_client_with_and_without_secret(admin):
    public = admin("CreateUserPoolClient", ClientName="public")["UserPoolClient"]
    assert "ClientSecret" not in public
    secret = admin("CreateUserPoolClient", ClientName="secret", GenerateSecret=True, CallbackURLs=[
        "https://app.example.com/callback"], ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])["UserPoolClient"]
    described = admin("DescribeUserPoolClient", ClientId=secret["ClientId"])["UserPoolClient"]
    assert described["ClientSecret"] == secret["ClientSecret"]
    assert described["CallbackURLs"] == ["https://app.example.com/callback"]
    listed = {each["ClientName"] for each in admin("ListUserPoolClients", MaxResults=10)["UserPoolClients"]}
    assert listed == {"public", "secret"}
    admin("DeleteUserPoolClient", ClientId=public["ClientId"])
    assert admin.refusal("DescribeUserPoolClient", ClientId=public["ClientId"]) == "ResourceNotFoundException"


def test_a_group_is_made_changed_and_deleted(admin):
    made = admin("CreateGroup", GroupName="staff", Description="all of us", Precedence=3)["Group"]
    assert (made["GroupName"], made["UserPoolId"], made["Precedence"]) == ("staff", admin.pool["Id"], 3)
    assert admin.refusal("CreateGroup", GroupName="staff") == "GroupExistsException"
    admin("UpdateGroup", GroupName="staff", Description="some of us")
    assert admin("GetGroup", GroupName="staff")["Group"]["Description"] == "some of us"
    assert [each["GroupName"] for each in admin("ListGroups")["Groups"]] == ["staff"]
    assert admin("DeleteGroup", GroupName="staff") == {}
    assert admin.refusal("GetGroup", GroupName="staff") == "ResourceNotFoundException"


def test_users_join_and_leave_groups(admin):
    admin("AdminCreateUser", Username="user-1", MessageAction="SUPPRESS")
    for group in ("readers", "writers"):
        admin("CreateGroup", GroupName=group)
        for _ in range(2):  # joining twice is no error
            assert admin("AdminAddUserToGroup", Username="user-1", GroupName=group) == {}
    groups = admin("AdminListGroupsForUser", Username="user-1")["Groups"]
    assert {each["GroupName"] for each in groups} == {"readers", "writers"} and len(groups) == 2
    readers = admin("ListUsersInGroup", GroupName="readers")["Users"]
    assert [each["Username"] for each in readers] == ["user-1"]
    admin("AdminRemoveUserFromGroup", Username="user-1", GroupName="readers")
    assert not admin("ListUsersInGroup", GroupName="readers").get("Users")
    admin("DeleteGroup", GroupName="writers")
    assert not admin("AdminListGroupsForUser", Username="user-1").get("Groups")
    join = "AdminAddUserToGroup"
    assert admin.refusal(join, Username="nobody", GroupName="readers") == "UserNotFoundException"
    assert admin.refusal(join, Username="user-1", GroupName="none") == "ResourceNotFoundException"


def test_an_administrator_makes_disables_and_deletes_a_user(admin):
    user = admin("AdminCreateUser", Username="user-1", MessageAction="SUPPRESS", UserAttributes=[
        {"Name": "email", "Value": "user-1@example.com"}])["User"]
    assert (user["UserStatus"], user["Enabled"]) == ("FORCE_CHANGE_PASSWORD", True)
    assert {each["Name"] for each in user["Attributes"]} == {"sub", "email"}
    again = {"Username": "user-1", "MessageAction": "SUPPRESS"}
    assert admin.refusal("AdminCreateUser", **again) == "UsernameExistsException"
    admin("AdminSetUserPassword", Username="user-1", Password=PASSWORD, Permanent=True)
    assert admin("AdminGetUser", Username="user-1")["UserStatus"] == "CONFIRMED"
    admin("AdminDisableUser", Username="user-1")
    assert admin("AdminGetUser", Username="user-1")["Enabled"] is False
    admin("AdminEnableUser", Username="user-1")
    assert admin("AdminGetUser", Username="user-1")["Enabled"] is True
    assert admin("AdminDeleteUser", Username="user-1") == {}
    assert admin.refusal("AdminGetUser", Username="user-1") == "UserNotFoundException"


def test_attributes_are_set_and_taken_away(admin):
    admin("AddCustomAttributes", CustomAttributes=[TEAM])
    admin("AdminCreateUser", Username="user-1", MessageAction="SUPPRESS")
    admin("AdminUpdateUserAttributes", Username="user-1", UserAttributes=[
        {"Name": "email", "Value": "user-1@example.com"}, {"Name": "email_verified", "Value": "true"},
        {"Name": "custom:team", "Value": "blue"}])
    attributes = admin.attributes("user-1")
    assert attributes.pop("sub")
    assert attributes == {"email": "user-1@example.com", "email_verified": "true", "custom:team": "blue"}
    admin("AdminDeleteUserAttributes", Username="user-1", UserAttributeNames=["custom:team"])
    assert "custom:team" not in admin.attributes("user-1")


def test_users_are_found_by_filter_and_page_by_page(admin):
    for number in range(5):
        admin("AdminCreateUser", Username=f"user-{number}", MessageAction="SUPPRESS", UserAttributes=[
            {"Name": "email", "Value": f"user-{number}@example.com"},
            {"Name": "given_name", "Value": f"N{number % 2}"}])

    def names(**given) -> set[str]:
        return {each["Username"] for each in admin("ListUsers", **given)["Users"]}

    assert names(Filter='email = "user-3@example.com"') == {"user-3"}
    assert names(Filter='email ^= "user-"') == {f"user-{number}" for number in range(5)}
    assert names(Filter='given_name = "N1"') == {"user-1", "user-3"}
    assert names(Filter='username = "nobody"') == set()
    assert admin.refusal("ListUsers", Filter="nonsense") == "InvalidParameterException"

    first = admin("ListUsers", Limit=3)
    rest = admin("ListUsers", Limit=3, PaginationToken=first["PaginationToken"])
    assert len(first["Users"]) == 3 and len(rest["Users"]) == 2 and "PaginationToken" not in rest
    [user] = admin("ListUsers", Filter='username = "user-1"', AttributesToGet=["email"])["Users"]
    assert user["Attributes"] == [{"Name": "email", "Value": "user-1@example.com"}]


def test_in_a_pool_of_email_names_the_username_is_the_sub(admin):
    pool = admin.call("CreateUserPool", PoolName="by-email", UsernameAttributes=["email"])["UserPool"]["Id"]
    user = admin.call("AdminCreateUser", UserPoolId=pool, Username="user-1@example.com",
                      MessageAction="SUPPRESS")["User"]
    attributes = {each["Name"]: each["Value"] for each in user["Attributes"]}
    assert user["Username"] == attributes["sub"] != "user-1@example.com"
    assert attributes["email"] == "user-1@example.com"
    found = admin.call("AdminGetUser", UserPoolId=pool, Username="user-1@example.com")
    assert found["Username"] == user["Username"]


def test_a_password_signs_in_and_a_wrong_one_does_not(admin):
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    client = admin("CreateUserPoolClient", ClientName="app", ExplicitAuthFlows=flows)
    admin("AdminCreateUser", Username="user-1", MessageAction="SUPPRESS")
    admin("AdminSetUserPassword", Username="user-1", Password=PASSWORD, Permanent=True)
    sign_in = {"ClientId": client["UserPoolClient"]["ClientId"], "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    right, wrong = ({"USERNAME": "user-1", "PASSWORD": password} for password in (PASSWORD, "Wrong-horse-1"))
    answer = admin("AdminInitiateAuth", **sign_in, AuthParameters=right)["AuthenticationResult"]
    assert answer["TokenType"] == "Bearer" and answer["ExpiresIn"] == 3600
    assert {"AccessToken", "IdToken", "RefreshToken"} <= answer.keys()
    assert admin.refusal("AdminInitiateAuth", **sign_in, AuthParameters=wrong) == "NotAuthorizedException"


def test_a_temporary_password_asks_for_a_new_one(admin):
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    client = admin("CreateUserPoolClient", ClientName="app", ExplicitAuthFlows=flows)
    client = client["UserPoolClient"]["ClientId"]
    admin("AdminCreateUser", Username="user-1", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    asked = admin("AdminInitiateAuth", ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                  AuthParameters={"USERNAME": "user-1", "PASSWORD": PASSWORD})
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in asked
    answer = admin("AdminRespondToAuthChallenge", ClientId=client, ChallengeName="NEW_PASSWORD_REQUIRED",
                   Session=asked["Session"],
                   ChallengeResponses={"USERNAME": "user-1", "NEW_PASSWORD": "Another-1-x"})
    assert "AccessToken" in answer["AuthenticationResult"]
    assert admin("AdminGetUser", Username="user-1")["UserStatus"] == "CONFIRMED"


def test_a_resource_server_is_made_described_and_listed(admin):
    scopes = [{"ScopeName": "read", "ScopeDescription": "may read"}]
    made = admin("CreateResourceServer", Identifier="orders", Name="Orders", Scopes=scopes)["ResourceServer"]
    assert made == {"UserPoolId": admin.pool["Id"], "Identifier": "orders", "Name": "Orders",
                    "Scopes": scopes}
    assert admin.refusal("CreateResourceServer", Identifier="orders", Name="x") == "InvalidParameterException"
    described = admin("DescribeResourceServer", Identifier="orders")["ResourceServer"]
    assert (described["Name"], described["Scopes"]) == ("Orders", scopes)
    assert len(admin("ListResourceServers", MaxResults=10)["ResourceServers"]) == 1
    assert admin.refusal("DescribeResourceServer", Identifier="none") == "ResourceNotFoundException"


def test_totp_is_switched_on_for_a_pool(admin):
    admin("SetUserPoolMfaConfig", MfaConfiguration="OPTIONAL",
          SoftwareTokenMfaConfiguration={"Enabled": True})
    config = admin("GetUserPoolMfaConfig")
    assert config["MfaConfiguration"] == "OPTIONAL"
    assert config["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
