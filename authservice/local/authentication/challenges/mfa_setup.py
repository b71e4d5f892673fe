"""MFA_SETUP: the pool demands a second factor and the user has none yet.

The user sets up an authenticator app with AssociateSoftwareToken and VerifySoftwareToken,
each by Session (operations/mfa.py), and answers with the Session the second one gave.
"""

import json

from authservice.errors import invalid_session
from authservice.local.authentication.attempt import Attempt, check_answerer, resume, spend, suspend
from authservice.local.call import Call
from authservice.local.models import AppClient


def ask(call: Call, attempt: Attempt) -> dict:
    return {"ChallengeName": "MFA_SETUP", "Session": suspend(call, attempt, "MFA_SETUP"),
            "ChallengeParameters": {"USER_ID_FOR_SRP": attempt.user.username,
                                    "MFAS_CAN_SETUP": json.dumps(["SOFTWARE_TOKEN_MFA"])}}


def check(call: Call, client: AppClient, session: str | None, responses: dict) -> Attempt:
    """Go on once the Session proves that a token was verified in this very sign-in."""
    attempt, row = resume(call, client, "MFA_SETUP", session)
    if not check_answerer(call, attempt, responses) or not attempt.details.get("verified"):
        raise invalid_session()
    spend(call, row)
    attempt.methods.append("otp")
    return attempt
