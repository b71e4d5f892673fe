"""How often somebody may try: the lock after wrong passwords, the hourly limits on codes.

Every count is committed at once, because it must outlive the refusal it leads to.
An unknown name is counted like a known user, so that a lock tells nothing.
Source: Developer Guide, "Lockout behavior for failed sign-in attempts"; quotas page.
"""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from authservice.errors import CognitoError, attempts_exceeded, limit_exceeded
from authservice.local import database
from authservice.local.accounts import directory
from authservice.local.call import Call
from authservice.local.models import Attempts, Pool, User

FREE_FAILURES = 4
"""So many wrong passwords cost nothing; the n-th after that locks for 2^(n-5) seconds."""
LONGEST_LOCK = timedelta(minutes=15)
QUIET = timedelta(minutes=15)
"""After so long without a failure the count starts anew."""
HOUR = timedelta(hours=1)
HOURLY = {"ForgotPassword": 20, "ResendConfirmationCode": 5, "ConfirmSignUp": 15, "ChangePassword": 5,
          "GetUserAttributeVerificationCode": 5, "VerifyUserAttribute": 15}
"""Requests per user and hour; ForgotPassword and ConfirmForgotPassword share one budget."""


def subject(call: Call, pool: Pool, user: User | None, name: str) -> bytes:
    """Whose tries are counted: a user's, by whatever name, or those on a name nobody has."""
    whose = f"user/{user.id}" if user else f"name/{directory.name_key(pool, name)}"
    return call.vault.mac("attempts", f"{pool.id}/{whose}")


def refuse_locked(call: Call, whose: bytes) -> None:
    """Refuse while locked, even the right password; and make sure of it again when the call commits."""
    locked = select(Attempts).where(Attempts.subject == whose, Attempts.kind == "password",
                                    Attempts.locked_until > call.now)
    if call.db.scalars(locked).first():
        raise attempts_exceeded()
    call.guard(locked, attempts_exceeded)


def failed(call: Call, whose: bytes) -> None:
    """Count a wrong password or code, and lock when there were too many.

    Whoever finds that others have locked meanwhile is refused for that: of many guesses sent at
    once, the right one must not stand out by another answer.
    """
    with database.session(call.db.get_bind()) as db:
        database.begin_writing(db)
        row = _counted(db, call, whose, "password", QUIET)
        too_late = row.locked_until is not None and row.locked_until > call.now
        if row.count > FREE_FAILURES:
            seconds = 2.0 ** min(row.count - FREE_FAILURES - 1, 20)
            row.locked_until = call.now + min(timedelta(seconds=seconds), LONGEST_LOCK)
        row.since = call.now
        row.expires_at = max(row.locked_until or call.now, call.now + QUIET)
        db.commit()
    if too_late:
        raise attempts_exceeded()


def forgive(call: Call, whose: bytes) -> None:
    """A sign-in that succeeded, its second factor included, ends the count; takes effect when the call commits.

    The right password alone must not: whoever has it could guess at the code for ever.
    """
    if call.db.get(Attempts, (whose, "password")):
        call.also(delete(Attempts).where(Attempts.subject == whose, Attempts.kind == "password"))


def hourly(call: Call, whose: bytes, kind: str, refusal: Callable[[], CognitoError] = limit_exceeded) -> None:
    """Count a request against its hourly limit; refuse with LimitExceededException beyond it, or as `refusal`
    says where the operation has no such error."""
    with database.session(call.db.get_bind()) as db:
        database.begin_writing(db)
        row = _counted(db, call, whose, kind, HOUR)
        count = row.count
        db.commit()
    if count > HOURLY[kind]:
        raise refusal()


def _counted(db, call: Call, whose: bytes, kind: str, window: timedelta) -> Attempts:
    """The row for this subject, locked and with one more counted; it starts anew after `window`."""
    insert = (sqlite if db.get_bind().dialect.name == "sqlite" else postgresql).insert
    db.execute(insert(Attempts).values(subject=whose, kind=kind, count=0, since=call.now,
                                       expires_at=call.now + window).on_conflict_do_update(
        index_elements=["subject", "kind"], set_={"kind": kind}))  # it locks the row, or makes it anew
    row = db.get(Attempts, (whose, kind), with_for_update=True)
    if call.now >= row.since + window and not (row.locked_until and row.locked_until > call.now):
        row.count, row.since, row.locked_until, row.expires_at = 0, call.now, None, call.now + window
    row.count += 1
    return row
