"""The development outbox as a developer's browser and an end-to-end test see it, and who may not see it."""

import re

import pytest

from authservice import create_app, outbox
from authservice.config import Settings
from authservice.contract import OPERATOR
from authservice.local.messaging import outbox as messages
from authservice.local.models import Pool
from tests.conftest import make_settings

MEMBERS = {"to", "medium", "purpose", "code", "link", "subject", "text", "sent_at"}


@pytest.fixture
def pool_id(local) -> str:
    request = {"PoolName": "shop", "AutoVerifiedAttributes": ["email"]}
    return local.call("CreateUserPool", request, OPERATOR)["UserPool"]["Id"]


@pytest.fixture
def sign_up(local, pool_id):
    """Sign up a user by name."""
    request = {"UserPoolId": pool_id, "ClientName": "web"}
    client_id = local.call("CreateUserPoolClient", request, OPERATOR)["UserPoolClient"]["ClientId"]

    def run(name: str) -> None:
        local.call("SignUp", {"ClientId": client_id, "Username": name, "Password": "Passw0rd!x",
                              "UserAttributes": [{"Name": "email", "Value": f"{name}@example.com"}]})

    run.client_id = client_id
    return run


@pytest.fixture
def post(local, pool_id):
    """Put a message of one's own into the outbox."""

    def run(to="user-1@example.com", medium="EMAIL", subject="Hello", text="Hello", code=None, link=None):
        local.run(lambda call: messages.post(call, call.db.get(Pool, pool_id), to, medium, "SignUp",
                                             subject, text, code, link))

    return run


def test_an_end_to_end_test_reads_the_newest_code_of_one_address(client, local, sign_up, clock):
    sign_up("user-1")
    clock.advance(seconds=1)
    sign_up("user-2")
    clock.advance(seconds=1)
    local.call("ResendConfirmationCode", {"ClientId": sign_up.client_id, "Username": "user-1"})
    answer = client.get("/outbox.json?to=user-1@example.com")
    assert answer.mimetype == "application/json"
    newest, oldest = answer.json
    assert newest.keys() == MEMBERS
    assert (newest["purpose"], oldest["purpose"]) == ("ResendCode", "SignUp")
    assert newest["sent_at"] == "2026-03-01T12:00:02.000000+00:00"
    local.call("ConfirmSignUp", {"ClientId": sign_up.client_id, "Username": "user-1",
                                 "ConfirmationCode": newest["code"]})
    assert [message["to"] for message in client.get("/outbox.json").json] == [
        "user-1@example.com", "user-2@example.com", "user-1@example.com"]
    assert client.get("/outbox.json?to=user-3@example.com").json == []


@pytest.mark.parametrize("recipient, query", [
    ("+15555550100", "+15555550100"), ("+15555550100", "%2B15555550100"),
    ("user+tag@example.com", "user+tag@example.com")])
def test_an_address_with_a_plus_is_found_however_it_is_written(client, post, recipient, query):
    post(recipient)
    assert len(client.get(f"/outbox.json?to={query}").json) == 1


def test_the_page_shows_what_was_sent_and_can_be_narrowed(client, sign_up):
    sign_up("user-1")
    sign_up("user-2")
    first, second = (message["code"] for message in client.get("/outbox.json").json)
    page = client.get("/outbox").text
    assert f"<code>{first}</code>" in page and f"<code>{second}</code>" in page
    page = client.get("/outbox?to=user-1@example.com").text
    assert page.count("<article") == 1 and 'value="user-1@example.com"' in page


def test_an_empty_outbox_says_so(client):
    assert "Nothing was sent yet" in client.get("/outbox").text
    assert "Nothing was sent to user-9@example.com." in client.get("/outbox?to=user-9@example.com").text


def test_nothing_in_a_message_or_the_address_becomes_markup(client, post):
    attack = "<script>alert(1)</script>\"'><img/src=x>"
    post(attack, "SMS", attack, attack, attack, attack)
    page = client.get("/outbox", query_string={"to": attack}).text
    assert "<article" in page
    assert "<script" not in page and "<img" not in page and '"\'>' not in page


@pytest.mark.parametrize("link, clickable", [
    ("https://auth.example.com/confirmUser?a=1&b=2", True), ("http://localhost:8400/confirmUser", True),
    ("javascript:alert(1)", False), ("data:text/html,x", False), ("//auth.example.com", False)])
def test_only_web_addresses_are_links(client, post, link, clickable):
    post(link=link)
    shown = link.replace("&", "&amp;")
    assert (f'href="{shown}"' in client.get("/outbox").text) == clickable


def test_a_link_in_a_mail_never_follows_the_host_of_a_request(client, local, settings):
    template = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
    pool = local.call("CreateUserPool", {"PoolName": "links", "AutoVerifiedAttributes": ["email"],
                                         "VerificationMessageTemplate": template}, OPERATOR)["UserPool"]
    request = {"UserPoolId": pool["Id"], "ClientName": "web"}
    client_id = local.call("CreateUserPoolClient", request, OPERATOR)["UserPoolClient"]["ClientId"]
    sign_up = {"ClientId": client_id, "Username": "user-1", "Password": "Passw0rd!x",
               "UserAttributes": [{"Name": "email", "Value": "user-1@example.com"}]}
    answer = client.post("/", json=sign_up, content_type="application/x-amz-json-1.1", headers={
        "X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp", "Host": "evil.example",
        "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"})
    assert answer.status_code == 200
    [message] = client.get("/outbox.json").json
    assert message["code"] is None
    assert message["link"].startswith(f"{settings.public_url}/confirmUser?")
    assert "evil" not in message["text"] and message["link"] in message["text"]


PATHS = ["/outbox", "/outbox.json", "/outbox/static/outbox.css"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["localhost", "localhost:8400", "LOCALHOST:8400", "shop.localhost:8400",
                                  "127.0.0.1:9000", "[::1]:8400", "[::1]"])
def test_this_machines_own_names_are_answered(client, path, host):
    assert client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8400", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example",
    "10.0.0.1:8400", "evil.example@localhost", "localhost@evil.example", "[::1].evil.example", "localhost.",
    "[::2]", ""])
def test_any_other_name_is_refused_so_that_no_page_can_rebind_its_own_to_us(client, sign_up, path, host):
    sign_up("user-1")
    answer = client.get(path, headers={"Host": host, "X-Forwarded-Host": "localhost"})
    assert answer.status_code == 403
    assert "user-1" not in answer.text


def test_a_public_name_is_refused_for_its_guests_are_not_of_this_machine(local, settings):
    public = make_settings(settings.instance, public_url="https://auth.example.com:8443")
    client = create_app(public, backend=local).test_client()
    assert client.get("/outbox.json", headers={"Host": "auth.example.com:8443"}).status_code == 403
    assert client.get("/outbox.json", headers={"Host": "localhost:8400"}).status_code == 200


def test_a_guest_of_a_proxy_is_refused(client):
    assert client.get("/outbox.json", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 403


@pytest.mark.parametrize("path", PATHS[:2])
def test_no_other_origin_may_read_it(client, path):
    for answer in (client.get(path, headers={"Origin": "http://localhost:3000"}),
                   client.options(path, headers={"Origin": "http://localhost:3000",
                                                 "Access-Control-Request-Method": "GET"})):
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PATHS[:2])
def test_no_answer_is_kept_or_guessed_at(client, path):
    for host in ("localhost", "evil.example"):
        headers = client.get(path, headers={"Host": host}).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_allows_and_has_nothing_inline(client, sign_up):
    sign_up("user-1")
    answer = client.get("/outbox")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize("given", [{"outbox": "off"}, {"smtp_url": "smtp://127.0.0.1"}])
def test_the_door_is_not_there_where_it_should_not_be(local, settings, given):
    client = create_app(make_settings(settings.instance, **given), backend=local).test_client()
    assert {client.get(path).status_code for path in PATHS} == {404}


@pytest.mark.parametrize("given, there", [
    ({}, True), ({"host": "::1"}, True), ({"host": "0.0.0.0"}, False), ({"host": "192.0.2.1"}, False),
    ({"host": ""}, False), ({"backend": "cognito"}, False), ({"outbox": "on"}, False)])
def test_the_door_is_built_on_loopback_alone(given, there):
    assert outbox.enabled(Settings(**given)) is there
