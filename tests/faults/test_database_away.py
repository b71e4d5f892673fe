"""The database is gone: every door says "not now" in its own words, loses nothing, and works again by itself."""

from collections import Counter
from functools import partial
from itertools import count
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from authservice.contract import ANONYMOUS
from authservice.errors import CognitoError, Unavailable
from authservice.local import database
from authservice.local.models import BrowserSession, User
from tests.conftest import Clock
from tests.contract.guest import PASSWORD
from tests.faults.conftest import installation, locked
from tests.faults.guests import Guest, meanwhile, wait_until
from tests.hosted.guest import Guest as Person
from tests.oauth.conftest import serving
from tests.oauth.provider import CALLBACK, NAME, answer_of, error_page
from tests.oauth.provider import PASSWORD as PROVIDERS_PASSWORD
from tests.services import postgres as postgres_service
from tests.services import unavailable
from tests.services.server import running_service

NOT_NOW = (503, "InternalErrorException")


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of this file's own, to be stopped and started."""
    if reason := postgres_service.missing():
        unavailable("POSTGRES", reason)
    with postgres_service.running(**postgres_service.KEPT) as running:
        yield running


@pytest.fixture(scope="module")
def provider(server, tmp_path_factory, templates):
    """The service in this process, with pools, app clients and a user."""
    instance, url = tmp_path_factory.mktemp("away"), server.create_database()
    with serving(instance, Clock(), templates, database_url=url, database_timeout_seconds=1) as provider:
        provider.server = server
        yield provider


@pytest.fixture
def away(provider):
    """Tokens of a signed-in user, and then the database is stopped."""
    provider.tokens_before = provider.tokens()
    provider.server.stop()
    yield provider
    provider.server.start()


def test_programs_get_503_their_doors_own_error_and_when_to_come_again(away):
    tokens, secret = away.tokens_before, ("machine", "x" * 51)
    answers = [away.refresh(tokens), away.user_info(tokens), away.get(f"/{away.pool_id}/.well-known/jwks.json"),
               away.post("/oauth2/revoke", {"token": tokens["refresh_token"], "client_id": away.web["ClientId"]}),
               away.post("/oauth2/token", {"grant_type": "client_credentials"}, auth=secret)]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
        assert int(answer.headers["Retry-After"]) > 0
    sign_in = {"ClientId": away.web["ClientId"], "AuthFlow": "USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "user-1@example.com", "PASSWORD": PASSWORD}}
    answer = away.post("/", None, json=sign_in, headers={
        "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"})
    assert (answer.status_code, answer.json()["__type"]) == NOT_NOW
    assert int(answer.headers["Retry-After"]) > 0


def test_a_browser_is_sent_to_no_app_that_cannot_be_looked_up(away):
    away.backend.tools.believed.forget()
    answer = away.authorize()
    assert error_page(answer) == "temporarily_unavailable"
    page = away.get(answer.headers["Location"])
    assert page.status_code == 503 and "try again" in page.text


def test_an_app_that_is_known_already_is_told_by_redirect(provider):
    browser = provider.browser()
    with locked(provider.backend.engine.url, "browser_sessions"):
        told = answer_of(provider.authorize(browser))
    assert (told["error"], told["state"]) == ("temporarily_unavailable", "s-1")
    assert "code" in answer_of(provider.authorize(browser))


def test_a_page_keeps_what_was_typed_but_passwords(provider):
    guest = Person(flask_client(provider), provider.url)
    guest.open(f"/oauth2/authorize?{urlencode(provider.request_of())}")
    guest.follow("Create an account")
    typed = {"Email address": "new@example.com", "Password": "Secret-9-typed", "Password again": "Secret-9-typed"}
    provider.server.stop()
    try:
        page = guest.fill_in("Create account", typed)
        assert page.status == 503 and int(page.headers["Retry-After"]) > 0
        assert "Secret-9-typed" not in page.html and "our fault, not yours" in page.alert
        assert guest.press("Load the page again").status == 503  # as often as one likes
    finally:
        provider.server.start()
    page = guest.press("Load the page again")
    assert page.status == 200 and page.heading == "Create an account"
    assert page.labels["Email address"].get("value") == "new@example.com"
    guest.fill_in("Create account", typed)
    assert provider.who("new@example.com")["UserStatus"] == "UNCONFIRMED"


def test_the_end_of_a_session_that_a_sign_in_replaces_is_not_forgotten(provider):
    guest = Person(flask_client(provider), provider.url)
    door = f"/oauth2/authorize?{urlencode(provider.request_of(prompt='login'))}"
    before = sessions(provider)
    guest.open(door)
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PROVIDERS_PASSWORD})
    assert guest.left_to.startswith(CALLBACK) and sessions(provider) == before + 1

    guest.open(door)
    form = guest.page.form_of("Sign in")
    values = {each.get("name"): each.get("value") for each in form.all("input")}
    answer = guest.client.post(form.get("action"), data={**values, "username": NAME, "password": PROVIDERS_PASSWORD},
                               base_url=provider.url)
    with locked(provider.backend.engine.url, "browser_sessions"):
        assert guest.open(answer.headers["Location"]).status == 503
    guest.open(answer.headers["Location"])
    assert guest.left_to.startswith(CALLBACK) and sessions(provider) == before + 1


def sessions(provider) -> int:
    return provider.backend.run(lambda call: call.db.scalar(select(func.count()).select_from(BrowserSession)))


def flask_client(provider):
    from authservice import create_app
    return create_app(provider.backend.settings, backend=provider.backend).test_client()


def test_lost_under_load_it_is_never_a_no_and_never_a_yes_without_a_row(server, tmp_path):
    with installation(tmp_path, server.create_database(), processes=1, workers=2) as house:
        client = house.pool().client()
        house.pool().user()
        client.sign_up("user-1")
        client.pool.backend.call("AdminConfirmSignUp", {"UserPoolId": client.pool.id, "Username": "user-1"})
        numbers, acknowledged = count(), []

        def sign_up(guest: Guest):
            name = f"load-{next(numbers)}"
            answer = guest.call("SignUp", ClientId=client.id, Username=name, Password=PASSWORD,
                                UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}])
            if answer.status == 200:
                acknowledged.append(name)
            return answer.status, answer.outcome

        def sign_in(guest: Guest):
            answer = guest.call("InitiateAuth", ClientId=client.id, AuthFlow="USER_PASSWORD_AUTH",
                                AuthParameters={"USERNAME": "user-1", "PASSWORD": PASSWORD})
            return answer.status, answer.outcome

        guests = house.guests(4)
        with meanwhile(*[partial(sign_up, guest) for guest in guests[:2]],
                       *[partial(sign_in, guest) for guest in guests[2:]]) as outcomes:
            wait_for(outcomes, (200, "200"), 20)
            server.stop()
            wait_for(outcomes, NOT_NOW, 20)
            server.start()
            wait_for(outcomes, (200, "200"), 40)
        kinds = Counter(outcomes)
        assert kinds.keys() == {(200, "200"), NOT_NOW}, kinds
        there = house.store.run(lambda call: set(call.db.scalars(select(User.username))))
        assert set(acknowledged) <= there
        assert house.faults() == []


def wait_for(outcomes: list, wanted: tuple, more: int) -> None:
    """Until so many more of the guests have met with this."""
    enough = outcomes.count(wanted) + more
    wait_until(lambda: outcomes.count(wanted) >= enough, 60)


def test_workers_that_start_before_their_database_wait_for_it(server, tmp_path):
    url = server.create_database()
    server.stop()
    try:
        with running_service(tmp_path, {"AUTHSERVICE_DATABASE_URL": url}, workers=2) as service:
            guest = Guest(service.url)
            assert guest.get("/healthz").status == 200 and guest.get("/readyz").status == 503
            assert guest.call("GetUser", AccessToken="x").status == 503
            assert "waiting for it" in service.log
            server.start()
            wait_until(lambda: service.log.count("the database is there") == 2, 30)
            wait_until(lambda: guest.get("/readyz").status == 200)
            assert [guest.call("GetUser", AccessToken="x").status for _ in range(8)] == [400] * 8
            assert service.process.poll() is None and '"level": "ERROR"' not in service.log
    finally:
        server.stop()
        server.start()


def test_after_a_failover_the_connections_to_a_server_that_only_reads_are_left(provider):
    name = provider.backend.engine.url.database
    set_read_only(provider, name, "on")
    client_id = provider.web["ClientId"]
    forgotten = {"ClientId": client_id, "Username": "user-1@example.com"}
    with pytest.raises(Unavailable):
        provider.backend.call("ForgotPassword", forgotten, ANONYMOUS)
    assert provider.who()["Enabled"]  # what only reads goes on
    set_read_only(provider, name, "off")
    try:
        provider.backend.call("ForgotPassword", forgotten, ANONYMOUS)
    except CognitoError as error:
        pytest.fail(f"a connection of before is still used: {error}")


def set_read_only(provider, name: str, how: str) -> None:
    """As a standby is: transactions of new connections only read, and with "on" there are no others."""
    operator = database.open_engine(provider.server.url(), 5)
    with operator.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = {how}")
        if how == "on":
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    operator.dispose()
