"""boto3, with nothing overridden but the endpoint."""

import base64
import hashlib
import hmac
import time

import pyotp
import pytest
from botocore.exceptions import ClientError

PASSWORD, NEW_PASSWORD = "Correct-horse-1", "Correct-horse-2"


def refusal(ask, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        ask(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def secret_hash(pool, name: str) -> str:
    digest = hmac.digest(pool.secret.encode(), f"{name}{pool.secret_client}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def test_from_sign_up_to_sign_out(cognito, pool, mailed_code):
    client = pool.public_client
    made = cognito.sign_up(ClientId=client, Username="user-1", Password=PASSWORD,
                           UserAttributes=[{"Name": "email", "Value": "user-1@example.com"}])
    assert made["CodeDeliveryDetails"] == {"Destination": "u***@e***", "DeliveryMedium": "EMAIL",
                                           "AttributeName": "email"}
    sign_in = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "user-1", "PASSWORD": PASSWORD}}
    assert refusal(cognito.initiate_auth, **sign_in)[0] == "UserNotConfirmedException"

    code = mailed_code("user-1@example.com")
    cognito.confirm_sign_up(ClientId=client, Username="user-1", ConfirmationCode=code)
    tokens = cognito.initiate_auth(**sign_in)["AuthenticationResult"]
    user = cognito.get_user(AccessToken=tokens["AccessToken"])
    attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
    assert attributes == {"sub": made["UserSub"], "email": "user-1@example.com", "email_verified": "true"}

    refreshed = cognito.initiate_auth(ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={
        "REFRESH_TOKEN": tokens["RefreshToken"]})["AuthenticationResult"]
    assert "RefreshToken" not in refreshed and refreshed["AccessToken"] != tokens["AccessToken"]

    cognito.global_sign_out(AccessToken=refreshed["AccessToken"])
    for access_token in (tokens["AccessToken"], refreshed["AccessToken"]):
        assert refusal(cognito.get_user, AccessToken=access_token) == (
            "NotAuthorizedException", "Access Token has been revoked")
    assert refusal(cognito.initiate_auth, ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={
        "REFRESH_TOKEN": tokens["RefreshToken"]})[0] == "NotAuthorizedException"


def test_with_an_authenticator_app(cognito, pool):
    who = {"UserPoolId": pool.id, "Username": "user-1"}
    cognito.admin_create_user(**who, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
    sign_in = {"ClientId": pool.secret_client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
        "USERNAME": "user-1", "PASSWORD": PASSWORD, "SECRET_HASH": secret_hash(pool, "user-1")}}
    access_token = cognito.initiate_auth(**sign_in)["AuthenticationResult"]["AccessToken"]
    app = pyotp.TOTP(cognito.associate_software_token(AccessToken=access_token)["SecretCode"])
    assert cognito.verify_software_token(AccessToken=access_token, UserCode=app.at(time.time() - 30)
                                         )["Status"] == "SUCCESS"
    cognito.set_user_mfa_preference(AccessToken=access_token,
                                    SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})

    def answer(code: str) -> dict:
        challenge = cognito.initiate_auth(**sign_in)
        assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        return {"ClientId": pool.secret_client, "ChallengeName": "SOFTWARE_TOKEN_MFA",
                "Session": challenge["Session"], "ChallengeResponses": {
                    "USERNAME": "user-1", "SOFTWARE_TOKEN_MFA_CODE": code,
                    "SECRET_HASH": secret_hash(pool, "user-1")}}

    wrong, code = app.at(time.time() + 600), app.now()
    assert refusal(cognito.respond_to_auth_challenge, **answer(wrong))[0] == "CodeMismatchException"
    assert "IdToken" in cognito.respond_to_auth_challenge(**answer(code))["AuthenticationResult"]
    assert refusal(cognito.respond_to_auth_challenge, **answer(code))[0] == "ExpiredCodeException"


def test_a_forgotten_password(cognito, pool, mailed_code):
    who = {"UserPoolId": pool.id, "Username": "user-1"}
    cognito.admin_create_user(**who, MessageAction="SUPPRESS", UserAttributes=[
        {"Name": "email", "Value": "forgets@example.com"}, {"Name": "email_verified", "Value": "true"}])
    cognito.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
    cognito.forgot_password(ClientId=pool.public_client, Username="user-1")
    cognito.confirm_forgot_password(ClientId=pool.public_client, Username="user-1", Password=NEW_PASSWORD,
                                    ConfirmationCode=mailed_code("forgets@example.com"))
    sign_in = {"ClientId": pool.public_client, "AuthFlow": "USER_PASSWORD_AUTH"}
    old, new = ({"USERNAME": "user-1", "PASSWORD": password} for password in (PASSWORD, NEW_PASSWORD))
    assert refusal(cognito.initiate_auth, **sign_in, AuthParameters=old) == (
        "NotAuthorizedException", "Incorrect username or password.")
    assert "AuthenticationResult" in cognito.initiate_auth(**sign_in, AuthParameters=new)


def test_its_paginators_walk_every_page(cognito, pool):
    names = {f"user-{number}" for number in range(7)}
    for name in names:
        cognito.admin_create_user(UserPoolId=pool.id, Username=name, MessageAction="SUPPRESS")
        cognito.create_group(UserPoolId=pool.id, GroupName=f"of-{name}")
    users = cognito.get_paginator("list_users").paginate(UserPoolId=pool.id, PaginationConfig={"PageSize": 3})
    assert {user["Username"] for page in users for user in page["Users"]} == names
    in_twos = {"PageSize": 2}
    groups = cognito.get_paginator("list_groups").paginate(UserPoolId=pool.id, PaginationConfig=in_twos)
    assert len([group for page in groups for group in page["Groups"]]) == 7
    pools = cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 1})
    assert pool.id in {each["Id"] for page in pools for each in page["UserPools"]}


def test_its_modelled_exceptions_are_raised(cognito, pool):
    with pytest.raises(cognito.exceptions.UserNotFoundException):
        cognito.admin_get_user(UserPoolId=pool.id, Username="nobody")
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.describe_user_pool(UserPoolId="us-east-1_NoSuchPool")


def test_an_operation_that_is_not_built_fails_by_name(cognito, pool):
    code, message = refusal(cognito.get_csv_header, UserPoolId=pool.id)
    assert (code, message) == ("NotImplementedException", "GetCSVHeader is not built yet.")
