"""Many names tried from one address: the failures are counted for the address too, whatever names they were on."""

import json
import re
from dataclasses import replace

import pytest

from authservice import create_app
from authservice.config import SettingsError, load
from authservice.contract import OPERATOR
from authservice.local.accounts.source import UNKNOWN, counted_as
from tests.api.conftest import Wire
from tests.conftest import HeldToTheModel
from tests.contract.conftest import open_store
from tests.contract.guest import PASSWORD, Inbox, Pool
from tests.contract.srp_client import SrpClient

BAD = "Wr0ng-one!"
HERE, THERE = "203.0.113.7", "203.0.113.8"
ALLOWED = 5
PROXIED = {"X-Forwarded-For": f"198.51.100.1, {HERE}"}


def outcome(answer) -> str:
    return json.loads(answer.text).get("__type", "signed in")


class Service:
    """The service with a limit of five, a user pool and one user in it; asked from wherever a test is."""

    def __init__(self, instance, clock, **given):
        store = open_store(instance, **{"source_failures": ALLOWED, **given})
        store.clock, self.local = clock, store.local
        self.pool = Pool.make(HeldToTheModel(self.local), Inbox(self.local))
        self.pool.user()
        self.client = self.pool.client()
        self.hiding = self.pool.client(PreventUserExistenceErrors="ENABLED")
        self.app = create_app(self.local.settings, backend=self.local)
        self.wire = Wire(self.app.test_client())

    def post(self, operation: str, request: dict, address: str = HERE, headers: dict | None = None, **how):
        return self.wire.post(operation, request, headers=headers, environ_base={"REMOTE_ADDR": address}, **how)

    def sign_in(self, username: str, password: str = PASSWORD, address: str = HERE, client=None, headers=None):
        request = {"ClientId": (client or self.client).id, "AuthFlow": "USER_PASSWORD_AUTH",
                   "AuthParameters": {"USERNAME": username, "PASSWORD": password}}
        return outcome(self.post("InitiateAuth", request, address, headers))

    def fail(self, number: int, address: str = HERE, headers=None) -> str:
        """A wrong password for another name each time; whether it is anybody's does not show."""
        return self.sign_in(f"name-{number}", BAD, address, self.hiding, headers)

    def spray(self, address: str = HERE) -> set[str]:
        return {self.fail(number, address) for number in range(ALLOWED + 1)}


TOO_MANY = "TooManyRequestsException"


@pytest.fixture
def make_service(tmp_path, settings, clock):
    made = []

    def make(**given) -> Service:
        made.append(Service(tmp_path, clock, **given))
        return made[-1]

    yield make
    for service in made:
        service.local.close()


@pytest.fixture(params=["database", "redis"])
def service(request, make_service):
    given = {"counters_url": request.getfixturevalue("redis_server").url} if request.param == "redis" else {}
    return make_service(**given)


def test_a_password_tried_on_many_users_locks_the_address_and_no_user(service):
    assert service.spray() == {"NotAuthorizedException"}
    for username in ("user-1", "name-1", "nobody"):
        assert service.sign_in(username) == TOO_MANY
    assert service.sign_in("user-1", address=THERE) == "signed in"


def test_the_refusal_says_when_to_come_again_and_keeps_its_word(service, clock):
    service.spray()
    request = {"ClientId": service.client.id, "AuthFlow": "USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "user-1", "PASSWORD": PASSWORD}}
    refusal = service.post("InitiateAuth", request)
    assert (refusal.status_code, json.loads(refusal.text)["message"]) == (400, "Rate exceeded")
    clock.advance(seconds=int(refusal.headers["Retry-After"]) - 1)
    assert service.sign_in("user-1") == TOO_MANY
    clock.advance(seconds=1)
    assert service.sign_in("user-1") == "signed in"
    assert service.sign_in("user-1", BAD) == "NotAuthorizedException"  # one more in this hour
    assert service.sign_in("user-1") == TOO_MANY
    clock.advance(hours=1)
    for number in range(ALLOWED):
        service.fail(number)
    assert service.sign_in("user-1") == "signed in"


def test_who_signs_in_does_not_count(service):
    for _ in range(3 * ALLOWED):
        assert service.sign_in("user-1") == "signed in"
    for number in range(ALLOWED):
        service.fail(number)
    assert service.sign_in("user-1") == "signed in"


def test_names_that_nobody_has_count_whether_or_not_that_is_hidden(make_service):
    service = make_service()
    for number in range(3):
        assert service.sign_in(f"nobody-{number}", BAD) == "UserNotFoundException"
        assert service.sign_in(f"no-one-{number}", BAD, client=service.hiding) == "NotAuthorizedException"
    assert service.sign_in("user-1") == service.sign_in("nobody-9") == TOO_MANY


def test_so_do_wrong_codes_and_wrong_proofs(make_service, clock):
    service = make_service()
    sender = HeldToTheModel(Remote(service))
    client = Pool(sender, None, service.pool.id).client(PreventUserExistenceErrors="ENABLED")
    for number in range(3):
        with pytest.raises(Exception, match="Incorrect"):
            SrpClient(client, f"name-{number}", BAD).sign_in(clock.now)
    for number in range(3):
        service.client.sign_up(f"new-{number}", email=f"new-{number}@example.com")
        assert sender.refusal("ConfirmSignUp", {"ClientId": client.id, "Username": f"new-{number}",
                                                "ConfirmationCode": "no-code"}).startswith("CodeMismatch")
    for operation in ("ConfirmSignUp", "ConfirmForgotPassword"):
        request = {"ClientId": client.id, "Username": "new-1", "ConfirmationCode": "no-code"}
        more = {"Password": PASSWORD} if operation == "ConfirmForgotPassword" else {}
        assert sender.refusal(operation, {**request, **more}).startswith(TOO_MANY)


class Remote:
    """The backend as one is asked by a guest from HERE; an administrator's calls come from nowhere."""

    def __init__(self, service):
        self.local = service.local

    def call(self, operation, request, caller):
        return self.local.call(operation, request, caller if caller == OPERATOR else replace(caller, address=HERE))


def test_our_pages_count_for_whoever_is_at_the_browser_and_say_so_kindly(make_service):
    service = make_service()
    client = service.pool.client(AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
                                 AllowedOAuthScopes=["openid"], CallbackURLs=["https://app.example.com/"],
                                 SupportedIdentityProviders=["COGNITO"])
    service.spray()
    query = {"client_id": client.id, "response_type": "code", "redirect_uri": "https://app.example.com/"}
    browser = service.app.test_client()
    page = browser.get("/login", query_string=query)
    typed = {"username": "user-1", "password": PASSWORD, "_csrf": re.search(r'name="_csrf" value="([^"]+)"', page.text)[1]}
    answer = browser.post("/login", query_string=query, data=typed, environ_base={"REMOTE_ADDR": HERE})
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert "Too many attempts. Wait a few minutes" in answer.text
    answer = browser.post("/login", query_string=query, data=typed, environ_base={"REMOTE_ADDR": THERE})
    assert answer.status_code == 303


def test_an_ipv6_network_is_one_source(make_service):
    service = make_service()
    for number in range(ALLOWED + 1):
        service.fail(number, address=f"2001:db8:0:1::{number}")
    assert service.sign_in("user-1", address="2001:db8:0:1:ffff::") == TOO_MANY
    assert service.sign_in("user-1", address="2001:db8:0:2::") == "signed in"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_exempt(make_service, address):
    service = make_service()
    service.spray(address)
    assert service.sign_in("user-1", address=address) == "signed in"


@pytest.mark.parametrize("given", [{"source_exempt": "10.0.0.0/8, 203.0.113.0/24"}, {"source_failures": 0}])
def test_so_is_whoever_the_settings_say(make_service, given):
    service = make_service(**given)
    service.spray()
    assert service.sign_in("user-1") == "signed in"


@pytest.fixture
def servers(make_service):
    """How an app's own server signs its users in: by AWS credentials, and by its client's secret."""
    service = make_service(source_exempt="")
    secret = service.pool.client(GenerateSecret=True, PreventUserExistenceErrors="ENABLED")

    def by_credentials(username, password, context):
        return outcome(service.post("AdminInitiateAuth", {
            "UserPoolId": service.pool.id, "ClientId": service.hiding.id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": username, "PASSWORD": password},
            **({"ContextData": {"ServerName": "app", "ServerPath": "/", "HttpHeaders": [], **context}} if context else {}),
        }, signed=True, address="127.0.0.1"))

    def by_secret(username, password, context):
        return outcome(service.post("InitiateAuth", {
            "ClientId": secret.id, "AuthFlow": "USER_PASSWORD_AUTH", "UserContextData": context,
            "AuthParameters": {"USERNAME": username, "PASSWORD": password, "SECRET_HASH": secret.hash(username)}}))

    return {"credentials": by_credentials, "secret": by_secret}


@pytest.mark.parametrize("proof", ["credentials", "secret"])
def test_a_server_that_asks_for_many_is_not_counted_but_the_address_that_it_names_is(servers, proof):
    sign_in = servers[proof]
    for number in range(ALLOWED + 1):
        assert sign_in(f"name-{number}", BAD, {}) == "NotAuthorizedException"
    assert sign_in("user-1", PASSWORD, {}) == "signed in"
    for number in range(ALLOWED + 1):
        assert sign_in(f"name-{number}", BAD, {"IpAddress": THERE}) == "NotAuthorizedException"
    assert sign_in("user-1", PASSWORD, {"IpAddress": THERE}) == TOO_MANY
    assert sign_in("user-1", PASSWORD, {"IpAddress": "198.51.100.1"}) == "signed in"


def test_nobody_passes_for_a_server_who_does_not_know_the_secret(make_service):
    service = make_service()
    for number in range(ALLOWED + 1):
        service.fail(number)
    request = {"ClientId": service.client.id, "AuthFlow": "USER_PASSWORD_AUTH", "UserContextData": {"IpAddress": THERE},
               "AuthParameters": {"USERNAME": "user-1", "PASSWORD": PASSWORD}}
    assert outcome(service.post("InitiateAuth", request)) == TOO_MANY
    request["AuthParameters"]["SECRET_HASH"] = "made-up"
    assert outcome(service.post("InitiateAuth", request)) == "InvalidParameterException"


def test_what_a_guest_says_of_his_address_is_not_believed(make_service):
    service = make_service()
    for number in range(ALLOWED + 1):
        service.fail(number, headers={"X-Forwarded-For": f"198.51.100.{number}"})
    assert service.sign_in("user-1", headers={"X-Forwarded-For": "198.51.100.99"}) == TOO_MANY
    assert service.sign_in("user-1", headers=PROXIED, address=THERE) == "signed in"


def test_what_a_trusted_proxy_adds_is(make_service):
    service = make_service(trusted_proxies=1)
    for number in range(ALLOWED + 1):
        service.fail(number, "127.0.0.1", headers={"X-Forwarded-For": f"198.51.100.{number}, {HERE}"})
    assert service.sign_in("user-1", address="127.0.0.1", headers=PROXIED) == TOO_MANY
    assert service.sign_in("user-1", address="127.0.0.1", headers={"X-Forwarded-For": f"{HERE}, {THERE}"}) == "signed in"


def test_who_comes_by_a_trusted_proxy_is_never_of_this_machine(make_service):
    service = make_service(trusted_proxies=1)
    answer = service.wire.post("ListUserPools", {"MaxResults": 1}, signed=True, headers={"X-Forwarded-For": "127.0.0.1"})
    assert outcome(answer) == "AccessDeniedException"


@pytest.mark.parametrize(("address", "counted"), [
    (None, None), ("203.0.113.7", "203.0.113.7"), ("203.0.113.7:4711", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
    ("unknown", UNKNOWN), ("", UNKNOWN), ("_hidden", UNKNOWN), ("[", UNKNOWN)])
def test_every_way_to_write_an_address_is_counted(address, counted):
    assert counted_as(address, ()) == counted


@pytest.mark.parametrize(("name", "value"), [("source_exempt", "10.0.0.1/8"), ("source_exempt", "localhost"),
                                             ("source_failures", -1), ("trusted_proxies", -1), ("threads", -1)])
def test_settings_that_cannot_be_meant_are_refused(tmp_path, name, value):
    with pytest.raises(SettingsError, match=name):
        load(instance=tmp_path, **{name: value})
