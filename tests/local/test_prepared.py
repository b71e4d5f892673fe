"""Reads by the driver's own cursor find what SQLAlchemy would, and fail as its reads do."""

from datetime import datetime, timezone

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from authservice.local import prepared
from authservice.local.models import Pool, User

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
