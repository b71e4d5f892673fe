"""PASSWORD_VERIFIER: the second half of SRP. The SECRET_BLOCK names the exchange, no Session is needed.

A wrong proof ends the exchange: a new guess needs a new SRP_A.
"""

import base64
import binascii
import hmac
from datetime import timedelta

from authservice.crypto import srp
from authservice.errors import invalid_session, missing_parameter, wrong_credentials
from authservice.local.accounts import lockout
from authservice.local.authentication import next_step
from authservice.local.authentication.attempt import Attempt, check_answerer, kill, resume, spend
from authservice.local.call import Call
from authservice.local.models import AppClient

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far the client's TIMESTAMP may be from our clock."""


def check(call: Call, client: AppClient, session: str | None, responses: dict) -> Attempt:
    """Check PASSWORD_CLAIM_SIGNATURE over pool, user, SECRET_BLOCK and TIMESTAMP.

    Source: the public client libraries; facts in crypto/srp.py.
    """
    for name in ("PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"):
        if not responses.get(name):
            raise missing_parameter(name)
    block = responses["PASSWORD_CLAIM_SECRET_BLOCK"]
    attempt, row = resume(call, client, "PASSWORD_VERIFIER", block)
    named = check_answerer(call, attempt, responses) or responses["USERNAME"] == attempt.details["id"]
    if not named:
        raise invalid_session()
    whose = attempt.subject(call)
    lockout.refuse_locked(call, whose)
    right = _proves(attempt, block, responses) and _is_recent(call, responses["TIMESTAMP"])
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
    lockout.forgive(call, whose)
    spend(call, row)
    attempt.methods.append("pwd")
    attempt.details = {}
    return attempt


def _proves(attempt: Attempt, block: str, responses: dict) -> bool:
    details = attempt.details
    a_public, b, b_public, verifier = (int(details[name], 16) for name in ("a", "b", "B", "v"))
    try:
        key = srp.session_key(a_public, b, b_public, verifier)
        claimed = base64.b64decode(responses["PASSWORD_CLAIM_SIGNATURE"], validate=True)
    except (ValueError, binascii.Error):
        return False
    expected = srp.signature(key, attempt.client.pool_id, details["id"], base64.b64decode(block),
                             responses["TIMESTAMP"])
    return hmac.compare_digest(expected, claimed)


def _is_recent(call: Call, timestamp: str) -> bool:
    try:
        return abs(srp.parse_timestamp(timestamp) - call.now) <= CLOCK_DIFFERENCE
    except ValueError:
        return False
