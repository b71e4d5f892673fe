"""Fault 3.9: many guesses at once, by the threads of two processes. Each is counted, none slips past the lock while
it is being set; wherever the counts are kept."""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime, timezone
from threading import Barrier

import pytest

from authservice.contract import ANONYMOUS
from authservice.errors import CognitoError
from authservice.local.accounts import directory, lockout
from authservice.local.backend import LocalBackend
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import LIMIT, LOCKED, MISMATCH, PASSWORD, WRONG, Inbox, Pool, refused

PROCESSES, THREADS = 2, 25
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
BAD = "Wr0ng-one!"


def clock() -> datetime:
    """A moment that does not pass, so that no lock ends during a test."""
    return NOW


def meet(barrier) -> None:
    global together
    together = barrier


def send(settings, operation: str, request: dict) -> list[str]:
    """Send a request by every thread of a process, once all processes are ready; answers 'Code: message' for each."""
    backend = LocalBackend(settings, clock)
    ready = Barrier(THREADS, action=together.wait)

    def one(_) -> str:
        ready.wait(60)
        try:
            return str(backend.call(operation, request, ANONYMOUS))
        except CognitoError as refusal:
            return str(refusal)

    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = list(threads.map(one, range(THREADS)))
    backend.close()
    return outcomes


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, meet, [context.Barrier(PROCESSES, timeout=60)]) as pool:
        yield pool


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def settings(request, tmp_path, empty_database):
    if request.param == "postgresql":
        return make_settings(tmp_path, database_url=request.getfixturevalue("postgres").create_migrated_database())
    shutil.copy(empty_database, tmp_path / "authservice.db")
    redis = request.param == "redis"
    return make_settings(tmp_path, counters_url=request.getfixturevalue("redis_server").url if redis else "")


@pytest.fixture
def backend(settings):
    backend = LocalBackend(settings, clock)
    yield backend
    backend.close()


@pytest.fixture
def client(backend):
    pool = Pool.make(HeldToTheModel(backend), Inbox(backend))
    pool.user()
    return pool.client()


@pytest.fixture
def all_at_once(processes, settings, client):
    def run(operation: str, **request) -> list[str]:
        asked = [processes.submit(send, settings, operation, {"ClientId": client.id, **request})
                 for _ in range(PROCESSES)]
        return [outcome for process in asked for outcome in process.result()]

    return run


def on_record(backend, client, name: str, kind: str) -> int:
    def read(call) -> int:
        pool = directory.client_to_read(call, client.id).pool
        key = (lockout.subject(call, pool, directory.find_user(call, pool, name), name), kind)
        return call.counters.find(call, key)[key].tries

    return backend.run(read)


def test_of_fifty_wrong_passwords_five_are_told_so_and_then_not_even_the_right_one_is(client, backend, all_at_once):
    outcomes = all_at_once("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH",
                           AuthParameters={"USERNAME": "user-1", "PASSWORD": BAD})
    assert sorted(outcomes) == sorted([WRONG] * 5 + [LOCKED] * 45)
    assert refused(client.sign_in) == LOCKED
    assert 5 <= on_record(backend, client, "user-1", "password") <= 50


def test_every_one_of_fifty_tries_at_a_code_is_counted_once(client, backend, all_at_once):
    client.sign_up("user-2", email="user-2@example.com")
    outcomes = all_at_once("ConfirmSignUp", Username="user-2", ConfirmationCode="no-code")
    assert sorted(outcomes) == sorted([MISMATCH] * 15 + [LIMIT] * 35)
    assert on_record(backend, client, "user-2", "ConfirmSignUp") == 50


def test_the_right_password_is_refused_when_the_lock_came_while_it_was_looked_at(settings, client, backend):
    """The tokens of a sign-in are made of random bytes: at that moment five others guess wrong."""
    guessed = []

    def random(n: int) -> bytes:
        if not guessed:
            guessed.extend(refused(client.sign_in, "user-1", BAD) for _ in range(5))
        return bytes(n)

    late = LocalBackend(settings, clock, random)
    request = {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "user-1", "PASSWORD": PASSWORD}}
    try:
        assert refused(late.call, "InitiateAuth", request, ANONYMOUS) == LOCKED
        assert guessed == [WRONG] * 5
        assert on_record(backend, client, "user-1", "password") == 5
    finally:
        late.close()
