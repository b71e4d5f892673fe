"""The write lock is held for the writing alone: hashing, SRP, signing and reading do not wait for a writer."""

import contextlib
import sqlite3
import threading
import time

import pytest
from sqlalchemy import event

from authservice.contract import ANONYMOUS
from authservice.crypto import jwt, srp
from authservice.local import database
from tests.contract.guest import PASSWORD, refused
from tests.contract.srp_client import SrpClient

NEW = "N3w-password!"


@pytest.fixture
def writing(backend):
    """Threads that are inside a write transaction now; seen by SQLAlchemy's own events and the driver's state."""
    connections = {}

    def began(connection, *_):
        driven = connection.connection.dbapi_connection
        connections[threading.get_ident(), id(driven)] = driven

    def ended(connection):
        connections.pop((threading.get_ident(), id(connection.connection.dbapi_connection)), None)

    listeners = [("begin", began), ("commit", ended), ("rollback", ended)]
    for name, listener in listeners:
        event.listen(backend.store.engine, name, listener)

    def inside() -> bool:
        mine = [c for (thread, _), c in list(connections.items()) if thread == threading.get_ident()]
        return any(is_writing(connection) for connection in mine)

    yield inside
    for name, listener in listeners:
        event.remove(backend.store.engine, name, listener)


def is_writing(connection) -> bool:
    """SQLite: BEGIN was sent. PostgreSQL: the transaction has a number, which only a writing one gets."""
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    with connection.cursor() as cursor:
        return cursor.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()[0] is not None


@pytest.fixture
def costly(monkeypatch, backend, writing):
    """Where each costly computation ran: {name: [inside a write transaction?]}."""
    seen = {}

    def watch(owner, name, label=None):
        original = getattr(owner, name)

        def watching(*arguments, **given):
            seen.setdefault(label or name, []).append(writing())
            return original(*arguments, **given)

        monkeypatch.setattr(owner, name, watching)

    for name in ("hash", "verify_and_update", "verify"):
        watch(backend.store.tools.passwords._context, name)
    for name in ("verifier", "public_b", "session_key"):
        watch(srp, name, f"srp {name}")
    watch(jwt, "sign")
    watch(jwt, "generate_key")
    return seen


def test_the_watch_sees_a_write_transaction(backend, pool, writing):
    with database.session(backend.store.engine) as db:
        db.connection()
        assert not writing()
        database.begin_writing(db)
        db.connection().exec_driver_sql("UPDATE pools SET name = 'other'")
        assert writing()


def test_nothing_costly_runs_inside_a_write_transaction(make_pool, backend, costly, clock):
    """A whole life: signing up, in by each way, wrong and right, resetting, changing, refreshing, enrolling."""
    pool = make_pool(mfa="OPTIONAL")
    client = pool.client()
    client.sign_up("user-1", email="user-1@example.com")
    client.confirm("user-1", pool.inbox.code("user-1@example.com"))
    refused(client.sign_in, "user-1", "Wr0ng-one!")
    tokens = client.tokens()
    SrpClient(client, "user-1", PASSWORD).sign_in(clock.now)
    refused(SrpClient(client, "user-1", "Wr0ng-one!").sign_in, clock.now)
    client.refresh(tokens["RefreshToken"])
    rotating = pool.client(RefreshTokenRotation={"Feature": "ENABLED"})
    rotating.rotate(rotating.tokens()["RefreshToken"])
    backend.call("ChangePassword", {"AccessToken": tokens["AccessToken"], "PreviousPassword": PASSWORD,
                                    "ProposedPassword": NEW})
    client.call("ForgotPassword", "user-1")
    client.call("ConfirmForgotPassword", "user-1", Password=PASSWORD,
                ConfirmationCode=pool.inbox.code("user-1@example.com"))
    app = client.set_up_totp("user-1", clock)
    clock.advance(seconds=30)
    client.answer_totp(client.sign_in()["Session"], app.code())
    pool.invited("user-2")
    session = client.sign_in("user-2", "Temp0rary!")["Session"]
    client.answer("NEW_PASSWORD_REQUIRED", session, "user-2", NEW_PASSWORD=PASSWORD)
    hiding = pool.client(PreventUserExistenceErrors="ENABLED")
    refused(hiding.sign_in, "nobody")
    assert set(costly) >= {"hash", "verify_and_update", "verify", "srp verifier", "srp public_b", "srp session_key",
                           "sign", "generate_key"}
    assert {name for name, inside in costly.items() if any(inside)} == set()


class TestWhileSomebodyElseWrites:
    """On SQLite, where one writer excludes all others."""

    @pytest.fixture
    def backend(self, on_sqlite):
        return on_sqlite

    def test_a_call_that_only_reads_does_not_wait(self, pool, app_client, backend):
        pool.user()
        tokens = app_client.tokens()
        with another_writer(backend):
            backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})
            app_client.refresh(tokens["RefreshToken"])
            assert pool.call("ListUsers")["Users"][0]["Username"] == "user-1"

    @pytest.mark.parametrize("operation, members, computed", [
        ("SignUp", {"Username": "user-2", "Password": PASSWORD}, {"hash", "srp verifier"}),
        ("InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
            "USERNAME": "user-1", "PASSWORD": PASSWORD}}, {"verify_and_update", "sign"}),
        ("InitiateAuth", {"AuthFlow": "USER_SRP_AUTH", "AuthParameters": {"USERNAME": "user-1", "SRP_A": "2"}},
         {"srp public_b"}),
    ])
    def test_what_is_costly_is_done_before_the_wait(self, pool, app_client, backend, costly, operation, members,
                                                    computed):
        pool.user()
        costly.clear()
        answers = []
        calling = threading.Thread(daemon=True, target=lambda: answers.append(
            backend.store.call(operation, {"ClientId": app_client.id, **members}, ANONYMOUS)))
        with another_writer(backend):
            calling.start()
            deadline = time.monotonic() + 10
            while not computed <= costly.keys() and time.monotonic() < deadline:
                time.sleep(0.005)
            assert computed <= costly.keys()
            assert answers == []  # it has all it needs, and waits for the lock
        calling.join(30)
        assert len(answers) == 1


@contextlib.contextmanager
def another_writer(backend):
    """Somebody else holds SQLite's write lock."""
    connection = sqlite3.connect(backend.store.engine.url.database, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()
    finally:
        connection.close()
