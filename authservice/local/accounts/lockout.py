"""How often somebody may try: the lock after wrong passwords, the hourly limits on codes.

Owns the rules. Where the counts are kept is counters/'s matter; every one is kept at once, because it must outlive
the refusal it leads to. An unknown name is counted like a known user, so that a lock tells nothing.
Source: Developer Guide, "Lockout behavior for failed sign-in attempts"; quotas page.
"""

from collections.abc import Callable
from datetime import timedelta

from authservice.errors import CognitoError, attempts_exceeded, limit_exceeded
from authservice.local.accounts import directory
from authservice.local.call import Call
from authservice.local.counters import Rule
from authservice.local.models import Pool, User

LONGEST_LOCK = timedelta(minutes=15)
FAILURES = Rule("password", window=timedelta(minutes=15), quiet=True, allowed=4,
                locks=(*(timedelta(seconds=2 ** n) for n in range(10)), LONGEST_LOCK))
"""Four wrong passwords cost nothing; the n-th locks for 2^(n-5) seconds."""
HOURLY = {kind: Rule(kind, timedelta(hours=1), allowed) for kind, allowed in {
    "ForgotPassword": 20, "ResendConfirmationCode": 5, "ConfirmSignUp": 15, "ChangePassword": 5,
    "GetUserAttributeVerificationCode": 5, "VerifyUserAttribute": 15}.items()}
"""Requests per user and hour; ForgotPassword and ConfirmForgotPassword share one budget."""


def subject(call: Call, pool: Pool, user: User | None, name: str) -> bytes:
    """Whose tries are counted: a user's, by whatever name, or those on a name nobody has."""
    whose = f"user/{user.id}" if user else f"name/{directory.name_key(pool, name)}"
    return call.vault.mac("attempts", f"{pool.id}/{whose}")


def refuse_locked(call: Call, whose: bytes) -> None:
    """Refuse while locked, even the right password; and make sure of it again when the call commits."""
    if not _refuse_locked(call, whose):
        call.uncounted.add(whose)
    call.guard(lambda: _refuse_locked(call, whose))


def _refuse_locked(call: Call, whose: bytes) -> bool:
    """Whether there are failures on record, though not too many of them."""
    key = (whose, FAILURES.kind)
    count = call.counters.find(call, key).get(key)
    if count and count.locked_until and count.locked_until > call.now:
        raise attempts_exceeded()
    return count is not None


def failed(call: Call, whose: bytes) -> None:
    """Count a wrong password or code, and lock when there were too many.

    Whoever finds that others have locked meanwhile is refused for that: of many guesses sent at
    once, the right one must not stand out by another answer.
    """
    count = call.counters.add(call, whose, FAILURES)
    if count.locked_until and count.locked_until > call.now:
        raise attempts_exceeded()


def forgive(call: Call, whose: bytes) -> None:
    """A sign-in that succeeded, its second factor included, ends the count; takes effect when the call commits.

    The right password alone must not: whoever has it could guess at the code for ever.
    """
    if whose not in call.uncounted:
        call.counters.forget(call, (whose, FAILURES.kind))


def unlock(call: Call, whose: bytes) -> None:
    """A new password ends count and lock of the old one when the call commits."""
    call.counters.forget(call, (whose, FAILURES.kind), even_locked=True)


def hourly(call: Call, whose: bytes, kind: str, refusal: Callable[[], CognitoError] = limit_exceeded) -> None:
    """Count a request against its hourly limit; refuse with LimitExceededException beyond it, or as `refusal`
    says where the operation has no such error."""
    rule = HOURLY[kind]
    if call.counters.add(call, whose, rule).tries > rule.allowed:
        raise refusal()
