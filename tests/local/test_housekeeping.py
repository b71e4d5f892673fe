"""Sweeping: every table that grows by itself is swept, in small batches, by an index, while guests sign in."""

import os
import statistics
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import event, func, insert, select

from authservice.local import database, housekeeping, invariants
from authservice.local.backend import LocalBackend
from authservice.local.database import Base
from authservice.local.models import Attempts, AuthorizationCode, ChallengeSession, SignIn
from tests.contract.guest import Client, Inbox, Pool
from tests.services.server import command

OF_AN_OWNER = {"pools", "domains", "app_clients", "client_secrets", "resource_servers", "groups", "memberships", "users",
               "names", "signing_keys"}
"""Tables that grow only as an owner wants it, and end with him; an old key proves old id_token_hints."""
MANY = 50_000
SIGN_INS = 20


@contextmanager
def writing(store: LocalBackend):
    """A session to write by, committed at the end."""
    with database.session(store.engine) as db:
        database.begin_writing(db.connection())
        yield db
        db.commit()


def expired(store: LocalBackend, client: Client, number: int) -> None:
    """Write so many rows that have expired: counters of locked users, and sessions of half sign-ins."""
    over = store.tools.clock() - timedelta(days=2)
    counters = [{"subject": os.urandom(32), "kind": "lock", "count": 5, "since": over, "locked_until": over,
                 "expires_at": over} for _ in range(number // 2)]
    sessions = [{"id": os.urandom(32), "client_id": client.id, "challenge": "PASSWORD_VERIFIER", "state": bytes(200),
                 "used": False, "expires_at": over} for _ in range(number - number // 2)]
    with writing(store) as db:
        db.execute(insert(Attempts), counters)
        db.execute(insert(ChallengeSession), sessions)


def test_every_table_has_an_owner_or_is_swept(on_sqlite):
    swept = on_sqlite.store.run(lambda call: {table.__tablename__ for table, _ in housekeeping.over(call)})
    assert {mapper.local_table.name for mapper in Base.registry.mappers} == OF_AN_OWNER | swept
    assert not OF_AN_OWNER & swept
    for name in OF_AN_OWNER - {"pools"}:
        keys = [key for key in Base.metadata.tables[name].foreign_keys if not key.parent.nullable]
        assert keys and all(key.ondelete == "CASCADE" and key.column.table.name in OF_AN_OWNER for key in keys), name


def test_what_is_removed_is_found_by_an_index(backend):
    store, asked = backend.store, []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    store.run(housekeeping.prune)
    deletes = {statement: values for statement, values in asked if statement.startswith("DELETE")}  # a try may be anew
    assert len(deletes) == len(store.run(housekeeping.over))
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")  # an empty table is read whole otherwise
        explain = "EXPLAIN " if store.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        for statement, values in deletes.items():
            plan = " ".join(map(str, connection.exec_driver_sql(explain + statement, values)))
            assert "Index" in plan or "USING" in plan and "INDEX" in plan, plan
            assert "Seq Scan" not in plan and "SCAN" not in plan, plan


def test_many_expired_rows_go_in_small_batches_and_nobody_waits_for_it(backend, pool, app_client):
    store = backend.store
    pool.user()
    expired(store, app_client, MANY)
    batches, swept = [], threading.Thread(target=lambda: housekeeping.sweep(store.run, batches.append))

    def medians() -> float:
        return statistics.median(seconds_of(app_client.tokens) for _ in range(SIGN_INS))

    before = medians()
    swept.start()
    during = medians()
    under_way = swept.is_alive()
    swept.join()
    assert under_way and len(batches) >= MANY / housekeeping.BATCH and max(batches) <= housekeeping.BATCH
    assert store.run(housekeeping.waiting) == 0 and list(store.run(lambda call: list(invariants.violations(call)))) == []
    assert during < 3 * min(before, medians()) + 0.02, "a batch is no more than a sign-in's own wait"


def seconds_of(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def test_a_code_goes_before_the_sign_in_that_it_gave(backend, pool, app_client, monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    store = backend.store
    pool.user()
    over = store.tools.clock() - timedelta(days=2)
    user_id = pool.attributes()["sub"]
    used = {"client_id": app_client.id, "user_id": user_id, "scopes": [], "auth_time": over, "expires_at": over, "methods": []}
    with writing(store) as db:
        for number in map(str, range(5)):
            db.execute(insert(SignIn).values(id=number, event_id=number, from_domain=True, **used))
            db.execute(insert(AuthorizationCode).values(id=number.encode(), redirect_uri="https://app.example",
                                                        used_at=over, sign_in_id=number, **used))
    while store.run(housekeeping.prune):
        assert list(store.run(lambda call: list(invariants.violations(call)))) == []
    assert store.run(lambda call: call.db.scalar(select(func.count()).select_from(SignIn))) == 0


def test_the_command_tells_how_many_it_has_removed(on_sqlite):
    store = on_sqlite.store
    expired(store, Pool.make(on_sqlite, Inbox(store)).client(), 1100)
    done = command(store.settings.instance, "db", "sweep", env={"AUTHSERVICE_DATABASE_URL": str(store.settings.sql_url)})
    assert done.returncode == 0, done.stderr
    number, words = done.stdout.splitlines()[-1].split(maxsplit=1)
    assert int(number) >= 1100 and words == "expired rows removed"  # by the real clock, which is ahead of the test's
    assert store.run(housekeeping.waiting) == 0
