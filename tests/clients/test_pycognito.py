"""pycognito: an SRP client that somebody else wrote, which verifies the tokens it gets by the pool's JWKS."""

import time

import pyotp
import pytest
from botocore.exceptions import ClientError
from pycognito import AWSSRP, Cognito
from pycognito.exceptions import (ForceChangePasswordException, SoftwareTokenMFAChallengeException,
                                  TokenVerificationException)

PASSWORD, NEW_PASSWORD = "Correct-horse-1", "Correct-horse-2"


@pytest.fixture(params=["without a client secret", "with a client secret"])
def user(request, pool, service):
    """user-1 as pycognito holds it; nobody has signed up yet."""
    client = {"client_id": pool.public_client}
    if request.param == "with a client secret":
        client = {"client_id": pool.secret_client, "client_secret": pool.secret}
    return Cognito(pool.id, username="user-1", boto3_client_kwargs={"endpoint_url": service.url}, **client)


@pytest.fixture
def confirmed(user, cognito, pool):
    who = {"UserPoolId": pool.id, "Username": "user-1"}
    cognito.admin_create_user(**who, MessageAction="SUPPRESS", UserAttributes=[
        {"Name": "email", "Value": "py@example.com"}, {"Name": "email_verified", "Value": "true"}])
    cognito.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
    return user


def refusal(ask, *arguments) -> str:
    with pytest.raises(ClientError) as caught:
        ask(*arguments)
    return caught.value.response["Error"]["Code"]


def test_from_sign_up_to_sign_out(user, mailed_code):
    user.set_base_attributes(email="py@example.com")
    assert user.register("user-1", PASSWORD)["UserConfirmed"] is False
    assert refusal(user.authenticate, PASSWORD) == "UserNotConfirmedException"
    user.confirm_sign_up(mailed_code("py@example.com"))

    user.authenticate(PASSWORD)
    assert user.access_claims["username"] == "user-1" and user.id_claims["email_verified"] is True
    assert user.get_user().email == "py@example.com"

    first = user.access_token
    user.renew_access_token()
    assert user.access_token != first
    user.change_password(PASSWORD, NEW_PASSWORD)
    user.update_profile({"name": "Somebody"}, {})

    last = user.access_token
    user.logout()
    user.access_token = last
    assert refusal(user.get_user) == "NotAuthorizedException"
    assert refusal(user.authenticate, PASSWORD) == "NotAuthorizedException"
    user.authenticate(NEW_PASSWORD)
    user.delete_user()
    assert refusal(user.authenticate, NEW_PASSWORD) in ("NotAuthorizedException", "UserNotFoundException")


def test_a_wrong_password_is_refused(confirmed):
    assert refusal(confirmed.authenticate, NEW_PASSWORD) == "NotAuthorizedException"
    assert confirmed.access_token is None


def test_many_sign_ins_in_a_row(confirmed):
    """SRP pads numbers that happen to be short or to start with a high bit: now and then, so try often."""
    for _ in range(20):
        confirmed.authenticate(PASSWORD)


@pytest.mark.parametrize("name, password", [
    ("user-1", "pa\u00dfw\u00f6rt-\u4e16\u754c-A1!"), ("\u00fcser-\u4e16", PASSWORD)])
def test_names_and_passwords_of_any_script(service, cognito, pool, name, password):
    cognito.admin_create_user(UserPoolId=pool.id, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool.id, Username=name, Password=password, Permanent=True)
    user = Cognito(pool.id, pool.secret_client, username=name, client_secret=pool.secret,
                   boto3_client_kwargs={"endpoint_url": service.url})
    user.authenticate(password)
    assert user.access_claims["username"] == name


def test_an_authenticator_app(confirmed):
    confirmed.authenticate(PASSWORD)
    app = pyotp.TOTP(confirmed.associate_software_token())
    wrong = app.at(time.time() + 600)
    assert refusal(confirmed.verify_software_token, wrong) == "EnableSoftwareTokenMFAException"
    assert confirmed.verify_software_token(app.at(time.time() - 30), "phone")
    confirmed.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    confirmed.access_token = None
    with pytest.raises(SoftwareTokenMFAChallengeException):
        confirmed.authenticate(PASSWORD)
    right = app.now()
    assert refusal(confirmed.respond_to_software_token_mfa_challenge, wrong) == "CodeMismatchException"
    confirmed.respond_to_software_token_mfa_challenge(right)
    assert confirmed.access_claims["username"] == "user-1"

    with pytest.raises(SoftwareTokenMFAChallengeException):
        confirmed.authenticate(PASSWORD)
    assert refusal(confirmed.respond_to_software_token_mfa_challenge, right) == "ExpiredCodeException"


def test_a_forgotten_password(confirmed, mailed_code):
    confirmed.initiate_forgot_password()
    confirmed.confirm_forgot_password(mailed_code("py@example.com"), NEW_PASSWORD)
    assert refusal(confirmed.authenticate, PASSWORD) == "NotAuthorizedException"
    confirmed.authenticate(NEW_PASSWORD)


def test_a_temporary_password_is_replaced(user, cognito, pool):
    cognito.admin_create_user(UserPoolId=pool.id, Username="user-1", MessageAction="SUPPRESS",
                              TemporaryPassword=PASSWORD)
    with pytest.raises(ForceChangePasswordException):
        user.authenticate(PASSWORD)
    user.new_password_challenge(PASSWORD, NEW_PASSWORD)
    user.authenticate(NEW_PASSWORD)


def test_a_client_secret_is_demanded(confirmed, cognito, pool):
    srp = AWSSRP("user-1", PASSWORD, pool.id, pool.secret_client, client=cognito)
    assert refusal(srp.authenticate_user) == "NotAuthorizedException"
    srp = AWSSRP("user-1", PASSWORD, pool.id, pool.secret_client, client=cognito, client_secret="another")
    assert refusal(srp.authenticate_user) == "NotAuthorizedException"


def test_a_token_of_another_pool_is_not_taken_for_ours(confirmed, cognito, service, pool):
    """pycognito itself refuses it: the keys of two pools have nothing in common."""
    other = cognito.create_user_pool(PoolName="other")["UserPool"]["Id"]
    confirmed.authenticate(PASSWORD)
    stranger = Cognito(other, confirmed.client_id, boto3_client_kwargs={"endpoint_url": service.url})
    with pytest.raises((TokenVerificationException, IndexError)):
        stranger.verify_token(confirmed.access_token, "access_token", "access")
    cognito.delete_user_pool(UserPoolId=other)
