"""What only the counters in Redis can show: how long a count stays there, what it tells, a lock at the last moment."""

import shutil

import pytest
from redis import Redis
from sqlalchemy import event

from authservice.local.backend import LocalBackend
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import LOCKED, WRONG, Inbox, Pool, refused

BAD = "Wr0ng-one!"
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def redis(redis_server):
    redis_server.empty()
    with Redis(port=redis_server.port) as client:
        yield client


@pytest.fixture
def make_backend(redis_server, tmp_path, empty_database, clock):
    shutil.copy(empty_database, tmp_path / "authservice.db")
    made = []

    def make() -> LocalBackend:
        made.append(LocalBackend(make_settings(tmp_path, counters_url=redis_server.url, audit="off"), clock))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def client(make_backend):
    backend = make_backend()
    pool = Pool.make(HeldToTheModel(backend), Inbox(backend))
    pool.user("user-1", email="user-1@example.com")
    return pool.client()


def test_a_count_goes_by_itself_and_names_nobody(client, redis):
    for _ in range(6):
        refused(client.sign_in, "user-1", BAD)
    client.call("ForgotPassword", "user-1")
    keys = redis.keys()
    assert len(keys) == 2
    for key in keys:
        assert 0 < redis.pttl(key) < DAY_MS
        assert b"user-1" not in key and b"example.com" not in b"".join(redis.hgetall(key).values())


def test_what_ended_is_gone(client, redis):
    refused(client.sign_in, "user-1", BAD)
    client.tokens()
    assert redis.keys() == []


def test_a_lock_that_comes_while_a_sign_in_commits_stays(client, redis, make_backend):
    other = Pool(HeldToTheModel(make_backend()), None, client.pool.id)
    guesser = type(client)(other, client.id, None)
    assert refused(client.sign_in, "user-1", BAD) == WRONG
    guesses = iter([True])

    def four_others_guess(connection):
        if next(guesses, False):
            assert [refused(guesser.sign_in, "user-1", BAD) for _ in range(4)] == [WRONG] * 4

    event.listen(client.backend.inner.engine, "commit", four_others_guess)
    client.tokens()
    assert refused(client.sign_in) == LOCKED
