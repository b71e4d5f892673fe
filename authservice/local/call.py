"""Call: what one operation may use of the world. `@operation`: who answers which name.

Owns the life of a unit of work: what is read freely, what is claimed, what is
recorded come what may, when it is committed. Does not own when a call is tried
again; that is backend.py.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache, partial

from sqlalchemy import Connection, Engine, Executable, Insert, Select, bindparam, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from authservice.audit.events import Entry
from authservice.config import Settings
from authservice.contract import Caller
from authservice.crypto import ids
from authservice.crypto.passwords import Passwords
from authservice.errors import CognitoError, Unavailable
from authservice.local import database, prepared
from authservice.local.believed import Believed
from authservice.local.counters import Counters
from authservice.local.database import Base
from authservice.local.models import AppClient, Event, Pool
from authservice.local.shared_reads import SharedReads
from authservice.local.trail import Trail
from authservice.local.vault import Vault

SETTINGS = (Pool.__table__, AppClient.__table__)
"""Of which a process remembers rows (readings.py)."""
OPERATIONS: dict[str, Callable[["Call", dict], dict]] = {}
READ_AT_REPLICA: set[str] = set()
"""Operations that a copy of the database may answer."""


def operation(name: str, reads: str = "primary"):
    """Register a function as the answer to an operation of the API. It takes (call, request).

    `reads="replica"`: a copy of the database may answer, a moment late. For lists alone: whoever has made or changed a
    thing finds it so, nothing that is over (a token, a user, a key) seems to go on, and a refusal is the primary's.
    """

    def register(function):
        if name in OPERATIONS:
            raise ValueError(f"{name} has two answers")
        OPERATIONS[name] = function
        if reads == "replica":
            READ_AT_REPLICA.add(name)
        return function

    return register


@dataclass(frozen=True)
class Tools:
    """What every call of one backend shares: settings, secrets, clock and randomness."""

    settings: Settings
    vault: Vault
    passwords: Passwords
    trail: Trail
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    counters: Counters
    connections: database.Connections = field(default_factory=database.Connections)
    shared_reads: SharedReads | None = None
    """Where the database is asked over a network."""
    part: Callable[[str], AbstractContextManager] = nullcontext
    """Entered around what takes its time in a call, by its name; for the traces."""
    remembered_settings: dict = field(default_factory=dict)
    """Pools and app clients as they are in the database; filled and judged by readings.py."""
    believed: Believed = field(default_factory=Believed)
    """Those that were looked at a moment ago, by (model, id); for readings.py."""
    remembered_tokens: dict = field(default_factory=dict)
    """Access tokens found to be ours, by their SHA-256: (kid, claims); filled and judged by tokens/check.py."""
    remembered_documents: dict = field(default_factory=dict)
    """What is published of pools, as text: (pool, state, text); filled and judged by oauth/discovery.py."""
    remembered_keys: dict = field(default_factory=dict)
    """Opened signing keys by pool; filled by tokens/keys.py, valid for one key generation."""


@dataclass(frozen=True)
class Call:
    """One unit of work: read and compute first, then `commit` writes everything at once or nothing."""

    engine: Engine
    now: datetime
    caller: Caller
    tools: Tools
    about: dict[str, str] = field(default_factory=dict)
    """The pool, app client and user (sub) this call turned out to be about; for the log and the audit trail."""
    entry: Entry | None = None
    """The event that the call's changes are recorded by."""
    uncounted: set[bytes] = field(default_factory=set)
    """Who turned out to have no failures on record, so that there are none to forgive."""
    _claims: list[tuple[Executable, dict, Callable[[], CognitoError]]] = field(default_factory=list)
    _guards: list[tuple[Callable[..., object], Select | None, dict]] = field(default_factory=list)
    _also: list[Executable] = field(default_factory=list)
    _inserts: list[tuple[type[Base], dict]] = field(default_factory=list)
    _afterwards: list[Callable[[], object]] = field(default_factory=list)
    _held: list[Base] = field(default_factory=list)

    @cached_property
    def db(self) -> Session:
        """The session; a call that reads plain values alone never makes one."""
        return database.session(self._own)

    @cached_property
    def _own(self) -> Connection:
        """The one connection of this call."""
        return self.tools.connections.take(self.engine)

    def read(self, query: Select, values: dict) -> list[tuple]:
        """What a query finds that was made once."""
        shared, held = self.tools.shared_reads, self.__dict__
        if shared and shared.engine is self.engine and not ("db" in held or "_own" in held):
            return shared.rows(query, values)
        return prepared.rows(self._connection, query, values)

    @property
    def _connection(self) -> Connection:
        """The call's connection, in the session's transaction if there is a session."""
        return self.db.connection() if "db" in self.__dict__ else self._own

    def close(self) -> None:
        """Give back what the call holds; what is not committed is as if it had not been."""
        held = self.__dict__
        try:
            if "db" in held:
                held.pop("db").close()
        finally:
            if "_own" in held:
                self.tools.connections.give_back(held.pop("_own"))

    @property
    def settings(self) -> Settings:
        return self.tools.settings

    @property
    def counters(self) -> Counters:
        return self.tools.counters

    @property
    def vault(self) -> Vault:
        return self.tools.vault

    def is_about(self, user):
        """Note whom this call turned out to be about; gives the user on."""
        if user is not None:
            self.about.update(user=user.id, pool=user.pool_id)
        return user

    def random(self, n: int) -> bytes:
        """n random bytes; the only source of randomness in a call."""
        return self.tools.random(n)

    def token(self, n: int = 32) -> str:
        """A random bearer value of n bytes in hex."""
        return self.random(n).hex()

    def uuid(self) -> str:
        """A random UUID in lower case."""
        return ids.uuid4(self.random(16))

    def pick(self, alphabet: str, length: int) -> str:
        """A random text over an alphabet, without bias (rejection sampling)."""
        limit = 256 - 256 % len(alphabet)
        chosen: list[str] = []
        while len(chosen) < length:
            chosen += [alphabet[byte % len(alphabet)] for byte in self.random(length * 2) if byte < limit]
        return "".join(chosen[:length])

    def later(self, **duration) -> datetime:
        return self.now + timedelta(**duration)

    def claim(self, statement: Executable, refusal: Callable[[], CognitoError], values: dict | None = None) -> None:
        """Promise that `statement` (an UPDATE or DELETE) will touch exactly one row when the call commits.

        Whoever comes second touches none and gets `refusal`, with nothing written: this is how
        single-use things (codes, sessions, TOTP steps, refresh tokens) are spent once. A statement that is made once
        has parameters: `values`.
        """
        self._claims.append((statement, values or {}, refusal))

    def guard(self, check: Callable[..., object], query: Select | None = None, values: dict | None = None) -> None:
        """Promise that `check` refuses nothing when the call commits; it is given what the query finds then, if any.

        For what somebody else may do meanwhile, such as locking the user whose password is being checked.
        """
        self._guards.append((check, query, values or {}))

    def hold(self, row: Base) -> None:
        """Promise that a versioned `row` is still as it was read when the call commits; otherwise the call runs again.

        For what was decided on it and is written elsewhere: no sign-in goes by a password replaced meanwhile.
        """
        self._held.append(row)

    def insert(self, model: type[Base], **values) -> None:
        """Write a new row when the call commits: of those that every sign-in leaves, which nobody needs as objects.

        `values` are those of all its columns that may not be empty or have a default.
        """
        self._inserts.append((model, values))

    def also(self, statement: Executable) -> None:
        """Execute `statement` when the call commits, however many rows it touches."""
        self._also.append(statement)

    def may_take_long(self) -> None:
        """Let the database take as long as it does over what this call writes: of everything in a large pool, minutes."""
        if self.engine.dialect.name == "postgresql":
            self.also(text(database.NO_TIMEOUT))

    def once_committed(self, action: Callable[[], object]) -> None:
        """Run `action` when the call has committed; it must not fail, for the call has not."""
        self._afterwards.append(action)

    def record(self, *statements: Executable) -> list:
        """Execute and commit at once, whatever becomes of the call; returns the first rows, if any.

        For what must survive a refusal: a wrong password counted, a reused token's family revoked.
        """
        with database.session(self.engine) as db:
            database.begin_writing(db)
            rows = []
            for statement in statements:
                result = db.execute(statement)
                rows.append(result.first() if result.returns_rows else None)
            db.commit()
            return rows

    def commit(self) -> None:
        """Take the write lock, the claims, write all changes and commit. A call that only read does nothing."""
        if self._has_changes:
            with self.tools.part("commit"):
                self._write_everything()

    def _write_everything(self) -> None:
        connection, may_change_settings = self._connection, self._may_change_settings
        event = self.entry and not self.entry.kept and self.tools.trail.of_change(self.entry)
        promises, rows = list(self._promises()), [*self._inserts, *([(Event, event)] if event else ())]
        steps = [promise[:2] for promise in promises] + [(_insert(model), values) for model, values in rows]
        given = database.begin_writing(connection, self._is_lasting, steps)
        for _, _, judge in promises:
            judge(next(given))
        for _ in given:  # the rows are there
            pass
        for check, query, _ in self._guards:
            if query is None:
                check()
        for statement, values, refusal in self._claims:
            if not values:
                _refuse_unless_one(refusal, connection.execute(statement).rowcount)
        for statement in self._also:
            connection.execute(statement)
        try:
            self._send_commit(event and (Event, event["id"]))
        finally:
            if may_change_settings:
                self.tools.believed.forget()
        if event:
            self.entry.kept = event["record"]
        for action in self._afterwards:
            action()

    def _promises(self) -> Iterator[tuple[Executable, dict, Callable]]:
        """Statements that are made once, and for each who judges what it gives."""
        for row in self._held:
            if "db" not in self.__dict__ or row not in self.db.new:
                yield _unchanged(database.model_of(row)), {"id": row.id, "version": row.version}, partial(_refuse_changed, row)
        for check, query, values in self._guards:
            if query is not None:
                yield query, values, check
        for statement, values, refusal in self._claims:
            if values:
                yield statement, values, partial(_refuse_unless_one, refusal)

    def _send_commit(self, proof: tuple[type[Base], object] | None) -> None:
        """COMMIT. When the connection breaks before its answer has come, nobody knows yet whether it has happened.

        A new row of this call proves it, its event or another, for nobody else makes its random key: then the answer
        stands. Without one it may still be on its way: Unavailable. To run the call again could say no to what it did.
        """
        session = self.__dict__.get("db")
        if session is not None:
            made = first(session.new)
            session.flush()
            proof = proof or (made and (type(made), inspect(made).identity))
        for model, values in self._inserts:
            proof = proof or (model, values["id"])
        try:
            database.commit(self._connection) if session is None else session.commit()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            if not (proof and self._is_there(*proof)):
                raise Unavailable() from error

    def _is_there(self, table: type[Base], key) -> bool:
        with suppress(SQLAlchemyError), database.session(self.engine) as db:
            return db.get(table, key) is not None
        return False

    @property
    def _has_changes(self) -> bool:
        if self._claims or self._also or self._inserts:
            return True
        return self._has_changed_rows

    @property
    def _has_changed_rows(self) -> bool:
        db = self.__dict__.get("db")
        return db is not None and bool(db.new or db.deleted or any(map(db.is_modified, db.dirty)))

    @property
    def _may_change_settings(self) -> bool:
        return bool(self._also or self._has_changed_rows or any(claim[0].table in SETTINGS for claim in self._claims))

    @property
    def _is_lasting(self) -> bool:
        """Whether a power cut must not take what this call writes."""
        return bool(self._claims or self._also or self._has_changed_rows
                    or not all(model.may_be_lost for model, _ in self._inserts))


def _refuse_changed(row: Base, found: list[tuple]) -> None:
    if not found:
        raise StaleDataError(f"{database.model_of(row).__tablename__} {row.id} was changed meanwhile")


def _refuse_unless_one(refusal: Callable[[], CognitoError], touched: int) -> None:
    if touched != 1:
        raise refusal()


# Made once each: building a statement costs more than running it.

@lru_cache
def _unchanged(model: type[Base]) -> Select:
    columns = model.__table__.c
    same = select(columns.version).where(columns.id == bindparam("id"), columns.version == bindparam("version"))
    return same.with_for_update(key_share=True)


@lru_cache
def _insert(model: type[Base]) -> Insert:
    return insert(model.__table__)


def digest(bearer: str) -> bytes:
    """What is stored of a bearer value: its SHA-256."""
    return hashlib.sha256(bearer.encode()).digest()


def first(items: Iterable, default=None):
    return next(iter(items), default)
