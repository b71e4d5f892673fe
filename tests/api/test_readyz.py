"""/healthz and /readyz: what they find, in which words, and how long they take."""

import threading
import time

import pytest

from authservice import create_app, health
from authservice.cognito.backend import CognitoBackend
from authservice.config import Settings
from authservice.contract import OPERATOR
from authservice.local import database
from authservice.local.backend import LocalBackend
from tests.conftest import make_settings

FINE = {"database": "ok", "migrations": "ok", "keys": "ok"}


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch):
    monkeypatch.setattr(health, "BELIEVED_SECONDS", 0.0)


@pytest.fixture
def pool(local) -> str:
    return local.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]


def write(backend: LocalBackend, statement: str) -> None:
    with backend.engine.connect() as connection:
        connection.exec_driver_sql(statement)
        connection.commit()


def found(client) -> dict:
    answer = client.get("/readyz")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.status_code == 200) == (set(answer.json.values()) == {"ok"})
    return answer.json


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_service_that_works_says_so_to_get_and_head(client, pool, path):
    assert client.get(path).status_code == 200
    answer = client.head(path)
    assert answer.status_code == 200 and answer.data == b""


def test_each_check_is_named(client, pool):
    assert found(client) == FINE


def test_a_service_without_a_pool_is_ready(client):
    assert found(client) == FINE


def test_another_schema_is_not_ours(client, local):
    write(local, "UPDATE alembic_version SET version_num = '0000'")
    ours = database.REVISIONS[-1]
    assert found(client) == {**FINE, "migrations": f"the schema is 0000, this version needs {ours}"}
    write(local, "DROP TABLE alembic_version")
    assert found(client)["migrations"] == f"the schema is missing, this version needs {ours}"


@pytest.mark.parametrize("use", ["id", "access"])
def test_a_pool_that_cannot_sign_is_counted_not_named(client, local, pool, use):
    write(local, f"DELETE FROM signing_keys WHERE use = '{use}'")
    assert found(client) == {**FINE, "keys": "pools without signing keys: 1"}


def test_a_seal_key_of_another_installation_opens_nothing(local, pool, tmp_path, clock):
    elsewhere = tmp_path / "restored"
    elsewhere.mkdir()
    database.backup(local.engine, elsewhere / "authservice.db", lambda left, total: None)
    strange = LocalBackend(make_settings(elsewhere), clock)
    client = create_app(strange.settings, backend=strange).test_client()
    assert found(client) == {**FINE, "keys": "seal.key does not open what the database holds"}
    strange.close()


def test_a_database_that_is_damaged_is_told_by_its_kind_alone(client, local, tmp_path):
    local.tools.connections.close()
    local.engine.dispose()
    for file in tmp_path.glob("authservice.db*"):
        file.write_bytes(b"no database, but a secret" * 1000)
    assert set(found(client).values()) == {"failed: DatabaseError"}
    assert client.get("/healthz").status_code == 200  # to start it anew would not help


@pytest.fixture
def stuck(local, pool, postgres, tmp_path, clock):
    """A service whose database takes connections and answers nothing; gives (client, free it)."""
    backend = LocalBackend(make_settings(tmp_path, database_url=postgres.create_database()), clock)
    with backend.engine.connect() as holder:
        database.begin_writing(holder)
        holder.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        yield create_app(backend.settings, backend=backend).test_client(), holder.rollback
    backend.close()


def test_a_database_that_does_not_answer_takes_a_second_and_one_thread(stuck):
    client, free = stuck
    began = time.monotonic()
    assert found(client) == {"database": "ok", "migrations": "no answer within 1 s", "keys": "no answer within 1 s"}
    for _ in range(20):
        assert client.get("/readyz").status_code == 503
    assert 0.9 < time.monotonic() - began < 3
    assert len([thread for thread in threading.enumerate() if thread.name == "readiness"]) == 1
    free()
    deadline = time.monotonic() + 10
    while found(client) != FINE:
        assert time.monotonic() < deadline


def test_all_who_ask_within_a_second_get_one_finding(client, local, pool, monkeypatch):
    monkeypatch.setattr(health, "BELIEVED_SECONDS", 1000.0)
    assert found(client) == FINE
    write(local, "DROP TABLE alembic_version")
    assert found(client) == FINE
    monkeypatch.setattr(health, "BELIEVED_SECONDS", 0.0)
    assert found(client) != FINE


def in_front_of_amazon(tmp_path, credentials) -> dict:
    settings = Settings(instance=tmp_path, backend="cognito", cognito_user_pool_id="eu-west-1_AbC123xYz",
                        cognito_endpoint_url="http://127.0.0.1:9")
    return found(create_app(settings, backend=CognitoBackend(settings, credentials)).test_client())


def test_in_front_of_amazon_what_can_be_known_is_whether_there_are_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert in_front_of_amazon(tmp_path, ("id", "secret")) == {"credentials": "ok"}
    assert in_front_of_amazon(tmp_path, None) == {"credentials": "none found"}
