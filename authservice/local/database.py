"""Engine, session, column types and the two moments of a transaction.

Owns how SQLite and PostgreSQL are opened and when a write lock is taken. Does not
own the tables (models/) nor which call writes what (backend.py).

A call first reads, hashes and signs without any lock; then `begin_writing` takes
the lock, the call's claims and changes are written, and it commits. On SQLite
the driver is therefore in autocommit mode: a SELECT holds nothing, and the one
transaction there is starts with BEGIN IMMEDIATE.
"""

from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import DateTime, Engine, ForeignKey, MetaData, create_engine, event, make_url, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

SQLITE_WAIT_SECONDS = 30
MIGRATIONS = str(Path(__file__).parent / "migrations")


class Base(DeclarativeBase):
    """The tables; constraint names are fixed so that migrations can name them."""

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


def open_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL: sqlite:///file or postgresql://…"""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_size=16, max_overflow=16, pool_pre_ping=True, hide_parameters=True)


def _open_sqlite(url) -> Engine:
    if url.database:
        file = Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # SQLite gives its journals the same mode
    # hide_parameters: an error that is logged must not tell what was to be written.
    engine = create_engine(url, pool_size=16, max_overflow=16, hide_parameters=True,
                           connect_args={"timeout": SQLITE_WAIT_SECONDS, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def prepare(connection, record):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # an acknowledged sign-up survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")  # as PostgreSQL has it

    return engine


def session(engine: Engine) -> Session:
    """A unit of work that writes nothing before it is told to (no autoflush)."""
    return Session(engine, autoflush=False, expire_on_commit=False)


def begin_writing(db: Session) -> None:
    """Take the write lock now; on PostgreSQL the rows themselves are locked as they are written."""
    if db.get_bind().dialect.name == "sqlite":
        db.connection().exec_driver_sql("BEGIN IMMEDIATE")


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; several processes may do so at once."""
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == _newest():
            return
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(7236418)"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


@lru_cache
def _newest() -> str:
    return ScriptDirectory(MIGRATIONS).get_current_head()
