"""Fixtures for what only our own pool can show: the guests of the contract, in process, on both databases."""

import pytest

from tests.conftest import HeldToTheModel
from tests.contract.conftest import (app_client, inbox, make_pool, pool, postgresql_store,  # noqa: F401  fixtures
                                     redis_store, secret_client, sqlite_store)


def over(store) -> HeldToTheModel:
    held = HeldToTheModel(store)
    held.store = store
    return held


@pytest.fixture
def on_sqlite(sqlite_store, clock):  # noqa: F811
    """Our own backend on SQLite, held to the model; where one database is enough, a module makes it its `backend`."""
    return over(sqlite_store.emptied(clock))


@pytest.fixture(params=["sqlite", "redis"])
def on_either_counter(request, clock):
    """Our own backend, held to the model, with the counters in the database or in Redis."""
    return over(request.getfixturevalue(f"{request.param}_store").emptied(clock))


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, clock):
    """Our own backend, held to the model, on either database."""
    return over(request.getfixturevalue(f"{request.param}_store").emptied(clock))
