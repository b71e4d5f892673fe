"""Reading and writing by statements that are made once: the driver's own cursor, without SQLAlchemy's bookkeeping.

Owns a statement's text and how values become Python's and the database's, on SQLite; libpq.py has the same of
PostgreSQL, which is asked many of them at once where a transaction begins or several threads read. Does not own the
statements (readings.py and others) nor what an error means (availability.py). It takes half the time.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache, partial
from importlib import import_module

from sqlalchemy import Connection, Delete, Dialect, Executable, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

MOST = 64
"""Statements there are; building them at every call instead would be slow, and show here."""
MOST_ROWS = 64
"""New rows of one statement on SQLite."""

Step = tuple[Select | Insert | Update | Delete, dict]
"""A statement and its values, as `rows` and `write` take them."""

READ_ONLY = "25006"
"""SQLSTATE of a server that only reads: after a failover the connections that are still there lead to the wrong one."""


def rows(connection: Connection, query: Select, values: dict) -> list[tuple]:
    """What the query finds, as named tuples; `values` are its parameters: texts, bytes and numbers.

    On a connection that turns out to be gone it is SQLAlchemy's, which keeps account of that.
    """
    found = _run(partial(_made(query, None, connection.dialect).run, values), connection, query)
    return connection.execute(query, values).all() if found is None else found


def write(connection: Connection, statement: Insert | Update | Delete, values: dict) -> int:
    """How many rows the statement touched, within a transaction that has begun; `values` are its parameters.

    Of a new row every column that has a default is among them: none is filled in here.
    """
    touched = _run(partial(_made(statement, tuple(values), connection.dialect).run, values), connection, statement)
    return connection.execute(statement, values).rowcount if touched is None else touched


def each(connection: Connection, steps: Sequence[Step]) -> Iterator[list[tuple] | int]:
    """Run one after the other, and give what each gives: `rows` of a query, `write` of others."""
    for statement, values in steps:
        yield (rows if isinstance(statement, Select) else write)(connection, statement, values)


def add(connection: Connection, into: Insert, rows: list[dict]) -> None:
    """Write new rows whose values are texts, many in one go, within a transaction that has begun."""
    add = _libpq().add if connection.dialect.name == "postgresql" else _add_to_sqlite
    texts = [list(row.values()) for row in rows]
    if _run(partial(add, into.table.name, list(rows[0]), texts), connection, into) is None:
        connection.execute(into, rows)


def together(connection: Connection, steps: Sequence[Step], first: Sequence[str] = ()) -> Iterator[list[tuple] | int]:
    """Send PostgreSQL the steps at once, after the commands that come first; then as `each`.

    A server that is asked one thing after the other costs both sides more than it does to answer. An error comes when its
    step's turn does.
    """
    made = [_made(statement, None if isinstance(statement, Select) else tuple(values), connection.dialect)
            for statement, values in steps]
    with_values = [(statement, values) for statement, (_, values) in zip(made, steps)]
    start = first[0] if first else "SELECT 1"
    results = _run(partial(_libpq().together, first, with_values), connection, start)
    if results is None:
        connection.exec_driver_sql(start)  # raises, and keeps account
    return _given(connection, steps, made, results)


def _given(connection: Connection, steps: Sequence[Step], made: list, results: list) -> Iterator[list[tuple] | int]:
    for (statement, values), own, result in zip(steps, made, results):
        given = _run(lambda *_: own.given(result), connection, statement)
        yield connection.execute(statement, values) if given is None else given


def commit(connection: Connection) -> None:
    """Commit a transaction on PostgreSQL; SQLAlchemy's account of it goes on."""
    _run(partial(_libpq().run, "COMMIT"), connection, "COMMIT")


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
def _made(statement: Select | Insert | Update | Delete, names: tuple[str, ...] | None, dialect: Dialect):
    """`names`: of the values, where it writes."""
    if names is not None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise TypeError(f"{statement.table.name}: a column that has a default is not among the values")
    kind = _libpq().Statement if dialect.name == "postgresql" else _OnSQLite
    return kind(statement, dialect, names)


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
        found = getattr(statement, "selected_columns", None)
        self._make = found and namedtuple("Row", found.keys())._make
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in found or ()]
        self._out_of = [(number, reader) for number, reader in enumerate(readers) if reader]

    def run(self, values: dict, driver, known: dict) -> list[tuple] | int:
        given, into = self._constants | values, self._into
        cursor = driver.execute(self._text, [into[name](given[name]) if name in into else given[name]
                                             for name in self._order])
        return [self._row(each) for each in cursor.fetchall()] if self._make else cursor.rowcount

    def _row(self, found: tuple) -> tuple:
        members = list(found)
        for number, reader in self._out_of:
            members[number] = reader(members[number])
        return self._make(members)
