"""Replicas: what only lists is read there, unless they are late, away or of another version; all else never is."""

import pytest
from sqlalchemy import event

from authservice.contract import OPERATOR, service
from authservice.local.backend import LocalBackend
from authservice.local.call import OPERATIONS, READ_AT_REPLICA
from tests.conftest import make_settings
from tests.contract.guest import refused
from tests.faults.guests import wait_until
from tests.services import postgres as postgres_service
from tests.services import unavailable


@pytest.fixture(scope="module")
def servers():
    if reason := postgres_service.missing():
        unavailable("POSTGRES", reason)
    with postgres_service.running() as primary, postgres_service.replica_of(primary) as replica:
        yield primary, replica


@pytest.fixture
def backend(servers, tmp_path):
    """A backend whose pool has one user; `.asked` has a name for each query: primary or replica."""
    primary, replica = servers
    url = primary.create_database()
    backend = LocalBackend(make_settings(tmp_path, database_url=url, database_replica_lag_seconds=1, audit="off",
                                         database_replica_urls=replica.url(url.rpartition("/")[2])))
    pool = backend.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]
    backend.pool, backend.asked = {"UserPoolId": pool}, []
    add_user(backend, "user-1")
    [copy] = backend.replicas._all
    for name, engine in (("primary", backend.engine), ("replica", copy)):
        event.listen(engine, "before_cursor_execute",
                     lambda *_, name=name: backend.asked.append(name))
    backend.copy = copy
    yield backend
    backend.close()
    with copy.connect() as connection:
        connection.exec_driver_sql("SELECT pg_wal_replay_resume()")
    copy.dispose()


def add_user(backend, name: str) -> None:
    backend.call("AdminCreateUser", {**backend.pool, "Username": name, "MessageAction": "SUPPRESS"}, OPERATOR)


def users(backend) -> list[str]:
    return [user["Username"] for user in backend.call("ListUsers", backend.pool, OPERATOR)["Users"]]


def caught_up(backend) -> None:
    def look() -> bool:
        backend.replicas.look()
        return backend.replicas.pick() is backend.copy

    wait_until(look)
    wait_until(lambda: users(backend) == ["user-1"])
    backend.asked.clear()


def asked_by(backend, operation: str, **request) -> set[str]:
    """Who was asked; the thread that looks after the replicas asks both, so those are left out by stopping it."""
    backend.replicas._stopping.set()
    wait_until(lambda: not backend.replicas._thread.is_alive())
    backend.asked.clear()
    backend.call(operation, {**backend.pool, **request}, OPERATOR)
    return set(backend.asked)


def test_a_list_is_read_at_the_replica_and_a_single_user_at_the_primary(backend):
    caught_up(backend)
    assert asked_by(backend, "ListUsers") == {"replica"}
    assert asked_by(backend, "AdminGetUser", Username="user-1") == {"primary"}


def test_a_replica_that_is_late_is_not_asked(backend):
    caught_up(backend)
    with backend.copy.connect() as connection:
        connection.exec_driver_sql("SELECT pg_wal_replay_pause()")
    add_user(backend, "user-2")
    assert users(backend) == ["user-1"]  # for so long as the setting allows
    wait_until(lambda: users(backend) == ["user-2", "user-1"] or users(backend) == ["user-1", "user-2"])
    assert asked_by(backend, "ListUsers") == {"primary"}


def test_a_no_is_the_primarys(backend):
    caught_up(backend)
    with backend.copy.connect() as connection:
        connection.exec_driver_sql("SELECT pg_wal_replay_pause()")
    made = backend.call("CreateUserPool", {"PoolName": "new"}, OPERATOR)["UserPool"]["Id"]
    assert backend.call("ListUsers", {"UserPoolId": made}, OPERATOR)["Users"] == []
    refused(backend.call, "ListUsers", {"UserPoolId": "us-east-1_none"}, OPERATOR)


def test_a_replica_that_goes_away_is_not_missed(backend, servers):
    caught_up(backend)
    servers[1].stop()
    try:
        assert users(backend) == ["user-1"]
        backend.replicas.look()
        assert backend.replicas.pick() is None
    finally:
        servers[1].start()
    caught_up(backend)


def test_another_schema_and_what_is_no_replica_are_left_alone(backend, servers, tmp_path):
    caught_up(backend)
    with backend.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    wait_until(lambda: backend.replicas.pick() is None)
    url = servers[0].create_database()
    other = LocalBackend(make_settings(tmp_path, database_url=url, database_replica_urls=url))
    other.replicas.look()
    assert other.replicas.pick() is None
    other.close()


def test_only_operations_that_list_are_read_at_a_replica():
    assert READ_AT_REPLICA
    for name in READ_AT_REPLICA:
        assert name in OPERATIONS and not service().is_public(name)
        assert name.startswith(("List", "AdminList"))
