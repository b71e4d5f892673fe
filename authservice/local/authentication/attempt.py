"""Attempt: how far one sign-in has come. It lives in a challenge Session between two calls.

Owns the Session: opaque, bound to user, app client and challenge, used once, short-lived.
"""

import json
from dataclasses import dataclass, field

from sqlalchemy import bindparam, update

from authservice.errors import invalid_session, missing_parameter, session_expired, session_used
from authservice.local import readings
from authservice.local.accounts import directory, lockout
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, ChallengeSession, User
from authservice.local.readings import ChallengeRead, UserSigningIn
from authservice.local.tokens import validity

SESSION_PREFIX = "AYABe"
"""Cognito's Sessions begin so; the rest is random."""


@dataclass
class Attempt:
    """One sign-in under way. `user` is None for one who does not exist, where that is hidden; a row where a challenge
    changes him, else plain values."""

    client: AppClient
    user: User | UserSigningIn | None
    name: str
    """The username as it was typed."""
    methods: list[str] = field(default_factory=list)
    """What is proven: `pwd`, `otp`."""
    details: dict = field(default_factory=dict)
    """What the pending challenge must remember."""
    acr_values: str | None = None
    """TARGET_ACR_VALUES: the levels the app would like, by name, the best first."""

    def subject(self, call: Call) -> bytes:
        """Whose failures are counted for this attempt."""
        return lockout.subject(call, self.client.pool, self.user, self.name)

    def is_named(self, call: Call, name: str) -> bool:
        """Whether `name` means the user of this attempt: what was typed, the username, the sub, an alias."""
        if self.user is None:
            return name == self.name
        if name in (self.name, self.user.username, self.user.id):
            return True
        found = directory.find_user_signing_in(call, self.client.pool, name)
        return found is not None and found.id == self.user.id


    def row(self, call: Call) -> User:
        """The user as a row, to be changed; refuses where he was deleted meanwhile."""
        self.user = call.db.get(User, self.user.id) if self.user else None
        if self.user is None:
            raise invalid_session()
        return self.user


def check_answerer(call: Call, attempt: Attempt, responses: dict) -> bool:
    """Whether the USERNAME of an answer is the attempt's user, once its SECRET_HASH proved right."""
    user = attempt.user
    names = {responses["USERNAME"], attempt.name, *([user.username, user.id] if user else [])}
    directory.check_secret_hash(call, attempt.client, responses.get("SECRET_HASH"), names)
    return attempt.is_named(call, responses["USERNAME"])


def suspend(call: Call, attempt: Attempt, challenge: str, bearer: str | None = None) -> str:
    """Put an attempt aside until its challenge is answered; gives the Session (or `bearer`) that fetches it back."""
    session = bearer or SESSION_PREFIX + call.token(96)
    state = {"name": attempt.name, "methods": attempt.methods, "details": attempt.details,
             "acr_values": attempt.acr_values}
    key = digest(session)
    call.insert(ChallengeSession, id=key, client_id=attempt.client.id,
                user_id=attempt.user.id if attempt.user else None, challenge=challenge, used=False,
                state=call.vault.sealed(ChallengeSession, key, "state", json.dumps(state)),
                expires_at=call.now + validity.challenge(attempt.client))
    return session


def resume(call: Call, client: AppClient | None, challenge: str, session: str | None) -> tuple[Attempt, ChallengeRead]:
    """The attempt behind a Session, for the challenge it was made for and the app client it was given to.

    Refuses one that is unknown, another client's, for another step, expired or used. It is not spent
    yet: `spend` does that, once the answer proved right.
    """
    if not session:
        raise missing_parameter("Session")
    row = readings.challenge(call, digest(session))
    if row is None or row.challenge != challenge or (client and row.client_id != client.id):
        raise invalid_session()
    if row.used:
        raise session_used()
    if call.now >= row.expires_at:
        raise session_expired()
    state = json.loads(call.vault.read_text(row, "state"))
    return Attempt(client or row.client, call.is_about(row.user), state["name"], state["methods"], state["details"],
                   state.get("acr_values")), row


_SPEND = update(ChallengeSession).where(ChallengeSession.id == bindparam("session"),
                                        ChallengeSession.used.is_(False)).values(used=True)


def spend(call: Call, row: ChallengeRead) -> None:
    """Use the Session up when the call commits; whoever answers it a second time comes too late."""
    call.claim(_SPEND, session_used, {"session": row.id})


def kill(call: Call, row: ChallengeRead) -> None:
    """Use a Session up at once, because its answer was wrong and must not be tried again."""
    call.record(update(ChallengeSession).where(ChallengeSession.id == row.id).values(used=True))
