"""App clients over the API: defaults, what an update resets, OAuth rules, secrets."""

import threading

import pytest

from authservice.errors import CognitoError


@pytest.fixture
def pool_id(backend) -> str:
    return backend.call("CreateUserPool", {"PoolName": "shop"})["UserPool"]["Id"]


def make_client(backend, pool_id: str, **settings) -> dict:
    return backend.call("CreateUserPoolClient", {"UserPoolId": pool_id, "ClientName": "web",
                                                 **settings})["UserPoolClient"]


def described(backend, client: dict) -> dict:
    return backend.call("DescribeUserPoolClient", {"UserPoolId": client["UserPoolId"],
                                                   "ClientId": client["ClientId"]})["UserPoolClient"]


def updated(backend, client: dict, **settings) -> dict:
    return backend.call("UpdateUserPoolClient",
                        {"UserPoolId": client["UserPoolId"], "ClientId": client["ClientId"],
                                                 **settings})["UserPoolClient"]


def test_a_client_of_which_only_the_name_is_given_has_cognitos_defaults(backend, pool_id, clock):
    client = make_client(backend, pool_id)
    assert len(client["ClientId"]) == 26 and client["ClientId"].isalnum() and client["ClientId"].islower()
    assert {name: value for name, value in client.items() if name != "ClientId"} == {
        "UserPoolId": pool_id, "ClientName": "web", "CreationDate": clock.now, "LastModifiedDate": clock.now,
        "RefreshTokenValidity": 30, "EnableTokenRevocation": True, "AuthSessionValidity": 3,
        "EnablePropagateAdditionalUserContextData": False, "AllowedOAuthFlowsUserPoolClient": False}
    assert described(backend, client) == client


def test_what_is_given_is_given_back(backend, pool_id):
    given = {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"], "PreventUserExistenceErrors": "ENABLED",
             "ReadAttributes": ["email", "email_verified"], "WriteAttributes": ["email"],
             "SupportedIdentityProviders": ["COGNITO"],
             "CallbackURLs": ["https://example.com/back", "app:/back"],
             "LogoutURLs": ["http://localhost:3000/"], "DefaultRedirectURI": "https://example.com/back",
             "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid", "email"],
             "AllowedOAuthFlowsUserPoolClient": True, "AuthSessionValidity": 15,
             "EnableTokenRevocation": False,
             "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}}
    client = make_client(backend, pool_id, **given)
    assert {name: client[name] for name in given} == given
    assert described(backend, client) == client


def test_token_lives_get_their_missing_units(backend, pool_id):
    client = make_client(backend, pool_id, AccessTokenValidity=10,
                         TokenValidityUnits={"AccessToken": "minutes"},
                         RefreshTokenValidity=0)
    assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "hours",
                                            "RefreshToken": "days"}
    assert client["AccessTokenValidity"] == 10 and client["RefreshTokenValidity"] == 30


def test_rotation_without_a_grace_period_has_none(backend, pool_id):
    client = make_client(backend, pool_id, RefreshTokenRotation={"Feature": "ENABLED"})
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}


def test_a_secret_is_made_on_request_and_shown_again(backend, pool_id):
    client = make_client(backend, pool_id, GenerateSecret=True)
    assert 51 <= len(client["ClientSecret"]) <= 52 and client["ClientSecret"].isalnum()
    assert described(backend, client)["ClientSecret"] == client["ClientSecret"]
    assert updated(backend, client)["ClientSecret"] == client["ClientSecret"]
    own = make_client(backend, pool_id, ClientSecret="0123456789abcdefghijklmn")
    assert own["ClientSecret"] == "0123456789abcdefghijklmn"
    assert backend.refusal("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "web", "GenerateSecret": True,
        "ClientSecret": "0123456789abcdefghijklmn"}).startswith("InvalidParameterException")


def test_an_update_resets_what_it_leaves_out(backend, pool_id, clock):
    client = make_client(backend, pool_id, GenerateSecret=True, RefreshTokenValidity=5,
                         CallbackURLs=["https://a/b"],
                         ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"], PreventUserExistenceErrors="ENABLED")
    clock.advance(hours=1)
    after = updated(backend, client, ClientName="renamed")
    assert after == described(backend, client)
    assert after["RefreshTokenValidity"] == 30 and after["ClientName"] == "renamed"
    assert not {"CallbackURLs", "ExplicitAuthFlows", "PreventUserExistenceErrors"} & set(after)
    assert after["CreationDate"] == client["CreationDate"] and after["LastModifiedDate"] == clock.now


def test_an_unknown_client_is_named(backend, pool_id):
    elsewhere = backend.call("CreateUserPool", {"PoolName": "other"})["UserPool"]["Id"]
    client = make_client(backend, elsewhere)["ClientId"]
    for operation in ("DescribeUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"):
        assert backend.refusal(operation, {"UserPoolId": pool_id, "ClientId": client}) == (
            f"ResourceNotFoundException: User pool client {client} does not exist.")
    assert backend.refusal("CreateUserPoolClient",
                           {"UserPoolId": "us-east-1_nothing00", "ClientName": "web"}) == (
        "ResourceNotFoundException: User pool us-east-1_nothing00 does not exist.")


def test_a_deleted_client_is_gone_with_its_secrets(backend, pool_id):
    client = make_client(backend, pool_id, GenerateSecret=True)
    name = {"UserPoolId": pool_id, "ClientId": client["ClientId"]}
    assert backend.call("DeleteUserPoolClient", name) == {}
    assert backend.refusal("DescribeUserPoolClient", name).startswith("ResourceNotFoundException")
    assert backend.call("ListUserPoolClients", {"UserPoolId": pool_id})["UserPoolClients"] == []


def test_clients_are_listed_page_by_page(backend, pool_id):
    made = sorted(make_client(backend, pool_id, ClientName=f"client {number}")["ClientId"]
                  for number in range(3))
    first = backend.call("ListUserPoolClients", {"UserPoolId": pool_id, "MaxResults": 2})
    second = backend.call("ListUserPoolClients", {"UserPoolId": pool_id, "MaxResults": 2,
                                                  "NextToken": first["NextToken"]})
    listed = first["UserPoolClients"] + second["UserPoolClients"]
    assert sorted(client["ClientId"] for client in listed) == made and "NextToken" not in second
    assert set(listed[0]) == {"ClientId", "UserPoolId", "ClientName"}


INVALID = "InvalidParameterException: "
BAD_FLOW = "InvalidOAuthFlowException: "
CALLBACK = {"CallbackURLs": ["https://example.com/"]}


@pytest.mark.parametrize("given, refusal", [
    ({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"]},
     INVALID + "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names."),
    ({"ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"], "RefreshTokenRotation": {"Feature": "ENABLED"}},
     INVALID + "ALLOW_REFRESH_TOKEN_AUTH is not a permitted ExplicitAuthFlow when refresh token rotation is "
               "enabled."),
    ({"AccessTokenValidity": 25}, INVALID + "Invalid range for token validity."),
    ({"IdTokenValidity": 299, "TokenValidityUnits": {"IdToken": "seconds"}},
     INVALID + "Invalid range for token validity."),
    ({"RefreshTokenValidity": 3651}, INVALID + "Invalid range for token validity."),
    ({"AccessTokenValidity": 2, "RefreshTokenValidity": 1, "TokenValidityUnits": {"RefreshToken": "hours"}},
     INVALID + "Access and Id Token expiration times must be less than or equal to refresh token expiration "
               "times."),
    ({"ReadAttributes": ["custom:none"]}, INVALID + "Invalid read attributes specified while creating a "
                                                    "client"),
    ({"WriteAttributes": ["custom:none"]}, INVALID + "Invalid write attributes specified while creating a "
                                                     "client"),
    ({"WriteAttributes": ["email_verified"]}, INVALID + "Invalid write attributes specified while creating a "
                                                        "client"),
    ({"AllowedOAuthFlowsUserPoolClient": True},
     INVALID + "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use "
               "OAuth flows."),
    ({"AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"]},
     BAD_FLOW + "CallbackUrls can not be empty when code flow or implicit flow is selected"),
    ({"AllowedOAuthFlows": ["code", "client_credentials"], **CALLBACK},
     BAD_FLOW + "client_credentials flow can not be selected along with code flow or implicit flow."),
    ({"AllowedOAuthFlows": ["client_credentials"]},
     BAD_FLOW + "client_credentials flow can not be selected if client does not have a client secret."),
    ({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"], "GenerateSecret": True},
     BAD_FLOW + "openid is not supported with client_credentials flow"),
    ({"AllowedOAuthScopes": ["api/read"]}, "ScopeDoesNotExistException: Invalid scope requested: api/read"),
    ({"CallbackURLs": ["http://example.com/"]}, INVALID + "http://example.com/ cannot use the HTTP "
                                                          "protocol."),
    ({"CallbackURLs": ["http://localhost.example.com/"]},
     INVALID + "http://localhost.example.com/ cannot use the HTTP protocol."),
    ({"LogoutURLs": ["https://example.com/#out"]}, INVALID + "https://example.com/#out cannot use fragment"),
    ({"CallbackURLs": ["/back"]}, INVALID + "/back is not an absolute URI."),
    ({"CallbackURLs": ["javascript:alert(1)"]}, INVALID + "javascript:alert(1) is not an absolute URI."),
    ({"DefaultRedirectURI": "https://example.com/other", **CALLBACK},
     INVALID + "The default redirect URI https://example.com/other is not in the callback URIs list."),
])
def test_settings_that_cannot_be_are_refused(held, given, refusal):
    pool_id = held.call("CreateUserPool", {"PoolName": "shop"})["UserPool"]["Id"]
    assert held.refusal("CreateUserPoolClient",
                        {"UserPoolId": pool_id, "ClientName": "web", **given}) == refusal


def test_a_client_can_sign_in_by_no_identity_provider_the_pool_does_not_have(backend, pool_id):
    assert backend.refusal("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "web", "SupportedIdentityProviders": ["COGNITO", "Google"]}) == (
        f"InvalidParameterException: The provider Google does not exist for User Pool {pool_id}.")


def test_an_attribute_the_pool_requires_must_be_writable(backend):
    pool_id = backend.call("CreateUserPool", {"PoolName": "shop", "Schema": [
        {"Name": "email", "AttributeDataType": "String", "Required": True}]})["UserPool"]["Id"]
    client = make_client(backend, pool_id, WriteAttributes=["email", "name"])
    assert backend.refusal("UpdateUserPoolClient", {
        "UserPoolId": pool_id, "ClientId": client["ClientId"], "WriteAttributes": ["name"]}) == (
        "InvalidParameterException: Invalid write attributes specified while updating a client")
    assert described(backend, client) == client


def test_rotation_is_not_in_the_smallest_plan(backend):
    pool_id = backend.call("CreateUserPool", {"PoolName": "shop", "UserPoolTier": "LITE"})["UserPool"]["Id"]
    assert backend.refusal("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "web", "RefreshTokenRotation": {"Feature": "ENABLED"}}) == (
        "FeatureUnavailableInTierException: The following features need to be disabled for the LITE pricing "
        "tier configured: Refresh Token Rotation")


def test_a_machine_client_gets_scopes_of_the_pools_resource_servers(backend, pool_id):
    backend.call("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": "https://api.example.com",
                                          "Name": "API",
                                          "Scopes": [{"ScopeName": "read", "ScopeDescription": "Read"}]})
    client = make_client(backend, pool_id, GenerateSecret=True, AllowedOAuthFlows=["client_credentials"],
                         AllowedOAuthFlowsUserPoolClient=True,
                         AllowedOAuthScopes=["https://api.example.com/read"])
    assert client["AllowedOAuthScopes"] == ["https://api.example.com/read"]
    assert updated(backend, client, AllowedOAuthFlows=["client_credentials"])["AllowedOAuthFlows"] == [
        "client_credentials"]


def test_a_second_secret_can_be_added_and_the_first_one_retired(backend, pool_id, clock):
    client = make_client(backend, pool_id, GenerateSecret=True)
    name = {"UserPoolId": pool_id, "ClientId": client["ClientId"]}
    clock.advance(days=30)
    added = backend.call("AddUserPoolClientSecret", name)["ClientSecretDescriptor"]
    assert added["ClientSecretId"] == f"{client['ClientId']}--{int(clock.now.timestamp())}"
    assert added["ClientSecretCreateDate"] == clock.now and len(added["ClientSecretValue"]) == 52
    assert backend.refusal("AddUserPoolClientSecret", name).startswith("LimitExceededException")

    first, second = backend.call("ListUserPoolClientSecrets", name)["ClientSecrets"]
    assert set(first) == {"ClientSecretId", "ClientSecretCreateDate"} and second["ClientSecretId"] == (
        added["ClientSecretId"])
    assert backend.call("DeleteUserPoolClientSecret",
                        {**name, "ClientSecretId": first["ClientSecretId"]}) == {}
    assert described(backend, client)["ClientSecret"] == added["ClientSecretValue"]
    assert backend.refusal("DeleteUserPoolClientSecret", {
        **name, "ClientSecretId": added["ClientSecretId"]}).startswith("InvalidParameterException")
    assert backend.refusal("DeleteUserPoolClientSecret", {
        **name, "ClientSecretId": first["ClientSecretId"]}).startswith("ResourceNotFoundException")


def test_two_secrets_of_the_same_second_have_ids_of_their_own(backend, pool_id):
    client = make_client(backend, pool_id, GenerateSecret=True)
    name = {"UserPoolId": pool_id, "ClientId": client["ClientId"]}
    own = "abcdefghijklmnopqrstuvwxyz"
    assert "ClientSecretValue" not in backend.call("AddUserPoolClientSecret", {
        **name, "ClientSecret": own})["ClientSecretDescriptor"]
    secrets = backend.call("ListUserPoolClientSecrets", name)["ClientSecrets"]
    assert len({secret["ClientSecretId"] for secret in secrets}) == 2


def test_a_public_client_gets_no_secret(backend, pool_id):
    client = make_client(backend, pool_id)
    name = {"UserPoolId": pool_id, "ClientId": client["ClientId"]}
    assert backend.refusal("AddUserPoolClientSecret", name).startswith("InvalidParameterException")
    assert backend.call("ListUserPoolClientSecrets", name)["ClientSecrets"] == []


def test_of_two_secrets_retired_at_once_one_stays(backend, pool_id):
    client = make_client(backend, pool_id, GenerateSecret=True)
    name = {"UserPoolId": pool_id, "ClientId": client["ClientId"]}
    backend.call("AddUserPoolClientSecret", name)
    outcomes = []
    barrier = threading.Barrier(2)

    def retire(secret: dict) -> None:
        barrier.wait()
        try:
            backend.call("DeleteUserPoolClientSecret", {**name, "ClientSecretId": secret["ClientSecretId"]})
            outcomes.append("retired")
        except CognitoError as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=retire, args=[secret])
               for secret in backend.call("ListUserPoolClientSecrets", name)["ClientSecrets"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["InvalidParameterException", "retired"]
    assert len(backend.call("ListUserPoolClientSecrets", name)["ClientSecrets"]) == 1
