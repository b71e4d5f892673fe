"""PASSWORD_VERIFIER: the second half of SRP. The SECRET_BLOCK names the exchange, no Session is needed.

A wrong proof ends the exchange: a new guess needs a new SRP_A.
"""

import base64
import binascii
import hmac
from datetime import timedelta

from authservice.crypto import ids, srp
from authservice.errors import invalid_session, missing_parameter, wrong_credentials
from authservice.local.accounts import directory, lockout, passwords, profile
from authservice.local.authentication import next_step
from authservice.local.authentication.attempt import Attempt, check_answerer, kill, resume, spend
from authservice.local.call import Call
from authservice.local.models import AppClient

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far the client's TIMESTAMP may be from our clock."""


def identity(call: Call, attempt: Attempt) -> tuple[str, bytes, int]:
    """(USER_ID_FOR_SRP, salt, verifier) of the attempt's user.

    For a user who does not exist, where that is hidden, all three are made up: the same for the same
    name every time, of the form that they have for the pool's users, and no password fits them.
    Differs: Cognito's made-up id is always a UUID, which in a pool of plain usernames tells.
    """
    user, pool = attempt.user, attempt.client.pool
    if user and user.srp_verifier:
        return user.username, user.srp_salt, int.from_bytes(call.vault.read(user, "srp_verifier"))
    whose = user.id if user else directory.name_key(pool, attempt.name)
    made_up = [call.vault.mac(f"srp {part}", f"{pool.id}/{whose}") for part in range(14)]
    is_address = profile.EMAIL.fullmatch(attempt.name) or profile.PHONE.fullmatch(attempt.name)
    named_otherwise = pool.username_attributes or (pool.alias_attributes and is_address)
    as_uuid = ids.uuid4(made_up[0][:16])
    plain = attempt.name if pool.case_sensitive else attempt.name.casefold()
    user_id = user.username if user else as_uuid if named_otherwise else plain
    return user_id, made_up[1][:passwords.SALT_BYTES], int.from_bytes(b"".join(made_up[2:])) % srp.N


def check(call: Call, client: AppClient, session: str | None, responses: dict) -> Attempt:
    """Check PASSWORD_CLAIM_SIGNATURE over pool, user, SECRET_BLOCK and TIMESTAMP.

    Source: the public client libraries; facts in crypto/srp.py.
    """
    for name in ("PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"):
        if not responses.get(name):
            raise missing_parameter(name)
    block = responses["PASSWORD_CLAIM_SECRET_BLOCK"]
    attempt, row = resume(call, client, "PASSWORD_VERIFIER", block)
    user_id, _, verifier = identity(call, attempt)
    named = check_answerer(call, attempt, responses) or responses["USERNAME"] == user_id
    if not named:
        raise invalid_session()
    whose = attempt.subject(call)
    lockout.refuse_locked(call, whose)
    right = _proves(attempt, user_id, verifier, responses) and _is_recent(call, responses["TIMESTAMP"])
    user = attempt.user
    if user and user.status == "UNCONFIRMED":
        kill(call, row)
        raise next_step.unconfirmed()
    if not right or user is None:
        kill(call, row)
        lockout.failed(call, whose)
        if user and user.status == "RESET_REQUIRED" and not client.hides_users:
            raise next_step.reset_required()
        raise wrong_credentials()
    spend(call, row)
    attempt.methods.append("pwd")
    attempt.details = {}
    return attempt


def _proves(attempt: Attempt, user_id: str, verifier: int, responses: dict) -> bool:
    """Whether the signature shows the password of today: one replaced since the first half fits no more."""
    a_public, b, b_public = (int(attempt.details[name], 16) for name in ("a", "b", "B"))
    try:
        key = srp.session_key(a_public, b, b_public, verifier)
        claimed = base64.b64decode(responses["PASSWORD_CLAIM_SIGNATURE"], validate=True)
    except (ValueError, binascii.Error):
        return False
    block = base64.b64decode(responses["PASSWORD_CLAIM_SECRET_BLOCK"])
    expected = srp.signature(key, attempt.client.pool_id, user_id, block, responses["TIMESTAMP"])
    return hmac.compare_digest(expected, claimed)


def _is_recent(call: Call, timestamp: str) -> bool:
    try:
        return abs(srp.parse_timestamp(timestamp) - call.now) <= CLOCK_DIFFERENCE
    except ValueError:
        return False
