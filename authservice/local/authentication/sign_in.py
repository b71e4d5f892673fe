"""One path for the four sign-in operations: answer a challenge, go on, finish.

Owns what a finished sign-in gives. Does not own how one begins (flows.py), the order
of the steps (next_step.py) or what a challenge asks (challenges/).
"""

from datetime import timedelta

from authservice.errors import missing_parameter
from authservice.local import triggers
from authservice.local.accounts import assurance, lockout
from authservice.local.authentication import next_step
from authservice.local.authentication.attempt import Attempt
from authservice.local.authentication.challenges import CHALLENGES
from authservice.local.call import Call, digest
from authservice.local.models import AppClient, BrowserSession
from authservice.local.tokens import issue

BROWSER_SESSION = timedelta(hours=1)
"""How long a browser stays signed in at the pool's domain; not extended by use."""


def respond(call: Call, client: AppClient, request: dict) -> dict:
    """Answer a challenge (RespondToAuthChallenge, AdminRespondToAuthChallenge)."""
    challenge = CHALLENGES.get(request["ChallengeName"])
    if challenge is None:
        raise next_step.not_built(request["ChallengeName"])
    responses = request.get("ChallengeResponses", {})
    if not responses.get("USERNAME"):
        raise missing_parameter("USERNAME")
    attempt = challenge.check(call, client, request.get("Session"), responses)
    return proceed(call, attempt)


def proceed(call: Call, attempt: Attempt) -> dict:
    """Ask the next challenge, or finish."""
    step = next_step.next_step(call, attempt)
    call.hold(attempt.user)  # a password replaced, or a user disabled, since this call began counts
    if step:
        return CHALLENGES[step].ask(call, attempt)
    lockout.forgive(call, attempt.subject(call))
    triggers.fire(attempt.client.pool, "PostAuthentication")
    result = _browser_session(call, attempt) if call.caller.is_hosted else _tokens(call, attempt)
    return {"ChallengeParameters": {}, "AuthenticationResult": result}


def _tokens(call: Call, attempt: Attempt) -> dict:
    triggers.fire(attempt.client.pool, "PreTokenGeneration")
    acr = assurance.reached(attempt.client.pool, attempt.methods) if attempt.acr_values else None
    family = issue.begin(call, attempt.user, attempt.client, methods=attempt.methods, acr=acr)
    return issue.authentication_result(call, family, issue.new_refresh_token(call, family))


def _browser_session(call: Call, attempt: Attempt) -> dict:
    """What our hosted pages get: not tokens, but the id of a browser session for their cookie."""
    session_id = call.token()
    call.insert(BrowserSession, id=digest(session_id), pool_id=attempt.client.pool_id, user_id=attempt.user.id,
                auth_time=call.now, methods=attempt.methods, expires_at=call.now + BROWSER_SESSION)
    return {"AccessToken": session_id, "TokenType": "Browser",
            "ExpiresIn": int(BROWSER_SESSION.total_seconds())}
