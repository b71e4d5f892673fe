"""LocalBackend: validate, authorise, run the operation, commit, deliver.

The way into local/ for every door: `call` for API operations, `unit_of_work` for
the OAuth endpoints and the shell. Does not own what an operation does.
"""

import logging
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from authservice.audit import events
from authservice.config import Settings
from authservice.contract import ANONYMOUS, OPERATOR, Caller, about, service
from authservice.crypto.passwords import Passwords
from authservice.crypto.seal import Sealer, load_or_create_key
from authservice.errors import CognitoError, Unavailable, not_authorized
from authservice.local import counters, database, housekeeping, readiness
from authservice.local.availability import Gate, Meaning, Preparation, meaning, refuse
from authservice.local.accounts import source
from authservice.local.call import OPERATIONS, READ_AT_REPLICA, Call, Tools
from authservice.local.messaging import delivery
from authservice.local.shared_reads import SharedReads
from authservice.local.trail import Trail
from authservice.local.quotas import Quotas
from authservice.local.replicas import Replicas
from authservice.local.vault import Vault
from authservice.local import operations  # noqa: F401  registers every operation

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often a call is run when others changed the same rows meanwhile."""

Answer = TypeVar("Answer")


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class LocalBackend:
    """Our own user pools in one database."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now,
                 random: Callable[[int], bytes] = secrets.token_bytes,
                 part: Callable[[str], AbstractContextManager] = nullcontext):
        self.settings = settings
        self.contract = service()
        self.engine = database.open_engine(settings.sql_url, settings.database_timeout_seconds,
                                           settings.calls_at_once)
        self._gate = Gate(settings.calls_at_once)
        sealer = Sealer(load_or_create_key(settings.instance / "seal.key"))
        passwords = Passwords(settings.argon2_memory_kib, settings.argon2_time, settings.argon2_parallelism,
                              at_once=max(1, (os.cpu_count() or 1) // settings.workers), part=part)
        self.trail = Trail(self.engine, settings, clock, random)
        connections = database.Connections()
        shared = SharedReads(self.engine, connections) if self.engine.dialect.name == "postgresql" else None
        self.tools = Tools(settings, Vault(sealer), passwords, self.trail, clock, random,
                           counters.open_counters(settings, self.engine), connections, shared, part)
        self.quotas = Quotas(settings, self.tools.counters)
        self.sealer = sealer
        self.preparation = Preparation(self.engine)
        self.replicas = Replicas(self.engine, settings)
        self.courier = delivery.Courier(self)
        self._tidied_at = clock()

    def call(self, operation: str, request: dict, caller: Caller = ANONYMOUS) -> dict:
        """Run one API operation in one transaction; see contract.Backend.call."""
        self.contract.operation(operation)
        with self.trail.operation(operation, request, caller) as entry:
            answer = OPERATIONS.get(operation)
            if answer is None:
                raise CognitoError("NotImplementedException", f"{operation} is not built yet.")
            if not (caller.is_administrator or self.contract.is_public(operation)):
                raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token")
            self.quotas.spend(operation, caller)
            self.contract.validate(operation, request)
            try:
                return self._answer(operation, lambda call: answer(call, request), source.of(caller, request), entry)
            except CognitoError as refusal:
                raise self._declared(operation, refusal) from None

    def _answer(self, operation: str, work: Callable[[Call], dict], caller: Caller, entry: events.Entry | None) -> dict:
        replica = self.replicas.pick() if operation in READ_AT_REPLICA else None
        if replica:
            with suppress(CognitoError):  # it is away, or does not know yet what was made a moment ago
                return self._run(work, caller, entry, replica)
        return self._run(work, caller, entry)

    def turned_away(self, operation: str, refusal: CognitoError) -> None:
        """Record a call that a door refused before it came here; see contract.Backend.turned_away."""
        with suppress(CognitoError), self.trail.operation(operation, {}, ANONYMOUS):
            raise refusal

    def _declared(self, operation: str, refusal: CognitoError) -> CognitoError:
        """A deleted user's token is told as such, but for the few operations that declare no such error."""
        if refusal.code == "UserNotFoundException" and refusal.code not in self.contract.errors_of(operation):
            return not_authorized(refusal.message)
        return refusal

    def run(self, work: Callable[[Call], Answer], caller: Caller = OPERATOR) -> Answer:
        """Run `work(call)` as one unit of work, commit it, then deliver the messages it wrote.

        When somebody else wrote the same rows first, the work starts over with fresh
        rows, so that it refuses properly (the username is taken now) or succeeds. So it
        does on a new connection when the old one broke: nothing of it was committed, for
        a connection lost during the commit is Call.commit's own matter. Only what
        `record` has written may then be written again: a try that is counted twice.
        Refuses with Unavailable while the database is not to be had.
        """
        return self._run(work, caller, events.under_way.get())

    def _run(self, work: Callable[[Call], Answer], caller: Caller, entry: events.Entry | None,
             engine: Engine | None = None) -> Answer:
        """The same; what it changes is recorded by `entry`, in one transaction with it."""
        with self._gate:
            answer = self._try(work, caller, entry, engine or self.engine)
        self.courier.wake()
        self._tidy()
        return answer

    def _try(self, work: Callable[[Call], Answer], caller: Caller, entry: events.Entry | None, engine: Engine) -> Answer:
        if not self.preparation.done:
            raise Unavailable()
        for attempt in range(ATTEMPTS):
            try:
                with closing(self._unit_of_work(caller, entry, engine)) as call:
                    answer = work(call)
                    if entry:
                        entry.answered(answer)
                    call.commit()
                return answer
            except SQLAlchemyError as error:
                found = meaning(error)
                self.tools.believed.forget()  # perhaps what was believed is why
                if found is None or (attempt == ATTEMPTS - 1 and isinstance(error, IntegrityError)):
                    raise
                if found is Meaning.AWAY or attempt == ATTEMPTS - 1:
                    raise refuse(error) from error
        raise AssertionError("the last attempt ends in an answer or an error")

    def _tidy(self) -> None:
        """Once a minute, after somebody's call, remove a batch of what has expired; while there is more, every second."""
        now = self.tools.clock()
        if timedelta(0) <= now - self._tidied_at < housekeeping.EVERY:
            return
        self._tidied_at = now
        asked = about.get()
        try:
            if self._run(housekeeping.prune, OPERATOR, None) >= housekeeping.BATCH:
                self._tidied_at = now - housekeeping.EVERY + housekeeping.SOON
        except (SQLAlchemyError, Unavailable):  # the call is answered already, and the next minute will do
            log.warning("expired rows could not be removed", exc_info=True)
        finally:
            about.set(asked)

    def _unit_of_work(self, caller: Caller, entry: events.Entry | None, engine: Engine) -> Call:
        call = Call(engine, self.tools.clock(), caller, self.tools, entry=entry)
        if entry:
            entry.about = call.about
        about.set(call.about)
        return call

    def checks(self) -> dict[str, Callable[[], str]]:
        """What has to be in order for a call to succeed; see readiness.py."""
        return readiness.checks(self)

    def load(self) -> dict[str, int]:
        """How busy this process is now; see contract.Backend.load."""
        hashing, lent = self.tools.passwords, self.engine.pool.checkedout()
        return {"hashing_waiting": hashing.waiting, "hashing_running": hashing.running,
                "database_connections": lent - self.tools.connections.idle(self.engine)}

    def close(self) -> None:
        """Stop delivering, write the audit trail to its end, give back the database connections."""
        self.courier.stop()
        self.trail.stop()
        self.preparation.give_up()
        self.tools.connections.close()
        self.replicas.close()
        self.tools.counters.close()
        self.engine.dispose()
