"""Fixtures of the faults: several processes of the service on one database, and that database seen from inside."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from authservice.local import database, invariants
from authservice.local.backend import LocalBackend, utc_now
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import Inbox, Pool
from tests.faults.guests import Guest
from tests.services import free_port
from tests.services.server import Service, running_service

QUICK = {"AUTHSERVICE_ARGON2_MEMORY_KIB": 64, "AUTHSERVICE_ARGON2_TIME": 1}
"""Cheap password hashes: no test here is about their cost."""


@pytest.fixture(autouse=True)
def ready_made_keys():
    """None here: tests share an installation, and a key is of one pool."""


class RealClock:
    """The clock of the processes, which no test moves."""

    @property
    def now(self) -> datetime:
        return utc_now()


@dataclass
class Installation:
    """Processes of the service on one database. `store` is the same installation in this process: for what an
    operator does by the shell, and to look into the tables."""

    instance: Path
    store: LocalBackend
    services: list[Service]
    patient: bool = False
    """Whether its guests are."""

    def guests(self, number: int) -> list[Guest]:
        """So many guests, the addresses in turn; each stays with the worker that he comes to first."""
        return [Guest(self.services[place % len(self.services)].url, patient=self.patient) for place in range(number)]

    def pool(self, **settings) -> Pool:
        """A new user pool, made from inside."""
        return Pool.make(HeldToTheModel(self.store), Inbox(self.store), **settings)

    def isolation_levels(self) -> Iterator[str]:
        """Have PostgreSQL work at one isolation level after the other; SQLite knows no other than its own."""
        if self.store.engine.dialect.name == "sqlite":
            yield "serializable"
            return
        for level in ("repeatable read", "read committed"):
            with self.store.engine.connect() as connection:
                name = self.store.engine.url.database
                connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
                connection.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                           f"WHERE datname = '{name}' AND pid <> pg_backend_pid()")
                connection.commit()
            self.store.engine.dispose()
            yield level

    def faults(self) -> list[str]:
        """What `authservice db check` would print."""
        return self.store.run(lambda call: list(invariants.violations(call)))


@contextmanager
def installation(instance: Path, database_url: str = "", processes: int = 1, workers: int = 1, **more):
    """An installation with so many processes at work, each at an address of its own; `more`: their environment."""
    ports = [free_port() for _ in range(processes)]
    public_url = f"http://localhost:{ports[0]}"
    settings = {**QUICK, "AUTHSERVICE_DATABASE_URL": database_url, "AUTHSERVICE_PUBLIC_URL": public_url,
                "AUTHSERVICE_LOG_LEVEL": "WARNING", **more}
    store = LocalBackend(make_settings(instance, database_url=database_url, public_url=public_url))
    try:
        with ExitStack() as stack, ThreadPoolExecutor(processes) as threads:
            def start(port: int) -> Service:
                return stack.enter_context(running_service(instance, settings, port, workers))

            services = list(threads.map(start, ports))
            yield Installation(instance, store, services)
    finally:
        store.close()


@contextmanager
def locked(url: str, table: str):
    """Somebody has a table of this PostgreSQL database to himself."""
    engine = database.open_engine(str(url))
    with engine.connect() as holder:
        database.begin_writing(holder)
        holder.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()
    engine.dispose()


def database_of(kind: str, request) -> str:
    """The URL of a database with nothing but the schema: "" for SQLite in the instance folder."""
    return "" if kind == "sqlite" else request.getfixturevalue("postgres").create_migrated_database()


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def four_workers(request, tmp_path_factory):
    """Four workers on one database, two at each of two addresses."""
    instance = tmp_path_factory.mktemp(request.param)
    with installation(instance, database_of(request.param, request), processes=2, workers=2) as running:
        running.patient = True
        yield running


@pytest.fixture
def house(four_workers):
    """The four workers; after the test the tables are as they should be, and no worker has met with an error."""
    yield four_workers
    assert four_workers.faults() == []
    for service in four_workers.services:
        assert '"level": "ERROR"' not in service.log
