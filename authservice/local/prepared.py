"""Reading by queries that are made once: the driver's own cursor, without SQLAlchemy's bookkeeping.

Owns a query's text and how its values become Python's, once for each kind of database. Does not own the queries
(readings.py and others) nor what an error means (availability.py). A read through here takes half the time.
"""

from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError

MOST = 64
"""Queries there are; building them at every call instead would be slow, and show here."""


def rows(connection: Connection, query: Select, values: dict) -> list[tuple]:
    """What the query finds, as named tuples; `values` are its parameters: texts, bytes and numbers.

    Inside a transaction, and on a connection that turns out to be gone, it is SQLAlchemy's, which keeps account of both.
    """
    if not connection.in_transaction():
        dialect, driven = connection.dialect, connection.connection
        prepared = _prepared(query, dialect)
        try:
            return prepared(driven.cursor(), values)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, driven.dbapi_connection, None):
                raise DBAPIError.instance(str(query), None, error, dialect.loaded_dbapi.Error,
                                          hide_parameters=True, dialect=dialect) from error
    return connection.execute(query, values).all()


@lru_cache(MOST)
def _prepared(query: Select, dialect: Dialect) -> Callable[..., list[tuple]]:
    compiled = query.compile(dialect=dialect)
    text, constants, order = str(compiled), compiled.params, compiled.positiontup
    row = namedtuple("Row", query.selected_columns.keys())
    processors = [column.type.dialect_impl(dialect).result_processor(dialect, None)
                  for column in query.selected_columns]
    converted = [(number, processor) for number, processor in enumerate(processors) if processor]

    def run(cursor, values: dict) -> list[tuple]:
        given = constants | values
        try:
            cursor.execute(text, [given[name] for name in order] if order else given)
            found = cursor.fetchall()
        finally:
            cursor.close()
        return [_converted(each) for each in found]

    def _converted(each: tuple) -> tuple:
        members = list(each)
        for number, processor in converted:
            members[number] = processor(members[number])
        return row._make(members)

    return run
