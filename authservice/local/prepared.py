"""Reading and writing by statements that are made once: the driver's own cursor, without SQLAlchemy's bookkeeping.

Owns a statement's text and how values become Python's and the database's, once for each kind of database. Does not own
the statements (readings.py and others) nor what an error means (availability.py). It takes half the time.
"""

from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache

from sqlalchemy import Connection, Delete, Dialect, Executable, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

MOST = 64
"""Statements there are; building them at every call instead would be slow, and show here."""


READ_ONLY = "25006"
"""SQLSTATE of a server that only reads: after a failover the connections that are still there lead to the wrong one."""


def rows(connection: Connection, query: Select, values: dict) -> list[tuple]:
    """What the query finds, as named tuples; `values` are its parameters: texts, bytes and numbers.

    On a connection that turns out to be gone it is SQLAlchemy's, which keeps account of that.
    """
    found = _run(_reading(query, connection.dialect), connection, query, values)
    return connection.execute(query, values).all() if found is None else found


def write(connection: Connection, statement: Insert | Update | Delete, values: dict) -> int:
    """How many rows the statement touched, within a transaction that has begun; `values` are its parameters.

    Of a new row every column that has a default is among them: none is filled in here.
    """
    touched = _run(_writing(statement, tuple(values), connection.dialect), connection, statement, values)
    return connection.execute(statement, values).rowcount if touched is None else touched


def _run(prepared: Callable, connection: Connection, statement: Executable, values: dict):
    """What it gives; None where the connection is gone."""
    dialect, driven = connection.dialect, connection.connection
    try:
        with closing(driven.cursor()) as cursor:
            return prepared(cursor, values)
    except dialect.loaded_dbapi.Error as error:
        if getattr(error, "sqlstate", None) == READ_ONLY:
            connection.invalidate(error)
            connection.engine.dispose()
            raise wrapped(error, str(statement), dialect, is_gone=True) from error
        if not dialect.is_disconnect(error, driven.dbapi_connection, None):
            raise wrapped(error, str(statement), dialect) from error


def wrapped(error: Exception, statement: str, dialect: Dialect, is_gone: bool = False) -> DBAPIError:
    """A driver's error as SQLAlchemy has it."""
    return DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, hide_parameters=True,
                               connection_invalidated=is_gone, dialect=dialect)


@lru_cache(MOST)
def _reading(query: Select, dialect: Dialect) -> Callable[..., list[tuple]]:
    compiled = query.compile(dialect=dialect)
    text, constants, order = str(compiled), compiled.params, compiled.positiontup
    row = namedtuple("Row", query.selected_columns.keys())
    processors = [column.type.dialect_impl(dialect).result_processor(dialect, None)
                  for column in query.selected_columns]
    converted = [(number, processor) for number, processor in enumerate(processors) if processor]

    def run(cursor, values: dict) -> list[tuple]:
        given = constants | values
        cursor.execute(text, [given[name] for name in order] if order else given)
        return [_converted(each) for each in cursor.fetchall()]

    def _converted(each: tuple) -> tuple:
        members = list(each)
        for number, processor in converted:
            members[number] = processor(members[number])
        return row._make(members)

    return run


@lru_cache(MOST)
def _writing(statement: Insert | Update | Delete, names: tuple[str, ...], dialect: Dialect) -> Callable[..., int]:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"{statement.table.name}: a column that has a default is not among the values")
    text, order = str(compiled), compiled.positiontup
    converted = {name: processor for name, parameter in compiled.binds.items()
                 if (processor := parameter.type.dialect_impl(dialect).bind_processor(dialect))}
    constants = {name: converted[name](value) if name in converted else value
                 for name, value in compiled.params.items() if name not in names}

    def run(cursor, values: dict) -> int:
        given = constants | {name: converted[name](value) if name in converted else value
                             for name, value in values.items()}
        cursor.execute(text, [given[name] for name in order] if order else given)
        return cursor.rowcount

    return run
