"""Attempt: how far one sign-in has come. It lives in a challenge Session between two calls.

Owns the Session: opaque, bound to user, app client and challenge, used once, short-lived.
"""

import json
from dataclasses import dataclass, field

from sqlalchemy import update

from authservice.errors import invalid_session, missing_parameter, session_expired, session_used
from authservice.local.accounts import directory, lockout
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, ChallengeSession, User
from authservice.local.tokens import validity

SESSION_PREFIX = "AYABe"
"""Cognito's Sessions begin so; the rest is random."""


@dataclass
class Attempt:
    """One sign-in under way. `user` is None for one who does not exist, where that is hidden."""

    client: AppClient
    user: User | None
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
        return directory.find_user(call, self.client.pool, name) is self.user


def check_answerer(call: Call, attempt: Attempt, responses: dict) -> bool:
    """Whether the USERNAME of an answer is the attempt's user, once its SECRET_HASH proved right."""
    user = attempt.user
    names = {responses["USERNAME"], attempt.name, *([user.username, user.id] if user else [])}
    directory.check_secret_hash(call, attempt.client, responses.get("SECRET_HASH"), names)
    return attempt.is_named(call, responses["USERNAME"])


def suspend(call: Call, attempt: Attempt, challenge: str, bearer: str | None = None) -> str:
    """Put an attempt aside until its challenge is answered; gives the Session (or `bearer`) that fetches it back."""
    session = bearer or SESSION_PREFIX + call.token(96)
    row = ChallengeSession(id=digest(session), client_id=attempt.client.id,
                           user_id=attempt.user.id if attempt.user else None, challenge=challenge,
                           expires_at=call.now + validity.challenge(attempt.client))
    state = {"name": attempt.name, "methods": attempt.methods, "details": attempt.details,
             "acr_values": attempt.acr_values}
    call.vault.keep(row, "state", json.dumps(state))
    call.db.add(row)
    return session


def resume(call: Call, client: AppClient | None, challenge: str, session: str | None) -> tuple[Attempt, ChallengeSession]:
    """The attempt behind a Session, for the challenge it was made for and the app client it was given to.

    Refuses one that is unknown, another client's, for another step, expired or used. It is not spent
    yet: `spend` does that, once the answer proved right.
    """
    if not session:
        raise missing_parameter("Session")
    row = call.db.get(ChallengeSession, digest(session))
    if row is None or row.challenge != challenge or (client and row.client_id != client.id):
        raise invalid_session()
    if row.used:
        raise session_used()
    if call.now >= row.expires_at:
        raise session_expired()
    state = json.loads(call.vault.read_text(row, "state"))
    client = client or call.db.get(AppClient, row.client_id)
    user = call.is_about(call.db.get(User, row.user_id)) if row.user_id else None
    return Attempt(client, user, state["name"], state["methods"], state["details"],
                   state.get("acr_values")), row


def spend(call: Call, row: ChallengeSession) -> None:
    """Use the Session up when the call commits; whoever answers it a second time comes too late."""
    call.claim(update(ChallengeSession).where(ChallengeSession.id == row.id, ChallengeSession.used.is_(False))
               .values(used=True), session_used)


def kill(call: Call, row: ChallengeSession) -> None:
    """Use a Session up at once, because its answer was wrong and must not be tried again."""
    call.record(update(ChallengeSession).where(ChallengeSession.id == row.id).values(used=True))
