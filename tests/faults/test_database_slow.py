"""The database takes its time, for somebody holds what is needed: all waits end, few wait, and we say that we live."""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from authservice.config import Settings
from authservice.contract import OPERATOR
from authservice.errors import Unavailable
from authservice.local import availability, database
from authservice.local.availability import STUCK_SECONDS, Gate
from authservice.local.backend import LocalBackend
from tests.conftest import make_settings
from tests.contract.guest import PASSWORD
from tests.faults.conftest import database_of, installation, locked
from tests.faults.guests import OK, Guest, meanwhile, wait_until

TIMEOUT_SECONDS, THREADS = 4, 4
TIMED_OUT = {"sqlite": "SQLITE_BUSY", "postgresql": "57014"}
NOT_NOW = "InternalErrorException"


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path):
    """One worker with four threads, and a database that may be waited for four seconds."""
    settings = {"AUTHSERVICE_DATABASE_TIMEOUT_SECONDS": TIMEOUT_SECONDS, "AUTHSERVICE_THREADS": THREADS}
    with installation(tmp_path, database_of(request.param, request), processes=1, **settings) as running:
        yield running


@contextlib.contextmanager
def held_by_somebody(house):
    """SQLite: the write lock; PostgreSQL: the table of users."""
    if house.store.engine.dialect.name == "postgresql":
        with locked(house.store.engine.url, "users"):
            yield
    else:
        with contextlib.closing(sqlite3.connect(house.store.engine.url.database, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")


def test_while_others_wait_in_vain_health_is_told_at_once(house):
    client, numbers = house.pool().client(), count()
    waits, health, connections = [], [], []

    def sign_up(guest: Guest) -> str:
        began = time.monotonic()
        answer = guest.call("SignUp", ClientId=client.id, Username=f"user-{next(numbers)}", Password=PASSWORD)
        waits.append(time.monotonic() - began)
        assert (answer.status, answer.outcome) in ((200, OK), (503, NOT_NOW))
        return answer.outcome

    def ask_health(guest: Guest) -> str:
        began = time.monotonic()
        assert guest.get("/healthz").status == 200
        health.append(time.monotonic() - began)
        connections.append(connections_of(house))
        time.sleep(0.1)
        return "health"

    *guests, nurse = house.guests(13)
    with meanwhile(partial(ask_health, nurse), *[partial(sign_up, guest) for guest in guests]) as outcomes:
        wait_until(lambda: outcomes.count(OK) > 12)
        with held_by_somebody(house):
            wait_until(lambda: TIMED_OUT[house.store.engine.dialect.name] in house.services[0].log)
            wait_until(lambda: outcomes.count(NOT_NOW) > 100)  # more than four threads could wait for: most are told at once
        done = outcomes.count(OK)
        wait_until(lambda: outcomes.count(OK) > done + 24)
    assert max(health) < STUCK_SECONDS + 1.5, Counter(outcomes)
    assert max(waits) < 2 * TIMEOUT_SECONDS + STUCK_SECONDS + 1.5
    assert max(connections) <= 2 * THREADS + 2
    assert house.faults() == []


def connections_of(house) -> int:
    """How many the service has to PostgreSQL, and whoever holds the table."""
    if house.store.engine.dialect.name == "sqlite":
        return 0
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    with house.store.engine.connect() as connection:
        return connection.scalar(query) - house.store.engine.pool.checkedout() - house.store.engine.pool.checkedin()


def test_what_only_reads_does_not_wait_for_a_writer_of_sqlite(local):
    local.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)
    with contextlib.closing(sqlite3.connect(local.engine.url.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert len(local.call("ListUserPools", {"MaxResults": 5}, OPERATOR)["UserPools"]) == 1
        assert time.monotonic() - began < 1
        holder.execute("ROLLBACK")


def test_who_finds_all_places_taken_waits_only_while_somebody_leaves():
    gate = Gate(1)
    with gate:
        with pytest.raises(Unavailable), gate:  # nobody has left for a second
            pytest.fail("there is one place")
        began = time.monotonic()
        with pytest.raises(Unavailable), gate:  # and now it is known
            pytest.fail("there is one place")
        assert time.monotonic() - began < STUCK_SECONDS / 2
    with gate:
        pass


def test_who_finds_all_places_just_taken_after_a_quiet_hour_waits_for_one(monkeypatch):
    gate = Gate(1)
    monkeypatch.setattr(availability, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600))
    gate.__enter__()
    leaving = threading.Timer(0.1, gate.__exit__)
    leaving.start()
    with gate:
        leaving.join()


def test_a_migration_may_take_longer_than_a_call(postgres):
    engine = database.open_engine(postgres.create_database(), wait_seconds=1)
    database.upgrade(engine)
    with engine.connect() as connection, pytest.raises(Exception, match="statement timeout"):
        connection.exec_driver_sql("SELECT pg_sleep(3)")
    with database.session(engine) as db:
        database.begin_reading(db)
        db.execute(text("SELECT pg_sleep(1.5)"))
    engine.dispose()


def test_the_url_may_say_otherwise(postgres):
    url = postgres.create_database() + "?connect_timeout=7&options=-c%20statement_timeout%3D1234"
    engine = database.open_engine(url, wait_seconds=1)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "1234ms"
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "1s"
    engine.dispose()


def test_a_pool_is_deleted_however_long_that_takes(postgres, tmp_path):
    """Of a million users PostgreSQL needs longer than any call may wait for it; SQLite has no such bound."""
    url = postgres.create_migrated_database()
    store = LocalBackend(make_settings(tmp_path, database_url=url, database_timeout_seconds=1))
    pool_id = store.call("CreateUserPool", {"PoolName": "large"}, OPERATOR)["UserPool"]["Id"]
    store.call("AdminCreateUser", {"UserPoolId": pool_id, "Username": "user-1"}, OPERATOR)
    with ThreadPoolExecutor(1) as threads, contextlib.closing(database.open_engine(url).raw_connection()) as holder:
        holder.cursor().execute("BEGIN; SELECT * FROM users FOR UPDATE")
        deleted = threads.submit(store.call, "DeleteUserPool", {"UserPoolId": pool_id}, OPERATOR)
        with pytest.raises(TimeoutError):
            deleted.result(timeout=2)
        holder.cursor().execute("ROLLBACK")
        assert deleted.result(timeout=10) == {}
    store.close()


@pytest.mark.parametrize(("given", "at_once"), [
    ({}, 4), ({"database_url": "postgresql://me@host/name"}, 8), ({"database_url": "postgresql://me@host/name", "threads": 3}, 3)])
def test_a_worker_works_on_more_calls_at_once_where_they_wait_for_a_server(tmp_path, given, at_once):
    assert Settings(instance=tmp_path, **given).calls_at_once == at_once
