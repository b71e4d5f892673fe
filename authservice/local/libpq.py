"""Statements that PostgreSQL has prepared, by libpq itself (psycopg.pq): without psycopg's cursor, at half its cost; and
many in one round trip.

Owns how values travel: parameters as text (bytes as they are), what is found in PostgreSQL's binary format. Does not own
the statements, nor what an error means. Imported only where the database is PostgreSQL.
Source: PostgreSQL documentation, "libpq", "Pipeline Mode".
"""

import itertools
import select
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone

from psycopg import Connection, errors
from psycopg.pq import ExecStatus, Format, PGresult
from psycopg.pq.abc import PGconn
from sqlalchemy import JSON, Boolean, DateTime, Dialect, Executable, Integer, LargeBinary
from sqlalchemy.types import TypeEngine

from authservice import json_text

ENCODING = "utf-8"
"""Of every connection (database.py)."""
EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""PostgreSQL's moments are microseconds since then; ours are all in UTC."""
DONE = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}

_numbers = itertools.count()
_WAYS: list[tuple[type[TypeEngine], Callable, Callable]] = [
    (Boolean, lambda value: b"true" if value else b"false", lambda raw: raw == b"\1"),
    (Integer, lambda value: b"%d" % value, lambda raw: int.from_bytes(raw, signed=True)),
    (DateTime, lambda value: value.astimezone(timezone.utc).isoformat().encode(),
     lambda raw: EPOCH + timedelta(microseconds=int.from_bytes(raw, signed=True))),
    (LargeBinary, bytes, bytes),
]
"""(column type, into a parameter, out of a row); any other type is text."""


class Statement:
    """One statement; each connection prepares it when it first meets it."""

    def __init__(self, statement: Executable, dialect: Dialect, given: Sequence[str] | None = None):
        """`given`: the columns of a new row."""
        compiled = statement.compile(dialect=type(dialect)(paramstyle="numeric_dollar"), column_keys=given)
        self._text, self._order, self._constants = str(compiled).encode(), compiled.positiontup or [], compiled.params
        self._name = b"authservice_%d" % next(_numbers)
        types = [compiled.binds[name].type for name in self._order]
        self._into = [_way(type)[0] for type in types]
        self._formats = [Format.BINARY if isinstance(type, LargeBinary) else Format.TEXT for type in types]
        found = getattr(statement, "selected_columns", None)
        self._make = found and namedtuple("Row", found.keys())._make
        self._out_of = list(enumerate(_way(column.type)[1] for column in found or ()))

    def run(self, values: dict, driver: Connection, known: dict) -> list[tuple] | int:
        """The rows it finds, or how many it wrote. `known`: of this connection, what stays with it."""
        self.prepare(driver, known)
        return self.given(driver.pgconn.exec_prepared(*self.call(values)))

    def prepare(self, driver: Connection, known: dict) -> None:
        """Have the server know it."""
        if self._name not in known:
            _check(driver.pgconn.prepare(self._name, self._text))
            known[self._name] = True

    def call(self, values: dict) -> tuple:
        """What libpq needs to have it run."""
        given = self._constants | values
        parameters = [None if (value := given[name]) is None and into is not _into_json else into(value)
                      for name, into in zip(self._order, self._into)]
        return self._name, parameters, self._formats, Format.BINARY

    def given(self, result: PGresult) -> list[tuple] | int:
        """What a run of it gave; raises the server's error."""
        _check(result)
        if not self._make:
            return result.command_tuples
        get = result.get_value
        return [self._make([out_of(raw) if (raw := get(row, column)) is not None else None
                            for column, out_of in self._out_of]) for row in range(result.ntuples)]


def run(command: str, driver: Connection, known: dict) -> bool:
    """Have a command without parameters done."""
    return bool(_check(driver.pgconn.exec_(command.encode())))


def together(commands: Sequence[str], steps: Sequence[tuple[Statement, dict]], driver: Connection, known: dict
             ) -> list[PGresult]:
    """The steps' results, after commands that must succeed, all in one round trip. After one that failed none is run."""
    calls = [statement.call(values) for statement, values in steps]
    for statement, _ in steps:
        statement.prepare(driver, known)
    server = driver.pgconn
    server.enter_pipeline_mode()
    try:
        for command in commands:
            server.send_query_params(command.encode(), None)
        for call in calls:
            server.send_query_prepared(*call)
        server.pipeline_sync()
        results = [_next(server) for _ in (*commands, *calls)]
        _arrived(server)  # the end of them all, PIPELINE_SYNC
    finally:
        server.exit_pipeline_mode()
    for result in results[:len(commands)]:
        _check(result)
    return results[len(commands):]


def _next(server: PGconn) -> PGresult:
    """The result of the next statement of a pipeline. Python's other threads run while it is waited for."""
    result = _arrived(server)
    if result is None or _arrived(server) is not None:
        raise errors.OperationalError(f"a statement has no result, or more than one: {server.get_error_message()}")
    return result


def _arrived(server: PGconn) -> PGresult | None:
    """What comes next. psycopg's connections do not wait while they send: what the socket did not take yet is sent here,
    for the server may answer nothing before it has all."""
    while server.is_busy():
        unsent = server.flush()
        either = select.poll()  # select itself knows no file descriptor beyond 1023, and guests have many open
        either.register(server.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        either.poll()
        server.consume_input()
    return server.get_result()


def add(table: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]], driver: Connection, known: dict) -> bool:
    """Write new rows of texts by COPY: of many, each costs a fraction of what an INSERT does."""
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return True


def _check(result: PGresult) -> PGresult:
    if result.status not in DONE:
        raise errors.error_from_result(result, ENCODING)
    return result


def _way(type: TypeEngine) -> tuple[Callable, Callable]:
    """How values of a column's type become a parameter, and how they are read."""
    kind = getattr(type, "impl_instance", type)
    if isinstance(kind, JSON):
        return _into_json, json_text.read
    return next(((into, out_of) for known, into, out_of in _WAYS if isinstance(kind, known)), (_into_text, _out_of_text))


def _into_json(value) -> bytes:
    """Also of None, which is JSON's null and not SQL's."""
    return json_text.write(value).encode()


def _into_text(value: str) -> bytes:
    """Refuses NUL, at which libpq would take a text to end: another text."""
    if "\0" in value:
        raise errors.DataError("a text with a NUL in it")
    return value.encode()


def _out_of_text(raw: bytes) -> str:
    return raw.decode()
