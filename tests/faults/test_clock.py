"""Clocks that are wrong: two workers five minutes apart on one database, and a clock that is set back by an hour."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, insert, select

import authservice
from authservice import create_app
from authservice.local import believed, database, history, invariants
from authservice.local.accounts import directory
from authservice.local.backend import LocalBackend
from authservice.local.messaging import delivery
from authservice.local.models import Attempts, OutboxMessage
from authservice.local.tokens import keys
from tests.conftest import HeldToTheModel, ready_made_keys  # noqa: F401  a fixture for every test here
from tests.contract.guest import (LIMIT, LOCKED, MFA_CODE_USED, SESSION_EXPIRED, SESSION_USED, WRONG, Client, Inbox,
                                  Pool, claims, header, refused)
from tests.faults.apps import CALLBACK, browser, by_code, rotating
from tests.services import smtp

APART = timedelta(minutes=5)
EXPIRED_TOKEN = "NotAuthorizedException: Access Token has expired"
EXPIRED_REFRESH = "NotAuthorizedException: Refresh Token has expired"
REUSED = "RefreshTokenReuseException: Refresh token has been reused."


class Workers:
    """Two workers on one database: the first has the test's clock, the second one that is `apart` from it."""

    def __init__(self, settings, clock):
        self.clock, self.apart = clock, APART
        self.first = LocalBackend(settings, clock)
        self.second = LocalBackend(settings, lambda: clock() + self.apart)
        for store in (self.first, self.second):
            store.courier.stop()
        self.pool = Pool.make(HeldToTheModel(self.first), Inbox(self.first), mfa="OPTIONAL")

    def set_back(self) -> None:
        """The clocks of both jump back by an hour, and agree from then on."""
        self.clock.advance(hours=-1)
        self.apart = timedelta(0)

    def at_second(self, client: Client) -> Client:
        """The same app client, at the second worker."""
        there = HeldToTheModel(self.second)
        return Client(Pool(there, client.inbox, client.pool.id), client.id, client.secret)

    def close(self) -> None:
        self.first.close()
        self.second.close()


@pytest.fixture
def workers(settings, clock):
    workers = Workers(settings, clock)
    yield workers
    assert workers.first.run(lambda call: list(invariants.violations(call))) == []
    workers.close()


@pytest.fixture
def pool(workers) -> Pool:
    workers.pool.user()
    return workers.pool


def get_user(client: Client, tokens: dict) -> dict:
    return client.backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})


# What expires

@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_token_holds_at_a_worker_whose_clock_differs_until_its_own_exp(pool, workers, clock, minutes):
    client = pool.client(AccessTokenValidity=10, TokenValidityUnits={"AccessToken": "minutes"})
    workers.apart = timedelta(minutes=minutes)
    there = workers.at_second(client)
    for here, elsewhere, behind in ((client, there, 0), (there, client, minutes)):
        tokens = here.tokens()
        get_user(elsewhere, tokens)
        left = timedelta(minutes=10 + behind) - (workers.apart if elsewhere is there else timedelta(0))
        clock.now += left - timedelta(seconds=1)
        get_user(elsewhere, tokens)
        clock.advance(seconds=1)
        assert refused(get_user, elsewhere, tokens) == EXPIRED_TOKEN, "no leeway: 60 s would be the most"


def test_nothing_outlives_what_its_row_says_because_the_clock_was_set_back(pool, workers, clock):
    client = rotating(pool, 0, RefreshTokenValidity=60, TokenValidityUnits={"RefreshToken": "minutes"})
    authenticator = client.set_up_totp("user-1", clock)
    pool.user("user-2")
    tokens, begun = client.tokens("user-2"), client.sign_in()["Session"]
    exp = claims(tokens["AccessToken"])["exp"]
    workers.set_back()
    client.rotate(tokens["RefreshToken"])  # the successor inherits the end
    successor = client.tokens("user-2")
    assert claims(successor["AccessToken"])["exp"] == exp - 3600
    clock.advance(hours=1, minutes=3)
    assert refused(client.answer_totp, begun, authenticator.code()) == SESSION_EXPIRED
    assert refused(client.rotate, successor["RefreshToken"]) == EXPIRED_REFRESH
    clock.advance(minutes=57)
    assert refused(get_user, client, tokens) == EXPIRED_TOKEN
    assert refused(client.rotate, tokens["RefreshToken"]) == EXPIRED_REFRESH


# What is spent

def test_what_is_spent_stays_spent_when_the_clock_is_set_back(pool, workers, clock):
    client = rotating(pool, 0)
    authenticator = client.set_up_totp("user-1", clock)
    pool.user("user-2")
    token = client.tokens("user-2")["RefreshToken"]
    client.rotate(token)
    clock.advance(minutes=1)
    session, code = client.sign_in()["Session"], authenticator.code()
    client.answer_totp(session, code)
    workers.set_back()
    assert refused(client.answer_totp, session, authenticator.code()) == SESSION_USED
    assert refused(client.rotate, token) == REUSED


@pytest.mark.parametrize("seconds", [0, -30, -3600])
def test_an_authenticators_step_never_counts_again_nor_an_earlier_one(pool, workers, clock, seconds):
    client = pool.client()
    authenticator = client.set_up_totp("user-1", clock)
    clock.advance(minutes=1)
    client.answer_totp(client.sign_in()["Session"], authenticator.code())
    clock.advance(seconds=seconds)
    for at in (client, workers.at_second(client)):
        workers.apart = timedelta(0)
        assert refused(at.answer_totp, at.sign_in()["Session"], authenticator.code()) == MFA_CODE_USED


@pytest.mark.parametrize("back", [timedelta(seconds=2), APART, timedelta(hours=1)])
def test_a_second_use_of_a_code_ends_the_sign_in_also_where_the_clock_is_behind(pool, workers, back):
    client = by_code(pool)
    asked = {"response_type": "code", "client_id": client.id, "redirect_uri": CALLBACK}
    here, there = (create_app(store.settings, backend=store).test_client(use_cookies=False)
                   for store in (workers.first, workers.second))
    sent = here.get("/oauth2/authorize", query_string=asked, headers={"Cookie": browser(client)}).location
    form = {"grant_type": "authorization_code", "client_id": client.id, "redirect_uri": CALLBACK,
            "code": parse_qs(urlsplit(sent).query)["code"][0]}
    given = here.post("/oauth2/token", data=form).json
    workers.apart = -back
    assert there.post("/oauth2/token", data=form).json["error"] == "invalid_grant"
    again = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": given["refresh_token"]}
    assert here.post("/oauth2/token", data=again).json["error"] == "invalid_grant"


# What is counted

def test_a_lock_ends_when_its_row_says_and_counting_goes_on(pool, workers, clock):
    client = pool.client()
    for _ in range(5):
        assert refused(client.sign_in, password="wrong") == WRONG
    workers.set_back()
    assert refused(client.tokens) == LOCKED
    clock.advance(hours=1, milliseconds=999)
    assert refused(client.tokens) == LOCKED
    clock.advance(milliseconds=1)
    client.tokens()
    workers.set_back()
    for at in (client, workers.at_second(client), client, client, client):
        assert refused(at.sign_in, password="wrong") == WRONG
    assert refused(workers.at_second(client).tokens) == LOCKED
    clock.advance(seconds=1)
    client.tokens()


def test_an_hourly_limit_is_never_the_wider_and_ends(pool, workers, clock):
    client = pool.client()
    client.sign_up("user-2", email="user-2@example.com")
    for _ in range(5):
        client.call("ResendConfirmationCode", "user-2")
    workers.set_back()
    assert refused(client.call, "ResendConfirmationCode", "user-2") == LIMIT
    clock.advance(hours=2, milliseconds=-1)
    assert refused(workers.at_second(client).call, "ResendConfirmationCode", "user-2") == LIMIT
    clock.advance(milliseconds=1)
    client.call("ResendConfirmationCode", "user-2")


# What goes on by itself

def test_expired_rows_are_removed_also_after_the_clock_was_set_back(pool, workers, clock):
    workers.set_back()
    over = clock.now - timedelta(hours=2)
    with database.session(workers.first.engine) as db:
        database.begin_writing(db)
        db.execute(insert(Attempts).values(subject=b"old", kind="password", count=1, since=over, expires_at=over))
        db.commit()
    pool.attributes()
    assert workers.first.run(lambda call: call.db.scalar(select(func.count()).select_from(Attempts))) == 0


def test_the_audit_trail_keeps_what_happens_after_the_clock_was_set_back(pool, workers, clock):
    pool.client()
    workers.set_back()
    pool.client()
    workers.first.trail.flush()
    ids = workers.first.run(lambda call: [event["eventTime"] for event in
                                          history.look_up(call, "CreateUserPoolClient", pool=pool.id)])
    assert ids == ["2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z"]
    lately = workers.first.run(lambda call: list(history.look_up(call, "CreateUserPoolClient", since=clock.now)))
    assert len(lately) == 2


def test_a_message_waits_no_longer_than_its_row_says_and_a_new_one_not_at_all(settings, clock, request):
    with smtp.running("refuses") as server:
        workers = Workers(replace(settings, smtp_url=server.url), clock)
        request.addfinalizer(workers.close)
        client = workers.pool.client()
        client.sign_up("user-1", email="user-1@example.com")
        assert delivery.Courier(workers.first).deliver_due() == 0
        workers.set_back()
        server.mode = "accepts"
        client.sign_up("user-2", email="user-2@example.com")
        assert delivery.Courier(workers.second).deliver_due() == 1
        assert server.messages[0].recipients == ["user-2@example.com"]
        clock.advance(hours=1, seconds=10)
        assert delivery.Courier(workers.first).deliver_due() == 1


def test_a_message_in_hand_is_not_taken_by_a_worker_whose_clock_is_ahead(settings, clock, request):
    with smtp.running() as server:
        workers = Workers(replace(settings, smtp_url=server.url), clock)
        request.addfinalizer(workers.close)
        workers.pool.client().sign_up("user-1", email="user-1@example.com")
        held = delivery.Courier(workers.first)._claim()
        clock.advance(minutes=2)  # longer than a delivery takes
        assert delivery.Courier(workers.second).deliver_due() == 0
        delivery.Courier(workers.first)._settle(held, None)
        with database.session(workers.first.engine) as db:
            assert db.scalar(select(OutboxMessage)).sent_at == clock.now


# What is remembered

def rotate(store, pool, **how) -> set[str]:
    """New signing keys by this worker; gives the kids of the old ones."""
    return set(store.run(lambda call: keys.rotate(call, directory.pool(call, pool.id), **how)))


def published(store, pool) -> set[str]:
    return {jwk["kid"] for jwk in store.run(lambda call: keys.jwks(call, directory.pool(call, pool.id)))}


@pytest.mark.parametrize("how", ["at_once", "compromised"])
@pytest.mark.parametrize("by", ["ahead", "behind", "set back"])
def test_new_keys_sign_and_old_ones_end_at_every_worker_whatever_its_clock_says(pool, workers, by, how):
    client = pool.client()
    workers.apart = -APART if by == "behind" else APART
    there = workers.at_second(client)
    before = client.tokens(), there.tokens()
    if by == "set back":
        workers.set_back()
    old = rotate(workers.second, pool, **{how: True})
    for at in (client, there):
        tokens = at.tokens()
        assert not old & {header(tokens[name])["kid"] for name in ("IdToken", "AccessToken")}
        for other in (client, there):
            get_user(other, tokens)
    for store in (workers.first, workers.second):
        assert old.isdisjoint(published(store, pool)) == (how == "compromised")
    if how == "compromised":
        assert {refused(get_user, at, tokens) for at in (client, there) for tokens in before} == {
            "NotAuthorizedException: Could not verify signature for Access Token"}


def test_a_changed_app_client_is_known_to_both_workers_after_the_clock_was_set_back(pool, workers, monkeypatch):
    monkeypatch.setattr(believed, "SECONDS", 0)  # half a second later, whatever the clock says
    client = pool.client()
    there = workers.at_second(client)
    client.tokens(), there.tokens()
    workers.set_back()
    pool.call("UpdateUserPoolClient", ClientId=client.id, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    for at in (client, there):
        assert refused(at.tokens).endswith("USER_PASSWORD_AUTH flow not enabled for this client")


# What is measured

def test_no_duration_is_measured_by_a_clock_that_can_be_set():
    room = Path(authservice.__file__).parent
    found = {path.relative_to(room).as_posix() for path in room.rglob("*.py") if re.search(r"\btime\.time\(", path.read_text())}
    assert found == {"logs.py", "demo/glossary.py"}, "these two tell the time of day"
