"""/oauth2/userInfo: which claims a token shows, how they are written, and who is refused how."""

import base64
import json

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.oauth.provider import NAME, add_user

PERSON = {"email_verified": "true", "phone_number": "+15550100", "phone_number_verified": "false",
          "name": "User Two", "address": "1 Example Street", "birthdate": "2000-01-01",
          "updated_at": "1700000000"}


@pytest.fixture
def person(provider) -> str:
    add_user(provider.backend, provider.pool_id, "user-2@example.com", **PERSON)
    return "user-2@example.com"


def claims(provider, person: str, scope: str, client: dict | None = None) -> dict:
    tokens = provider.tokens(client, browser=provider.browser(person), scope=scope)
    response = provider.user_info(tokens)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    body = response.json()
    assert body["sub"] == provider.claims(tokens["access_token"])["sub"]
    assert body["username"] == provider.who(person)["Username"]
    return {name: value for name, value in body.items() if name not in ("sub", "username")}


def test_openid_alone_shows_everything_the_client_may_read(provider, person):
    assert claims(provider, person, "openid") == {
        "email": person, "email_verified": "true", "phone_number": "+15550100",
        "phone_number_verified": "false", "name": "User Two",
        "address": {"formatted": "1 Example Street"}, "birthdate": "2000-01-01",
        "updated_at": 1700000000}
    assert claims(provider, person, "openid aws.cognito.signin.user.admin").keys() == claims(
        provider, person, "openid").keys()


def test_each_scope_shows_its_own_claims(provider, person):
    assert claims(provider, person, "openid email").keys() == {"email", "email_verified"}
    assert claims(provider, person, "openid phone").keys() == {"phone_number", "phone_number_verified"}
    assert claims(provider, person, "openid profile").keys() == {"name", "birthdate", "updated_at"}
    assert claims(provider, person, "openid email phone").keys() == {
        "email", "email_verified", "phone_number", "phone_number_verified"}


def test_custom_attributes_are_part_of_the_profile_and_always_strings(provider, person):
    provider.call("AddCustomAttributes", UserPoolId=provider.pool_id, CustomAttributes=[
        {"Name": "age", "AttributeDataType": "Number", "Mutable": True}])
    provider.call("AdminUpdateUserAttributes", UserPoolId=provider.pool_id, Username=person,
                  UserAttributes=[{"Name": "custom:age", "Value": "26"}])
    assert claims(provider, person, "openid profile")["custom:age"] == "26"
    assert "custom:age" not in claims(provider, person, "openid email")


def test_what_the_client_may_not_read_is_not_shown(provider, person):
    client = provider.new_client(ReadAttributes=["email"])
    assert claims(provider, person, "openid", client) == {"email": person}


def test_a_change_shows_at_once(provider, person):
    tokens = provider.tokens(browser=provider.browser(person))
    provider.call("AdminUpdateUserAttributes", UserPoolId=provider.pool_id, Username=person, UserAttributes=[
        {"Name": "email", "Value": "new@example.com"}, {"Name": "email_verified", "Value": "true"}])
    assert provider.user_info(tokens).json()["email"] == "new@example.com"


# The token's place

def test_the_token_may_come_in_a_header_or_in_a_form(provider):
    token = provider.tokens()["access_token"]
    url = provider.url + "/oauth2/userInfo"
    for response in (requests.post(url, headers={"Authorization": f"Bearer {token}"}),
                     requests.post(url, data={"access_token": token}),
                     requests.get(url, headers={"Authorization": f"bearer  {token}"})):
        assert response.status_code == 200 and response.json()["email"] == NAME


def test_a_token_nowhere_in_the_address_or_in_two_places_is_a_bad_request(provider):
    token = provider.tokens()["access_token"]
    url, header = provider.url + "/oauth2/userInfo", {"Authorization": f"Bearer {token}"}
    for response in (requests.get(url), requests.get(url, headers={"Authorization": f"Basic {token}"}),
                     requests.get(url, headers={"Authorization": "Bearer"}),
                     requests.get(url, params={"access_token": token}),
                     requests.get(url, params={"access_token": token}, headers=header),
                     requests.post(url, data={"access_token": token}, headers=header),
                     requests.post(url, data=[("access_token", token)] * 2)):
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        assert response.headers["WWW-Authenticate"] == (
            'Bearer error="invalid_request", error_description="Bad OAuth2 request at UserInfo Endpoint"')


# T9, T10, T12: tokens that are worth nothing

def refused(provider, token: str) -> bool:
    response = provider.user_info({"access_token": token})
    assert response.status_code == 401 and response.json()["error"] == "invalid_token", response.text
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", error_description="')
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return True


def test_only_an_access_token_is_one(provider):
    tokens = provider.tokens()
    others = (tokens["id_token"], tokens["refresh_token"], provider.code())
    for other in (*others, "x", "a.b.c", "." * 50, "x" * 6000):
        assert refused(provider, other)


def test_a_token_without_openid_is_refused_in_cognitos_words(provider):
    token = provider.tokens(scope="aws.cognito.signin.user.admin")["access_token"]
    response = provider.user_info({"access_token": token})
    assert (response.status_code, response.json()["error_description"]) == (
        401, "Access token does not contain openid scope")


def test_a_token_ends_with_its_hour(provider):
    tokens = provider.tokens()
    provider.clock.advance(minutes=60)
    assert refused(provider, tokens["access_token"])


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminDeleteUser", "AdminUserGlobalSignOut"])
def test_a_token_ends_with_the_users_sign_ins(provider, operation):
    tokens = provider.tokens()
    provider.call(operation, UserPoolId=provider.pool_id, Username=NAME)
    assert refused(provider, tokens["access_token"])


def test_a_pools_own_host_takes_no_token_of_another_pool(provider):
    headers = {"Authorization": f"Bearer {provider.tokens()['access_token']}"}
    for host, status in (("shop.localhost", 200), ("bank.localhost", 401), ("nobodys.localhost", 401)):
        response = provider.get("/oauth2/userInfo", headers={**headers, "Host": host})
        assert response.status_code == status


def test_a_changed_or_forged_token_is_refused(provider):
    token = provider.tokens()["access_token"]
    header, payload, signature = token.split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=="))
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(thief.public_key()))
    forged = [jwt.encode(claims, thief, "RS256", headers=more) for more in (
                  {"kid": members["kid"]}, {}, {"kid": members["kid"], "jwk": jwk},
                  {"kid": members["kid"], "jku": "http://localhost:1/"}, {"kid": "../../etc/passwd"})]
    forged += [jwt.encode(claims, "", "none", headers={"kid": members["kid"]}),
               jwt.encode(claims, "x" * 32, "HS256", headers={"kid": members["kid"]})]
    more = json.dumps({**claims, "scope": "openid profile"}).encode()
    other = base64.urlsafe_b64encode(more).decode().rstrip("=")
    forged += [f"{header}.{other}.{signature}", f"{header}.{payload}.", f"{header}.{payload}", signature,
               f"{header}.{payload}.{signature[:-6]}AAAAAA"]
    for token in forged:
        assert refused(provider, token)
