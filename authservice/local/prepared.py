"""Reading and writing by statements that are made once: the driver's own cursor, without SQLAlchemy's bookkeeping.

Owns a statement's text and how values become Python's and the database's, on SQLite; libpq.py has the same of
PostgreSQL. Does not own the statements (readings.py and others) nor what an error means (availability.py). It takes half
the time.
"""

from collections import namedtuple
from collections.abc import Callable
from functools import cache, lru_cache, partial
from importlib import import_module

from sqlalchemy import Connection, Delete, Dialect, Executable, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

MOST = 64
"""Statements there are; building them at every call instead would be slow, and show here."""
MOST_ROWS = 64
"""New rows of one statement on SQLite."""

READ_ONLY = "25006"
"""SQLSTATE of a server that only reads: after a failover the connections that are still there lead to the wrong one."""


def rows(connection: Connection, query: Select, values: dict) -> list[tuple]:
    """What the query finds, as named tuples; `values` are its parameters: texts, bytes and numbers.

    On a connection that turns out to be gone it is SQLAlchemy's, which keeps account of that.
    """
    found = _run(partial(_reading(query, connection.dialect), values), connection, query)
    return connection.execute(query, values).all() if found is None else found


def write(connection: Connection, statement: Insert | Update | Delete, values: dict) -> int:
    """How many rows the statement touched, within a transaction that has begun; `values` are its parameters.

    Of a new row every column that has a default is among them: none is filled in here.
    """
    touched = _run(partial(_writing(statement, tuple(values), connection.dialect), values), connection, statement)
    return connection.execute(statement, values).rowcount if touched is None else touched


def add(connection: Connection, into: Insert, rows: list[dict]) -> None:
    """Write new rows whose values are texts, many in one go, within a transaction that has begun."""
    add = _libpq().add if connection.dialect.name == "postgresql" else _add_to_sqlite
    texts = [list(row.values()) for row in rows]
    if _run(partial(add, into.table.name, list(rows[0]), texts), connection, into) is None:
        connection.execute(into, rows)


def begin(connection: Connection, command: str) -> None:
    """Begin a transaction on PostgreSQL, by this command."""
    if not _run(partial(_libpq().run, command), connection, command):
        connection.exec_driver_sql(command)


def _run(run: Callable, connection: Connection, statement: Executable | str):
    """What `run(driver's connection, what is kept of it)` gives; None where the connection is gone."""
    dialect, driven = connection.dialect, connection.connection
    try:
        return run(driven.dbapi_connection, driven.info)
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
    find, make = _statement(query, dialect).rows, namedtuple("Row", query.selected_columns.keys())._make
    return lambda values, driver, known: [make(each) for each in find(values, driver, known)]


@lru_cache(MOST)
def _writing(statement: Insert | Update | Delete, names: tuple[str, ...], dialect: Dialect) -> Callable[..., int]:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"{statement.table.name}: a column that has a default is not among the values")
    return _statement(statement, dialect, names).touched


def _statement(statement: Executable, dialect: Dialect, given: tuple[str, ...] | None = None):
    kind = _libpq().Statement if dialect.name == "postgresql" else _OnSQLite
    return kind(statement, dialect, given)


@cache
def _libpq():
    """Loaded where there is PostgreSQL: elsewhere nobody needs its driver."""
    return import_module("authservice.local.libpq")


def _add_to_sqlite(table: str, columns: list[str], rows: list[list[str | None]], driver, known: dict) -> bool:
    """After each statement Python's other threads get their turn, and this one has to wait for its next: so there are
    few, and few different ones, for the driver keeps them."""
    row = f"({', '.join('?' * len(columns))})"
    while rows:
        some = min(MOST_ROWS, 1 << len(rows).bit_length() - 1)
        driver.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * some)}",
                       [text for texts in rows[:some] for text in texts])
        rows = rows[some:]
    return True


class _OnSQLite:
    """One statement, as libpq.Statement is one on PostgreSQL; the driver itself keeps it prepared."""

    def __init__(self, statement: Executable, dialect: Dialect, given: tuple[str, ...] | None):
        compiled = statement.compile(dialect=dialect, column_keys=given)
        self._text, self._order = str(compiled), compiled.positiontup
        self._into = {name: processor for name, parameter in compiled.binds.items()
                      if (processor := parameter.type.dialect_impl(dialect).bind_processor(dialect))}
        self._constants = compiled.params
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None)
                   for column in getattr(statement, "selected_columns", ())]
        self._out_of = [(number, reader) for number, reader in enumerate(readers) if reader]

    def rows(self, values: dict, driver, known: dict) -> list[list]:
        return [self._read(each) for each in self._run(values, driver).fetchall()]

    def touched(self, values: dict, driver, known: dict) -> int:
        return self._run(values, driver).rowcount

    def _run(self, values: dict, driver):
        given, into = self._constants | values, self._into
        return driver.execute(self._text, [into[name](given[name]) if name in into else given[name]
                                           for name in self._order])

    def _read(self, row: tuple) -> list:
        members = list(row)
        for number, reader in self._out_of:
            members[number] = reader(members[number])
        return members
