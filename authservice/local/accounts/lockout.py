"""How often somebody may try: the lock after wrong passwords, the limit per source address, the hourly ones on codes.

Owns the rules. Where the counts are kept is counters/'s matter; every one is kept at once, because it must outlive
the refusal it leads to. An unknown name is counted like a known user, so that a lock tells nothing.
Source: Developer Guide, "Lockout behavior for failed sign-in attempts"; quotas page; NIST SP 800-63B section 3.2.2.
"""

from collections.abc import Callable
from datetime import timedelta

from authservice.errors import CognitoError, attempts_exceeded, limit_exceeded, rate_exceeded
from authservice.local.accounts import directory, source
from authservice.local.call import Call
from authservice.local.counters import Count, Key, Rule
from authservice.local.models import Pool, User

HOUR, LONGEST_LOCK = timedelta(hours=1), timedelta(minutes=15)
FAILURES = Rule("password", window=timedelta(minutes=15), quiet=True, allowed=4,
                locks=(*(timedelta(seconds=2 ** n) for n in range(10)), LONGEST_LOCK))
"""Four wrong passwords cost nothing; the n-th locks for 2^(n-5) seconds."""
HOURLY = {kind: Rule(kind, HOUR, allowed) for kind, allowed in {
    "ForgotPassword": 20, "ResendConfirmationCode": 5, "ConfirmSignUp": 15, "ChangePassword": 5,
    "GetUserAttributeVerificationCode": 5, "VerifyUserAttribute": 15}.items()}
"""Requests per user and hour; ForgotPassword and ConfirmForgotPassword share one budget."""


def subject(call: Call, pool: Pool, user: User | None, name: str) -> bytes:
    """Whose tries are counted: a user's, by whatever name, or those on a name nobody has."""
    whose = f"user/{user.id}" if user else f"name/{directory.name_key(pool, name)}"
    return call.vault.mac("attempts", f"{pool.id}/{whose}")


def refuse_locked(call: Call, whose: bytes) -> None:
    """Refuse while locked, even the right password; and make sure of it again when the call commits.

    So is everybody at an address where too many have failed (TooManyRequestsException).
    """
    key, place = (whose, FAILURES.kind), _source(call)
    counts = call.counters.find(call, *filter(None, (key, place)))
    _refuse_source(call, counts.get(place))
    _refuse_user(call, counts.get(key))
    if key not in counts:
        call.uncounted.add(whose)
    call.counters.guard(call, key, lambda count: _refuse_user(call, count))


def refuse_locked_source(call: Call) -> None:
    """Refuse at an address where too many have failed, whoever is asked for."""
    if place := _source(call):
        _refuse_source(call, call.counters.find(call, place).get(place))


def _refuse_user(call: Call, count: Count | None) -> None:
    if count and count.locks(call.now):
        raise attempts_exceeded()


def _refuse_source(call: Call, count: Count | None) -> None:
    if count and count.locks(call.now):
        raise rate_exceeded(count.locked_until - call.now)


def failed(call: Call, whose: bytes) -> None:
    """Count a wrong password or code, and lock when there were too many.

    Whoever finds that others have locked meanwhile is refused for that: of many guesses sent at
    once, the right one must not stand out by another answer.
    """
    count = call.counters.add(call, whose, FAILURES)
    failed_at_source(call)
    _refuse_user(call, count)


def failed_at_source(call: Call) -> None:
    """Count a failure for the address it came from alone: for one that is no single user's."""
    if place := _source(call):
        call.counters.add(call, place[0], Rule(place[1], HOUR, call.settings.source_failures, (LONGEST_LOCK,)))


def _source(call: Call) -> Key | None:
    """Under which key the call's address is counted, if it is."""
    counted = call.settings.source_failures > 0
    network = source.counted_as(call.caller.address, call.settings.exempt_networks) if counted else None
    return network and (call.vault.mac("attempts", f"source/{network}"), "source")


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
    refuse_locked_source(call)
    rule = HOURLY[kind]
    if call.counters.add(call, whose, rule).tries > rule.allowed:
        raise refusal()
