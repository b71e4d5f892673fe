"""Password hashes: argon2id through passlib's CryptContext.

Owns hashing, checking, and noticing that a stored hash was made with other settings. Password policy,
history and lockout belong to the accounts; the SRP verifier, which is set together with the hash, to srp.

Sources: RFC 9106 (argon2), NIST SP 800-63B-4 section 3.1.1.2 (the exact password, no truncation).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from passlib.context import CryptContext

LONGEST = 256  # characters, Cognito's own limit


def _acceptable(password: str) -> bool:
    try:
        password.encode()  # a lone surrogate has no UTF-8 form
    except UnicodeEncodeError:
        return False
    return len(password) <= LONGEST and "\0" not in password


class Passwords:
    """Hashes with one set of argon2id costs: memory in KiB, passes over it, and lanes; `at_once` of them at a time.
    `part(name)` is entered around each, its waiting included.

    Each thread that hashes keeps that memory for good, and more of them than cores make nothing faster: so hashing
    has threads of its own, for which the others wait.

    A password is used exactly as given: never trimmed, cut, case-changed or normalised. One with a NUL, a
    lone surrogate or more than 256 characters is refused before any work, by an answer that depends on the
    password alone.
    """

    def __init__(self, memory_kib: int, time_cost: int, parallelism: int, at_once: int = 1,
                 part: Callable[[str], AbstractContextManager] = nullcontext):
        # passlib draws the salt itself: a salt that a test could hold still is a salt that could be shared.
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=time_cost,
            argon2__parallelism=parallelism,
        )
        self._threads = ThreadPoolExecutor(at_once, "hashing")
        self._part = part
        self._counting = Lock()
        self.waiting = self.running = 0  # hashes, at this moment
        self._of_nobody = self._do(self._context.hash, "the password of nobody")

    def _do(self, work: Callable, *given):
        with self._part("argon2id"):
            self._count(waiting=1)
            return self._threads.submit(self._run, work, *given).result()

    def _run(self, work: Callable, *given):
        self._count(waiting=-1, running=1)
        try:
            return work(*given)
        finally:
            self._count(running=-1)

    def _count(self, waiting: int = 0, running: int = 0) -> None:
        with self._counting:
            self.waiting += waiting
            self.running += running

    def hash(self, password: str) -> str:
        """A new salted hash in the `$argon2id$…` form, costs included. ValueError for a refused password."""
        if not _acceptable(password):
            raise ValueError(f"a password has at most {LONGEST} characters of Unicode text, none of them NUL")
        return self._do(self._context.hash, password)

    def verify(self, password: str, hash: str) -> tuple[bool, str | None]:
        """Whether this is the password and, if it is but the hash was made with other settings, a hash to
        store instead. A `hash` that is not an argon2 hash is a ValueError: the row is damaged, nobody
        mistyped."""
        if not _acceptable(password):
            return False, None
        return self._do(self._context.verify_and_update, password, hash)

    def verify_unknown(self, password: str) -> bool:
        """False, after the work `verify` would have done: for a user who does not exist or has no password,
        so that the clock does not tell which usernames are taken."""
        if _acceptable(password):
            self._do(self._context.verify, password, self._of_nobody)
        return False
