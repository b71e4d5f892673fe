"""SECRET_HASH over the API: an app client with a secret proves it on every operation that Cognito asks it of."""

import pytest

from tests.contract.guest import PASSWORD, Authenticator, refused
from tests.contract.srp_client import SrpClient

MISSING = "NotAuthorizedException: Client {} is configured with secret but SECRET_HASH was not received"
WRONG_HASH = "NotAuthorizedException: Unable to verify secret hash for client {}"
TOP_LEVEL = {"SignUp": {"Password": PASSWORD}, "ConfirmSignUp": {"ConfirmationCode": "123456"},
             "ResendConfirmationCode": {}, "ForgotPassword": {},
             "ConfirmForgotPassword": {"ConfirmationCode": "123456", "Password": PASSWORD}}
FLOWS = [("InitiateAuth", "USER_PASSWORD_AUTH"), ("InitiateAuth", "USER_SRP_AUTH"),
         ("AdminInitiateAuth", "ADMIN_USER_PASSWORD_AUTH"), ("AdminInitiateAuth", "USER_SRP_AUTH")]


def wrong_hashes(client, other) -> list[str]:
    """Hashes that prove nothing: of another user, with another secret, cut, not even base64."""
    right = client.hash("user-1")
    return [client.hash("user-2"), other.hash("user-1"), right[:-1], right.swapcase(), "x", "+" * 44]


@pytest.fixture
def other_client(pool):
    return pool.client(GenerateSecret=True)


def test_every_operation_with_a_username_at_the_top_needs_the_hash(pool, backend, secret_client, other_client):
    pool.user("user-1")
    for operation, members in TOP_LEVEL.items():
        request = {"ClientId": secret_client.id, "Username": "user-1", **members}
        assert backend.refusal(operation, request) == MISSING.format(secret_client.id), operation
        for given in wrong_hashes(secret_client, other_client):
            assert backend.refusal(operation, {**request, "SecretHash": given}) == (
                WRONG_HASH.format(secret_client.id)), operation


def test_every_sign_in_needs_it(pool, secret_client, other_client):
    pool.user("user-1")
    parameters = {"USERNAME": "user-1", "PASSWORD": PASSWORD, "SRP_A": "2"}
    for operation, flow in FLOWS:
        assert refused(secret_client.begin, flow, operation, **parameters, SECRET_HASH="") == (
            MISSING.format(secret_client.id))
        for given in wrong_hashes(secret_client, other_client):
            assert refused(secret_client.begin, flow, operation, **parameters, SECRET_HASH=given) == (
                WRONG_HASH.format(secret_client.id))
        secret_client.begin(flow, operation, **parameters)


@pytest.mark.parametrize("operation", ["RespondToAuthChallenge", "AdminRespondToAuthChallenge"])
def test_the_answer_to_each_challenge_needs_it(make_pool, clock, operation):
    pool = make_pool(mfa="ON")
    secret_client, other = pool.client(GenerateSecret=True), pool.client(GenerateSecret=True)
    pool.invited("user-1", PASSWORD)

    def answered(challenge, session, **responses) -> dict:
        """Try without a hash, with wrong ones, and then answer rightly."""
        def answer(**given):
            return secret_client.answer(challenge, session, operation=operation, **responses, **given)

        assert refused(answer, SECRET_HASH="") == MISSING.format(secret_client.id)
        for given in wrong_hashes(secret_client, other):
            assert refused(answer, SECRET_HASH=given) == WRONG_HASH.format(secret_client.id)
        return answer()

    srp = SrpClient(secret_client, "user-1", PASSWORD)
    srp.begin()
    asked = answered("PASSWORD_VERIFIER", None, **srp.proof(clock.now))
    asked = answered("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD)
    app = Authenticator.of(pool.backend, clock, Session=asked["Session"])
    verified = pool.backend.call("VerifySoftwareToken", {"Session": app.session, "UserCode": app.code()})
    assert "AuthenticationResult" in answered("MFA_SETUP", verified["Session"])
    asked = secret_client.sign_in()
    clock.advance(seconds=30)
    assert "AuthenticationResult" in answered("SOFTWARE_TOKEN_MFA", asked["Session"],
                                              SOFTWARE_TOKEN_MFA_CODE=app.code())


def test_a_refresh_needs_it_over_the_name_of_the_tokens_user(pool, secret_client, other_client):
    pool.user("user-1")
    token = secret_client.tokens()["RefreshToken"]
    for flow in ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"):
        assert refused(secret_client.begin, flow, REFRESH_TOKEN=token) == MISSING.format(secret_client.id)
        for given in wrong_hashes(secret_client, other_client):
            assert refused(secret_client.begin, flow, REFRESH_TOKEN=token, SECRET_HASH=given) == (
                f"NotAuthorizedException: SecretHash does not match for the client: {secret_client.id}")
    sub = pool.attributes()["sub"]
    for name in ("user-1", sub):
        assert "AccessToken" in secret_client.refresh(token, SECRET_HASH=secret_client.hash(name))


def test_the_typed_address_is_what_a_sign_in_hashes_and_the_sub_what_a_refresh_does(make_pool):
    pool = make_pool(UsernameAttributes=["email"])
    client = pool.client(GenerateSecret=True)
    pool.user("user-1@example.com")
    tokens = client.tokens("user-1@example.com")
    sub = pool.call("AdminGetUser", "user-1@example.com")["Username"]
    assert "AccessToken" in client.refresh(tokens["RefreshToken"], SECRET_HASH=client.hash(sub))
    assert refused(client.refresh, tokens["RefreshToken"], SECRET_HASH=client.hash("user-1@example.com")).startswith(
        "NotAuthorizedException: SecretHash does not match")


def test_two_operations_take_the_secret_itself(pool, backend, secret_client, other_client):
    pool.user()
    token = secret_client.tokens()["RefreshToken"]
    wrong = [{}, {"ClientSecret": other_client.secret}, {"ClientSecret": secret_client.secret[:-1]},
             {"ClientSecret": secret_client.secret.upper()}]
    for operation, member, code in (("GetTokensFromRefreshToken", "RefreshToken", "NotAuthorizedException"),
                                    ("RevokeToken", "Token", "UnauthorizedException")):
        request = {"ClientId": secret_client.id, member: token}
        for given in wrong:
            assert backend.refusal(operation, {**request, **given}).startswith(f"{code}: ")
        backend.call(operation, {**request, "ClientSecret": secret_client.secret})


def test_either_of_two_secrets_will_do(pool, backend, secret_client):
    pool.user()
    second = pool.call("AddUserPoolClientSecret", ClientId=secret_client.id)["ClientSecretDescriptor"]
    assert "AuthenticationResult" in secret_client.sign_in()
    secret_client.secret = second["ClientSecretValue"]
    tokens = secret_client.tokens()
    assert "AccessToken" in secret_client.rotate(tokens["RefreshToken"])


def test_a_client_without_a_secret_must_not_send_a_hash(pool, app_client):
    pool.user()
    refusal = (f"InvalidParameterException: Client {app_client.id} is not configured for secret but secret hash was "
               "received")
    for operation, members in TOP_LEVEL.items():
        assert refused(app_client.call, operation, "user-1", **members, SecretHash="x") == refusal
    assert refused(app_client.begin, "USER_PASSWORD_AUTH", USERNAME="user-1", PASSWORD=PASSWORD,
                   SECRET_HASH="x") == refusal


def test_operations_by_access_token_need_no_hash(pool, backend, secret_client):
    pool.user()
    token = {"AccessToken": secret_client.tokens()["AccessToken"]}
    backend.call("GetUser", token)
    backend.call("ChangePassword", {**token, "PreviousPassword": PASSWORD, "ProposedPassword": "An0ther-one!"})
