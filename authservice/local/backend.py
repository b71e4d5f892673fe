"""LocalBackend: validate, authorise, run the operation, commit, deliver.

The way into local/ for every door: `call` for API operations, `unit_of_work` for
the OAuth endpoints and the shell. Does not own what an operation does.
"""

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from authservice.config import Settings
from authservice.contract import ANONYMOUS, OPERATOR, Caller, about, service
from authservice.crypto.passwords import Passwords
from authservice.crypto.seal import Sealer, load_or_create_key
from authservice.errors import CognitoError, Unavailable, not_authorized
from authservice.local import counters, database, housekeeping, readiness
from authservice.local.availability import Gate, Meaning, Preparation, meaning, refuse
from authservice.local.call import OPERATIONS, Call, Tools
from authservice.local.messaging import delivery
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
                 random: Callable[[int], bytes] = secrets.token_bytes):
        self.settings = settings
        self.contract = service()
        self.engine = database.open_engine(settings.sql_url, settings.database_timeout_seconds, settings.threads)
        self._gate = Gate(settings.threads)
        sealer = Sealer(load_or_create_key(settings.instance / "seal.key"))
        passwords = Passwords(settings.argon2_memory_kib, settings.argon2_time, settings.argon2_parallelism,
                              at_once=max(1, (os.cpu_count() or 1) // settings.workers))
        self.tools = Tools(settings, Vault(sealer), passwords, clock, random, counters.open_counters(settings, self.engine))
        self.sealer = sealer
        self.preparation = Preparation(self.engine)
        self.courier = delivery.Courier(self)
        self._tidied_at = clock()

    def call(self, operation: str, request: dict, caller: Caller = ANONYMOUS) -> dict:
        """Run one API operation in one transaction; see contract.Backend.call."""
        self.contract.operation(operation)
        answer = OPERATIONS.get(operation)
        if answer is None:
            raise CognitoError("NotImplementedException", f"{operation} is not built yet.")
        if not (caller.is_administrator or self.contract.is_public(operation)):
            raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token")
        self.contract.validate(operation, request)
        try:
            return self.run(lambda call: answer(call, request), caller)
        except CognitoError as refusal:
            raise self._declared(operation, refusal) from None

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
        with self._gate:
            answer = self._run(work, caller)
        self.courier.wake()
        self._tidy()
        return answer

    def _run(self, work: Callable[[Call], Answer], caller: Caller) -> Answer:
        if not self.preparation.done:
            raise Unavailable()
        for attempt in range(ATTEMPTS):
            try:
                with self._unit_of_work(caller) as call:
                    answer = work(call)
                    call.commit()
                return answer
            except SQLAlchemyError as error:
                found = meaning(error)
                if found is None or (attempt == ATTEMPTS - 1 and isinstance(error, IntegrityError)):
                    raise
                if found is Meaning.AWAY or attempt == ATTEMPTS - 1:
                    raise refuse(error) from error
        raise AssertionError("the last attempt ends in an answer or an error")

    def _tidy(self) -> None:
        """Once a minute, after somebody's call, remove a batch of what has expired."""
        now = self.tools.clock()
        if timedelta(0) <= now - self._tidied_at < housekeeping.EVERY:
            return
        self._tidied_at = now
        asked = about.get()
        try:
            self.run(housekeeping.prune)
        except (SQLAlchemyError, Unavailable):  # the call is answered already, and the next minute will do
            log.warning("expired rows could not be removed", exc_info=True)
        finally:
            about.set(asked)

    @contextmanager
    def _unit_of_work(self, caller: Caller) -> Iterator[Call]:
        call = Call(self.engine, self.tools.clock(), caller, self.tools)
        about.set(call.about)
        try:
            yield call
        finally:
            call.close()

    def checks(self) -> dict[str, Callable[[], str]]:
        """What has to be in order for a call to succeed; see readiness.py."""
        return readiness.checks(self)

    def close(self) -> None:
        """Stop delivering and give back the database connections."""
        self.courier.stop()
        self.preparation.give_up()
        self.tools.counters.close()
        self.engine.dispose()
