"""Reads and writes by the driver's own cursor do what SQLAlchemy's would, and fail as they do."""

import os
import resource
import signal
import threading
from contextlib import ExitStack, suppress
from datetime import datetime, timezone

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

from authservice.local import database, prepared
from authservice.local.models import ChallengeSession, Event, Pool, SignIn, User

BY_NAME = (select(*User.__table__.c, Pool.__table__.c.name).join(Pool.__table__, User.pool_id == Pool.id)
           .where(User.__table__.c.username == bindparam("username")))
BROKEN = select(User.__table__.c.id).where(text("no_such_column = 1"))


@pytest.fixture
def connection(backend):
    with backend.store.engine.connect() as connection:
        yield connection


def test_every_kind_of_column_is_what_sqlalchemy_makes_of_it(pool, connection):
    pool.user("ann", email="ann@example.com")
    found = prepared.rows(connection, BY_NAME, {"username": "ann"})
    assert found == [tuple(row) for row in connection.execute(BY_NAME, {"username": "ann"})]
    assert found[0].attributes["email"] == "ann@example.com" and found[0].enabled is True
    assert isinstance(found[0].created_at, datetime) and found[0].created_at.tzinfo is timezone.utc


def test_nothing_found_is_an_empty_list(connection):
    assert prepared.rows(connection, BY_NAME, {"username": "nobody"}) == []


def test_inside_a_transaction_it_sees_what_is_not_committed(pool, connection):
    pool.user("ann")
    connection.exec_driver_sql("BEGIN")
    connection.execute(User.__table__.update().values(username="eve"))
    assert [row.username for row in prepared.rows(connection, BY_NAME, {"username": "eve"})] == ["eve"]
    connection.rollback()


def test_a_text_with_a_nul_in_it_is_no_shorter_one(pool, connection):
    pool.user("ann")
    with suppress(DataError):  # PostgreSQL has no such texts
        assert prepared.rows(connection, BY_NAME, {"username": "ann\0"}) == []
    with suppress(DataError):
        database.begin_writing(connection)
        prepared.add(connection, EVENTS, [{**an_event(1), "name": "Sign\0Up"}])
        assert connection.execute(select(Event.name).where(Event.id == f"{1:036}")).scalar() == "Sign\0Up"
    connection.rollback()


def test_an_error_is_sqlalchemys_and_shows_no_parameters(connection):
    with pytest.raises((OperationalError, ProgrammingError)) as failed:
        prepared.rows(connection, BROKEN, {"username": "a secret"})
    assert failed.value.orig is not None and not failed.value.connection_invalidated
    assert "a secret" not in str(failed.value)


def test_a_connection_that_is_gone_is_told_as_gone(pool, connection):
    if connection.dialect.name != "postgresql":
        pytest.skip("SQLite's connections do not go away")
    prepared.rows(connection, BY_NAME, {"username": "ann"})
    connection.connection.dbapi_connection.close()
    with pytest.raises(DBAPIError) as failed:
        prepared.rows(connection, BY_NAME, {"username": "ann"})
    assert failed.value.connection_invalidated


SIGN_IN, EVENTS = insert(SignIn.__table__), insert(Event.__table__)
SPEND = update(ChallengeSession).where(ChallengeSession.id == bindparam("session")).values(used=True)


def a_sign_in(user: User, client_id: str, **given) -> dict:
    return {"id": "a" * 36, "event_id": "b" * 36, "user_id": user.id, "client_id": client_id, "scopes": ["openid"],
            "auth_time": datetime(2026, 3, 1, tzinfo=timezone.utc), "from_domain": True, "methods": ["pwd"],
            "nonce": None, "acr": None, "claims": None, "resource": None,
            "expires_at": datetime(2026, 3, 2, tzinfo=timezone.utc), **given}


def test_what_is_written_is_what_sqlalchemy_reads(pool, app_client, connection):
    user = user_of(pool, connection)
    database.begin_writing(connection)
    assert prepared.write(connection, SIGN_IN, a_sign_in(user, app_client.id)) == 1
    row = connection.execute(select(SignIn.__table__)).one()
    connection.rollback()
    assert {name: getattr(row, name) for name in a_sign_in(user, app_client.id)} == a_sign_in(user, app_client.id)
    assert connection.execute(select(SignIn.__table__)).all() == []


def test_it_tells_how_many_rows_it_touched(connection):
    database.begin_writing(connection)
    assert prepared.write(connection, SPEND, {"session": b"x" * 32}) == 0
    connection.rollback()


def test_a_new_row_must_bring_along_what_has_a_default(pool, app_client, connection):
    values = a_sign_in(user_of(pool, connection), app_client.id)
    del values["methods"]
    with pytest.raises(TypeError, match="sign_ins"):
        prepared.write(connection, SIGN_IN, values)


def test_a_row_that_breaks_a_rule_is_sqlalchemys_integrity_error(pool, app_client, connection):
    values = a_sign_in(user_of(pool, connection), app_client.id)
    database.begin_writing(connection)
    prepared.write(connection, SIGN_IN, values)
    with pytest.raises(IntegrityError) as failed:
        prepared.write(connection, SIGN_IN, values)
    assert not failed.value.connection_invalidated and "b" * 36 not in str(failed.value).split("DETAIL")[0]
    connection.rollback()


def test_what_a_connection_has_prepared_outlasts_a_rollback_and_an_error(pool, connection):
    pool.user("ann")
    for _ in range(2):
        assert len(prepared.rows(connection, BY_NAME, {"username": "ann"})) == 1
        for _ in range(8):  # what is executed so often, psycopg would prepare too
            connection.execute(text("SELECT id FROM users"))
        database.begin_writing(connection)
        assert prepared.write(connection, SPEND, {"session": b"x" * 32}) == 0
        with pytest.raises((OperationalError, ProgrammingError)):
            prepared.rows(connection, BROKEN, {})
        connection.rollback()


def test_many_new_rows_are_written_in_one_go_as_they_are(connection):
    database.begin_writing(connection)
    prepared.add(connection, EVENTS, events := [an_event(number) for number in range(300)])
    connection.commit()
    found = connection.execute(select(*map(Event.__table__.c.__getitem__, events[0])).order_by(Event.id)).all()
    assert [row._asdict() for row in found] == events


def test_of_many_new_rows_none_is_there_when_one_is_twice(connection):
    database.begin_writing(connection)
    with pytest.raises(IntegrityError) as failed:
        prepared.add(connection, EVENTS, [an_event(1), an_event(2), an_event(1)])
    connection.rollback()
    assert not failed.value.connection_invalidated and connection.execute(select(Event.id)).all() == []


def an_event(number: int) -> dict:
    return {"id": f"{number:036}", "name": "SignUp", "user_id": None, "pool_id": "" if number % 2 else r"\N",
            "record": "a tab\t, a line\r\n's end, a \\ and a \\., an é, a 𝄞, " + "long " * number}


def user_of(pool, connection):
    pool.user("ann")
    return connection.execute(BY_NAME, {"username": "ann"}).one()


def test_a_transaction_begins_with_its_steps_and_tells_of_each_in_turn(pool, app_client, connection):
    user = user_of(pool, connection)
    steps = [(BY_NAME, {"username": "ann"}), (SIGN_IN, a_sign_in(user, app_client.id)), (SPEND, {"session": b"x" * 32}),
             (BY_NAME, {"username": "nobody"})]
    (found,), *others = database.begin_writing(connection, steps=steps)
    assert found.username == "ann" and others == [1, 0, []]
    connection.rollback()
    assert connection.execute(select(SignIn.__table__)).all() == []
    list(database.begin_writing(connection, lasting=False, steps=steps))
    database.commit(connection)
    assert not database.is_in_transaction(connection)
    assert connection.execute(select(SignIn.__table__.c.id)).all() == [("a" * 36,)]


def test_steps_go_by_a_socket_of_any_number(backend):
    engine, most = backend.store.engine, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most[1]), most[1]))
    backend.store.tools.connections.close()
    engine.dispose()
    with ExitStack() as many:
        many.callback(resource.setrlimit, resource.RLIMIT_NOFILE, most)
        many.callback(engine.dispose)
        for _ in range(1100):
            many.enter_context(open(os.devnull))
        with engine.connect() as connection:
            assert list(database.begin_writing(connection, steps=[(BY_NAME, {"username": "nobody"})])) == [[]]
            connection.rollback()


def test_steps_that_the_server_is_slow_to_read_are_sent_to_their_end(connection):
    if connection.dialect.name != "postgresql":
        pytest.skip("SQLite reads what it is given")
    steps = [(BY_NAME, {"username": "x" * 16_000_000}), (BY_NAME, {"username": "nobody"})]
    list(database.begin_writing(connection, steps=[(BY_NAME, {"username": "nobody"})]))
    connection.rollback()
    server, given = connection.connection.dbapi_connection.info.backend_pid, []
    sending = threading.Thread(target=lambda: given.extend(database.begin_writing(connection, steps=steps)), daemon=True)
    os.kill(server, signal.SIGSTOP)
    sending.start()
    sending.join(0.5)
    os.kill(server, signal.SIGCONT)
    sending.join(30)
    assert given == [[], []]
    connection.rollback()


def test_a_step_that_fails_is_told_of_when_its_turn_comes(pool, app_client, connection):
    values = a_sign_in(user_of(pool, connection), app_client.id)
    given = database.begin_writing(connection, steps=[(SIGN_IN, values), (SIGN_IN, values), (BY_NAME, {"username": "ann"})])
    assert next(given) == 1
    with pytest.raises(IntegrityError) as failed:
        next(given)
    assert not failed.value.connection_invalidated
    connection.rollback()
    assert len(prepared.rows(connection, BY_NAME, {"username": "ann"})) == 1
    assert connection.execute(select(SignIn.__table__)).all() == []


def test_steps_to_a_server_that_ended_the_connection_are_told_as_lost(pool, backend, connection):
    if connection.dialect.name != "postgresql":
        pytest.skip("SQLite's connections do not go away")
    steps = [(BY_NAME, {"username": "ann"})]
    list(database.begin_writing(connection, steps=steps))
    connection.rollback()
    with backend.store.engine.connect() as other:
        other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (connection.connection.dbapi_connection.info.backend_pid,))
    with pytest.raises(DBAPIError) as failed:
        list(database.begin_writing(connection, steps=steps))
    assert failed.value.connection_invalidated
