"""Admin operations are for administrators: not for the anonymous, for users, or for pages from elsewhere."""

import dataclasses
import json

import pytest

from authservice import create_app
from authservice.config import Settings, SettingsError
from authservice.contract import service

ADMIN = sorted(service().operations - service().public_operations)
PUBLIC = sorted(service().public_operations)


def refusal(answer) -> str:
    assert answer.status_code == 400, answer.data
    return json.loads(answer.data)["__type"]


@pytest.mark.parametrize("operation", ADMIN)
def test_an_unsigned_admin_call_lacks_its_token(door, operation):
    answer = door.post(operation, {})
    assert (refusal(answer), answer.get_json(force=True)["message"]) == (
        "MissingAuthenticationTokenException", "Missing Authentication Token")


def test_a_users_token_is_no_admin_credential(wire, tokens, pool_id):
    body = {"UserPoolId": pool_id, "Username": "user-1", "AccessToken": tokens["AccessToken"]}
    for operation in ADMIN:
        for name in ("AccessToken", "IdToken"):
            value = f"Bearer {tokens[name]}"
            answer = wire.post(operation, body, headers={"Authorization": value})
            assert refusal(answer) == "MissingAuthenticationTokenException", operation


def test_an_id_token_is_no_access_token(wire, tokens):
    assert refusal(wire.post("GetUser", {"AccessToken": tokens["IdToken"]})) == "NotAuthorizedException"


@pytest.mark.parametrize("operation", PUBLIC)
def test_a_public_operation_needs_no_signature(door, operation):
    assert door.post(operation, {}).get_json(force=True)["__type"] != "MissingAuthenticationTokenException"


def test_who_asks_is_settled_before_what_is_asked(wire):
    """Otherwise the constraint messages would tell strangers about admin operations."""
    assert refusal(wire.post("AdminGetUser", {"UserPoolId": 7})) == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("origin", ["http://localhost:8401", "http://127.0.0.1:3000", "http://localhost:8400",
                                    "http://demo.localhost:8400"])
def test_without_access_keys_a_page_of_this_machine_may_administer(door, origin):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"Origin": origin})
    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null", "",
                                    "http://", "http://192.0.2.7:8400", "http://evillocalhost", "file://",
                                    "chrome-extension://a", "http://localhost@evil.example", "http://[::1",
                                    "http://[x]"])
def test_without_access_keys_a_page_from_elsewhere_is_refused(door, origin):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"Origin": origin})
    assert refusal(answer) == "AccessDeniedException"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8400", "192.0.2.7", "localhost.evil.example",
                                  "localhost:80@evil.example", "[2001:db8::1]:8400",
                                  "evil.example#.localhost"])
def test_without_access_keys_a_rebound_name_is_refused(door, host):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"Host": host})
    assert answer.status_code == 400  # by us, or by Flask for what is no host name at all


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.2", "2001:db8::1", "::ffff:192.0.2.7"])
def test_without_access_keys_another_machine_is_refused(door, address):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, environ_base={"REMOTE_ADDR": address})
    assert refusal(answer) == "AccessDeniedException"


@pytest.mark.parametrize("header, value", [
    ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "localhost"), ("Forwarded", "for=127.0.0.1"),
    ("X-Real-IP", "127.0.0.1")])
def test_without_access_keys_nobody_administers_through_a_proxy(door, header, value):
    """Behind a proxy on this machine the whole world comes from 127.0.0.1."""
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={header: value})
    assert refusal(answer) == "AccessDeniedException"


def test_without_access_keys_a_proxy_that_says_nothing_is_known_by_its_old_http(door):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True,
                       environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert refusal(answer) == "AccessDeniedException"


@pytest.mark.parametrize("origin", ["http://evil.example@localhost", "http://localhost.evil.example", "null"])
def test_without_access_keys_an_origin_that_only_looks_local_is_refused(door, origin):
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"Origin": origin})
    assert refusal(answer) == "AccessDeniedException"


def test_without_access_keys_the_public_name_is_a_strangers_name(wire, app, local):
    published = dataclasses.replace(local.settings, public_url="https://auth.example.com")
    door = type(wire)(create_app(published, backend=local).test_client())
    answer = door.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"Host": "auth.example.com"})
    assert refusal(answer) == "AccessDeniedException"


def test_public_operations_are_for_any_page_and_any_machine(wire, client_id):
    answer = wire.post("SignUp", {"ClientId": client_id, "Username": "user-2", "Password": "Correct-horse-1"},
                       headers={"Origin": "https://app.example.com"},
                       environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 200


@pytest.mark.parametrize("keys", [":", "AKIDEXAMPLE:", ":secret", ",", " "])
def test_access_keys_that_are_none_open_nothing_for_nothing_starts(local, keys):
    with pytest.raises(SettingsError, match="ID:SECRET"):
        create_app(dataclasses.replace(local.settings, access_keys=keys), backend=local)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_is_served_without_keys(host):
    assert Settings(host=host).on_loopback
