"""Engine, session, column types, the two moments of a transaction, and the schema as a whole.

Owns how SQLite and PostgreSQL are opened, which connections stay open between calls, when a write lock is taken, which
schema is accepted, and copies. Does not own the tables (models/, migrations/), which call writes what (backend.py), nor
how SQLite's lock is waited for (write_turns.py).

A call first reads, hashes and signs without any lock; then `begin_writing` takes
the lock, the call's claims and changes are written, and it commits. The drivers
are therefore in autocommit mode: a SELECT holds nothing, and the one transaction
there is starts with our own BEGIN.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import ClassVar

from sqlalchemy import URL, Connection, DateTime, Engine, ForeignKey, MetaData, create_engine, event, inspect, make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from authservice import json_text
from authservice.config import SettingsError
from authservice.local import prepared, write_turns
from authservice.local.migrations import REVISIONS

KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
"""libpq's: after some ten seconds of silence a server that is gone without a word counts as gone (s, s, times, ms)."""
UNBOUNDED_SECONDS = 30
"""How long a lock or a connection is waited for where nothing else is said."""
LIBPQ_IDLE = 0
"""PQTRANS_IDLE: a connection in no transaction."""
NO_TIMEOUT = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
SYNCHRONOUS = {True: "FULL", False: "NORMAL"}
"""How SQLite commits what lasts, and what a power cut may take."""
BEGIN = {True: ("BEGIN",), False: ("BEGIN", "SET LOCAL synchronous_commit = off")}
"""The same on PostgreSQL."""
UPGRADE_ATTEMPTS = 20
UPGRADE_PAUSE_SECONDS = 0.25
OPENING_PAUSE_SECONDS = 0.01
BACKUP_PAGES = 2000
"""So many pages (of 4 KiB) are copied at a stretch; writers wait no longer than that."""
MIGRATIONS = str(Path(__file__).parent / "migrations")


_one_migration = threading.Lock()
"""Alembic's context is the whole process's: two threads would write by each other's connection."""


class SchemaError(SettingsError):
    """A database that this version does not work on; the message says what to do."""


class Base(DeclarativeBase):
    """The tables; constraint names are fixed so that migrations can name them."""

    may_be_lost: ClassVar = False
    """Whether new rows need not survive a power cut."""
    metadata = MetaData(naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


OWNED = {"ondelete": "CASCADE", "deferrable": True, "initially": "DEFERRED"}
"""A row goes with its owner. The check waits for the commit, because one call's rows are written in any order."""


def owned_by(column: str) -> ForeignKey:
    """A reference to the row that this one belongs to and goes with."""
    return ForeignKey(column, **OWNED)


class UTCDateTime(TypeDecorator):
    """An aware datetime, stored in UTC; SQLite would forget the zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect):
        return value and value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect):
        return value and value.replace(tzinfo=timezone.utc)

    def bind_processor(self, dialect):
        """SQLite keeps a text, which is written and read here in one step each."""
        if dialect.name == "sqlite":
            return lambda value: value and value.astimezone(timezone.utc).isoformat(" ", "microseconds")[:-6]
        return super().bind_processor(dialect)

    def result_processor(self, dialect, coltype):
        if dialect.name == "sqlite":
            return lambda text: text and datetime.fromisoformat(text + "+00:00")
        return super().result_processor(dialect, coltype)


def open_engine(url: str, wait_seconds: int = 0, threads: int = 4) -> Engine:
    """An engine for a SQLAlchemy URL: sqlite:///file or postgresql://…, used by so many threads.

    Nothing is waited for longer than `wait_seconds`: a connection, a lock, a statement; 0 is for ever, but for SQLite's
    lock and a connection.
    """
    parsed = make_url(url)
    # A call holds one connection, for a moment a second one (Call.record); delivery and the like have one each.
    # hide_parameters: an error that is logged must not tell what was to be written.
    pool = {"pool_size": threads + 2, "max_overflow": threads, "pool_timeout": wait_seconds or UNBOUNDED_SECONDS,
            "pool_use_lifo": True, "hide_parameters": True}
    json = {"json_serializer": json_text.write, "json_deserializer": json_text.read}
    is_sqlite = parsed.get_backend_name() == "sqlite"
    return (_open_sqlite if is_sqlite else _open_postgres)(parsed, wait_seconds, pool | json)


def _open_postgres(url: URL, wait_seconds: int, options: dict) -> Engine:
    """In autocommit, like SQLite: a read is one round trip, and no transaction is open while a call computes.

    What the URL says itself, in libpq's parameters, stands.
    """
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    wait_ms = wait_seconds * 1000  # a statement's time includes its waiting for locks
    bounds = f"-c statement_timeout={wait_ms} -c idle_in_transaction_session_timeout={wait_ms}"
    ours = {"connect_timeout": wait_seconds or UNBOUNDED_SECONDS, **KEEPALIVES}
    given = {name: value for name, value in ours.items() if name not in url.query}
    # psycopg's own prepared statements are off: with them, it drops all there are at each rollback, libpq.py's too.
    given |= {"options": f"{bounds} {url.query.get('options', '')}".strip(), "client_encoding": "utf8",
              "prepare_threshold": None}
    engine = create_engine(url.difference_update_query(["options", "client_encoding"]), isolation_level="AUTOCOMMIT",
                           connect_args=given, **options)

    @event.listens_for(engine, "handle_error")
    def leave_a_server_that_only_reads(context) -> None:
        if getattr(context.original_exception, "sqlstate", None) == prepared.READ_ONLY:
            context.is_disconnect = True

    return engine


def _open_sqlite(url: URL, wait_seconds: int, options: dict) -> Engine:
    if url.database:
        file = Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # SQLite gives its journals the same mode
    patience, turn = wait_seconds or UNBOUNDED_SECONDS, threading.Lock()
    connecting = {"timeout": patience, "isolation_level": None, "factory": write_turns.Connection}
    engine = create_engine(url, connect_args=connecting, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection, record):
        connection.turn, connection.patience = turn, patience
        _write_ahead(connection, patience)
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[True]}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")  # as PostgreSQL has it

    return engine


def _write_ahead(connection: sqlite3.Connection, patience: int) -> None:
    """Have the file in WAL mode. When several make it so at once, SQLite refuses all but one, and lets none wait."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(OPENING_PAUSE_SECONDS)


class Connections:
    """Connections that calls leave open for those after them.

    To have the pool lend one and take it back costs as much as a read. There are never more than calls at once.
    """

    def __init__(self):
        self._idle: dict[Engine, list[Connection]] = {}

    def take(self, engine: Engine) -> Connection:
        """One to this database that is in no transaction."""
        try:
            return self._idle[engine].pop()
        except LookupError:
            return engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Undo what is not committed, and keep the connection; one that broke takes the others with it, which lead
        to the same end."""
        try:
            if connection.get_transaction() is not None:
                connection.rollback()
            if not (connection.invalidated or is_in_transaction(connection)):
                self._idle.setdefault(connection.engine, []).append(connection)
                return
        except SQLAlchemyError:
            connection.invalidate()
        self.close(connection.engine)
        connection.close()

    def idle(self, engine: Engine) -> int:
        """How many are left open now."""
        return len(self._idle.get(engine, ()))

    def close(self, *engines: Engine) -> None:
        """Close those that no call uses, to these databases or to all."""
        for engine in engines or list(self._idle):
            for connection in self._idle.pop(engine, ()):
                connection.close()


def is_in_transaction(connection: Connection) -> bool:
    """What the driver knows of it, whatever SQLAlchemy does."""
    driver = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return driver.in_transaction
    return driver.pgconn.transaction_status != LIBPQ_IDLE


def session(bind: Engine | Connection) -> Session:
    """A unit of work that writes nothing before it is told to (no autoflush).

    On a connection that is open already it begins and ends the transaction as on one of its own.
    """
    return Session(bind, autoflush=False, expire_on_commit=False, join_transaction_mode="control_fully")


def begin_writing(db: Session | Connection, lasting: bool = True, steps: Sequence[prepared.Step] = ()
                  ) -> Iterator[list[tuple] | int]:
    """Begin the one transaction there is. SQLite takes the write lock now; PostgreSQL locks rows as they are written.

    Gives, in turn, what the `steps` give that the transaction begins with (prepared.each). What is `lasting` survives a
    power cut from its commit on. Waiting for the disk is most of a small commit, so what may be lost in one, though never
    by half, does not wait.
    """
    connection = db if isinstance(db, Connection) else db.connection()
    if not connection.in_transaction():
        connection.begin()  # SQLAlchemy's account of it; nothing is sent
    if connection.dialect.name == "postgresql":
        return prepared.together(connection, steps, BEGIN[lasting])
    driver = connection.connection.driver_connection
    try:
        if connection.info.get("lasting", True) != lasting:  # how the last transaction of this connection was
            driver.execute(f"PRAGMA synchronous = {SYNCHRONOUS[lasting]}")
            connection.info["lasting"] = lasting
        driver.begin_writing()
    except sqlite3.Error as error:
        raise prepared.wrapped(error, "BEGIN IMMEDIATE", connection.dialect) from error
    return prepared.each(connection, steps)


def commit(connection: Connection) -> None:
    """Commit what was written on a connection of its own."""
    if connection.dialect.name == "postgresql":
        prepared.commit(connection)
    connection.commit()


def begin_reading(db: Session) -> None:
    """See all tables as they are at this moment, for as long as it takes, until the session ends."""
    connection = db.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql(NO_TIMEOUT)


def model_of(row) -> type[Base]:
    """The model of a row, or of the plain values of one (readings.py)."""
    return getattr(row, "model", type(row))


def prepare(engine: Engine) -> None:
    """Make the tables of an empty database; refuse one that another version made (SchemaError).

    An upgrade is an operator's act, for workers of two versions must not meet on it unawares.
    """
    found = revision(engine)
    if found is None:
        upgrade(engine)
    elif found not in REVISIONS:
        raise SchemaError(f"a newer version made this database (schema {found}, this version knows {REVISIONS[-1]}): "
                          "start that version, or one newer still")
    elif found != REVISIONS[-1]:
        raise SchemaError(f"the database has schema {found}, this version needs {REVISIONS[-1]}: stop all workers, make a "
                          "backup (authservice db backup FILE), then run: authservice db upgrade")


def revision(engine: Engine) -> str | None:
    """The revision of the schema; None for a database without one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; several processes may do so at once.

    Needs no lock that not every PostgreSQL-compatible database has: who comes second finds the work done, or fails
    on the other's tables and looks again.
    """
    for attempt in range(UPGRADE_ATTEMPTS):
        if revision(engine) == REVISIONS[-1]:
            return
        try:
            _run_migrations(engine, "head", "upgrade")
        except (IntegrityError, OperationalError, ProgrammingError):
            if attempt == UPGRADE_ATTEMPTS - 1:
                raise
            time.sleep(UPGRADE_PAUSE_SECONDS)


def downgrade(engine: Engine, to: str) -> None:
    """Take the schema back to an older revision, "base" for none; what only the newer one holds is lost."""
    _run_migrations(engine, to, "downgrade")


def _run_migrations(engine: Engine, to: str, how: str) -> None:
    # Imported here: a start on a database that is as it should be needs none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    with _one_migration, engine.connect() as connection:
        begin_writing(connection)
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(NO_TIMEOUT)  # a large table takes its time
        config.attributes["connection"] = connection
        getattr(command, how)(config, to)
        connection.commit()


def backup(engine: Engine, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy a SQLite database that is in use into a new file, mode 0600, as it is at one moment.

    `progress(pages left, pages in all)` is called as it goes. Refuses an existing file, and any other database; a copy
    that fails leaves no file.
    """
    if engine.dialect.name != "sqlite":
        raise SchemaError("only SQLite is copied here; for PostgreSQL use pg_dump, which does the same online")
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(descriptor)
    try:
        with engine.connect() as connection, contextlib.closing(sqlite3.connect(target)) as copy:
            source = connection.connection.driver_connection
            source.backup(copy, pages=BACKUP_PAGES, progress=lambda _, left, total: progress(left, total))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
    except BaseException:
        target.unlink()
        raise
