"""What is acknowledged for good waits for the disk; a step of a sign-in, which can be begun anew, does not."""

import pytest
from sqlalchemy import event

from authservice.local import database, prepared
from tests.contract.guest import PASSWORD
from tests.contract.srp_client import SrpClient

WAITS = {"sqlite": ("PRAGMA synchronous", 2), "postgresql": ("SHOW synchronous_commit", "on")}


@pytest.fixture
def commits(backend, monkeypatch):
    """Of every commit from now on, whether it waits for the disk; the haste of the other tests is left aside."""
    monkeypatch.setitem(database.SYNCHRONOUS, True, "FULL")
    monkeypatch.setitem(database.SYNCHRONOUS, False, "NORMAL")
    seen, engine = [], backend.store.engine
    query, waiting = WAITS[engine.dialect.name]
    backend.store.tools.connections.close()
    engine.dispose()

    def connected(connection, record):
        if engine.dialect.name == "postgresql":
            connection.execute("SET synchronous_commit = on")

    def look(connection):
        if database.is_in_transaction(connection):  # PostgreSQL's may be over, and seen already
            seen.append(connection.exec_driver_sql(query).scalar() == waiting)

    commit = prepared.commit
    monkeypatch.setattr(prepared, "commit", lambda connection: [look(connection), commit(connection)])
    event.listen(engine, "connect", connected)
    event.listen(engine, "commit", look)
    yield seen
    event.remove(engine, "commit", look)
    event.remove(engine, "connect", connected)
    backend.store.tools.connections.close()
    engine.dispose()


def test_a_sign_up_survives_a_power_cut(commits, app_client):
    app_client.sign_up("ann")
    assert commits and all(commits)


def test_the_first_half_of_a_sign_in_by_srp_does_not_wait_and_the_second_does(commits, pool, app_client, clock):
    pool.user("ann")
    commits.clear()
    exchange = SrpClient(app_client, "ann", PASSWORD)
    exchange.begin()
    assert commits == [False]
    exchange.answer(clock())
    assert commits == [False, True]


def test_a_connection_that_did_not_wait_once_waits_again(commits, pool, app_client, clock):
    pool.user("ann")
    for _ in range(3):
        exchange = SrpClient(app_client, "ann", PASSWORD)
        exchange.begin()
        exchange.answer(clock())
    assert commits[-6:] == [False, True] * 3
