"""While Redis does not answer nobody knows who is locked: what has to know is refused (503), all else goes on."""

import json
import os
import shutil
import signal
import sys

import pytest

from authservice import create_app
from authservice.config import SettingsError
from authservice.local.backend import LocalBackend
from tests.api.conftest import Wire
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import PASSWORD, Inbox, Pool
from tests.services import redis as redis_service
from tests.services import unavailable

BAD = "Wr0ng-one!"


@pytest.fixture
def redis():
    """A Redis of the test's own, to be taken away."""
    reason = redis_service.missing()
    if reason:
        unavailable("REDIS", reason)
    with redis_service.running() as server:
        yield server


@pytest.fixture
def local(redis, tmp_path, empty_database, clock):
    shutil.copy(empty_database, tmp_path / "authservice.db")
    backend = LocalBackend(make_settings(tmp_path, counters_url=redis.url), clock)
    yield backend
    backend.close()


@pytest.fixture
def client(local):
    pool = Pool.make(HeldToTheModel(local), Inbox(local))
    pool.user(email="user-1@example.com")
    return pool.client()


@pytest.fixture
def wire(local, client):
    app = create_app(local.settings, backend=local)
    return Wire(app.test_client())


def sign_in(wire, client, password=PASSWORD):
    return wire.post("InitiateAuth", {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
                                      "AuthParameters": {"USERNAME": "user-1", "PASSWORD": password}})


def answers_503(answer) -> bool:
    return (answer.status_code == 503 and json.loads(answer.text)["__type"] == "InternalErrorException"
            and int(answer.headers["Retry-After"]) > 0)


def ready(wire) -> dict:
    return wire.client.get("/readyz").json


def test_no_password_is_looked_at_while_redis_is_away(wire, client, local, redis, caplog):
    token = client.tokens()["AccessToken"]
    redis.stop()
    assert ready(wire)["counters"] == "failed: ConnectionError"
    for password in (PASSWORD, BAD):
        assert answers_503(sign_in(wire, client, password))
    assert answers_503(wire.post("ForgotPassword", {"ClientId": client.id, "Username": "user-1"}))
    assert "counters in Redis do not answer" in caplog.text
    assert wire.post("GetUser", {"AccessToken": token}).status_code == 200
    redis.start()
    assert sign_in(wire, client).status_code == 200


def test_nor_while_redis_hangs(wire, client, redis):
    client.tokens()
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        assert answers_503(sign_in(wire, client))
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)
    assert sign_in(wire, client).status_code == 200


def test_an_address_that_is_none_is_refused_at_the_start(tmp_path):
    with pytest.raises(SettingsError, match="counters_url") as refusal:
        LocalBackend(make_settings(tmp_path, counters_url="redis://:s3cret@127.0.0.1:port/0"))
    assert "s3cret" not in str(refusal.value)


def test_without_the_extra_a_start_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "authservice.local.counters.in_redis", raising=False)
    with pytest.raises(SettingsError, match=r"pip install 'authservice\[redis\]'"):
        LocalBackend(make_settings(tmp_path, counters_url="redis://127.0.0.1:1/0"))
