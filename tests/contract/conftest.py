"""Fixtures of the contract: the three backends, and on each a pool, its app clients and its users' inbox.

Owns how a run of hundreds of tests stays short: one database of each kind and one HTTP server serve them all.
Every test finds its database empty and has a clock of its own.
"""

import threading
from dataclasses import dataclass, field

import pytest
from botocore.retries.standard import ExponentialBackoff
from werkzeug.serving import make_server

from authservice import create_app
from authservice.cognito.backend import CognitoBackend
from authservice.local import database
from authservice.local.backend import LocalBackend
from tests.conftest import Clock, HeldToTheModel, make_settings
from tests.contract.guest import Inbox, Pool
from tests.services.redis import Redis


@dataclass
class Store:
    """A backend of our own that serves many tests, one after the other, each with its own clock."""

    local: LocalBackend | None = None
    clock: Clock = field(default_factory=Clock)
    redis: Redis | None = None

    def emptied(self, clock: Clock) -> LocalBackend:
        self.clock = clock
        self.local.tools.remembered_keys.clear()
        self.local.trail.flush()  # what waits is of the test before
        if self.redis:
            self.redis.empty()
        on_postgres = self.local.engine.dialect.name == "postgresql"
        with self.local.engine.begin() as connection:
            if on_postgres:  # some tests leave many rows
                connection.exec_driver_sql("SET statement_timeout = 0")
            for table in reversed(database.Base.metadata.sorted_tables):
                connection.execute(table.delete())
            if on_postgres:
                connection.exec_driver_sql("RESET statement_timeout")
        return self.local


def open_store(instance, **given) -> Store:
    store = Store()
    database.SYNCHRONOUS.update({True: "OFF", False: "OFF"})  # nothing here outlives the run: no wait for the disk
    store.local = LocalBackend(make_settings(instance, **given), lambda: store.clock())
    return store


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory):
    store = open_store(tmp_path_factory.mktemp("sqlite"))
    yield store
    store.local.close()


@pytest.fixture(scope="session")
def postgresql_store(tmp_path_factory, postgres):
    store = open_store(tmp_path_factory.mktemp("postgresql"), database_url=postgres.create_database())
    yield store
    store.local.close()


@pytest.fixture(scope="session")
def redis_store(tmp_path_factory, redis_server):
    """SQLite, but with the counters in Redis."""
    store = open_store(tmp_path_factory.mktemp("redis"), counters_url=redis_server.url)
    store.redis = redis_server
    yield store
    store.local.close()


@pytest.fixture(scope="session")
def adapter(tmp_path_factory, sqlite_store):
    """The Cognito adapter, pointed over real HTTP at our own API on the SQLite store."""
    server = make_server("127.0.0.1", 0, create_app(sqlite_store.local.settings, sqlite_store.local), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings = make_settings(tmp_path_factory.mktemp("adapter"), backend="cognito", region="us-east-1",
                             cognito_endpoint_url=f"http://127.0.0.1:{server.port}")
    with pytest.MonkeyPatch.context() as patch:
        # boto3 tries once more where a limit was reached; here it need not wait in between.
        patch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
        yield CognitoBackend(settings, credentials=("local", "local"))
    server.shutdown()
    thread.join()


@pytest.fixture
def local(sqlite_store, clock):
    """Our own backend in this process, on SQLite, with the moved clock."""
    return sqlite_store.emptied(clock)


@pytest.fixture
def postgresql(postgresql_store, clock):
    """The same on PostgreSQL."""
    return postgresql_store.emptied(clock)


@pytest.fixture(params=["local", "postgresql", "wire"])
def backend(request):
    """The contract's backends, each held to the model; `store` is our own backend that keeps its rows."""
    store = request.getfixturevalue("postgresql" if request.param == "postgresql" else "local")
    held = HeldToTheModel(request.getfixturevalue("adapter") if request.param == "wire" else store)
    held.store = store
    return held


@pytest.fixture
def inbox(backend) -> Inbox:
    """What was sent to the users' addresses."""
    return Inbox(backend.store)


@pytest.fixture
def make_pool(backend, inbox):
    """Make a pool: `make_pool(UsernameAttributes=["email"])`; `mfa="ON"` asks for TOTP as the second factor."""

    def make(**settings) -> Pool:
        return Pool.make(backend, inbox, **settings)

    return make


@pytest.fixture
def pool(make_pool) -> Pool:
    """A pool of plain usernames that verifies email addresses."""
    return make_pool()


@pytest.fixture
def app_client(pool):
    """An app client without a secret that may use every flow."""
    return pool.client()


@pytest.fixture
def secret_client(pool):
    """The same with a secret."""
    return pool.client(GenerateSecret=True)
