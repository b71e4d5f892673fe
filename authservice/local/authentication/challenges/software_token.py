"""SOFTWARE_TOKEN_MFA: the six digits of the user's authenticator app (RFC 6238)."""

from sqlalchemy import update

from authservice.crypto import totp
from authservice.errors import CognitoError, invalid_session, missing_parameter, wrong_mfa_code
from authservice.local.accounts import lockout
from authservice.local.authentication.attempt import Attempt, check_answerer, resume, spend, suspend
from authservice.local.call import Call
from authservice.local.models import AppClient, User


def ask(call: Call, attempt: Attempt) -> dict:
    user = attempt.user
    named = {"FRIENDLY_DEVICE_NAME": user.totp_device} if user.totp_device else {}
    return {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": suspend(call, attempt, "SOFTWARE_TOKEN_MFA"),
            "ChallengeParameters": {"USER_ID_FOR_SRP": user.username, **named}}


def check(call: Call, client: AppClient, session: str | None, responses: dict) -> Attempt:
    """Check SOFTWARE_TOKEN_MFA_CODE. A wrong one leaves the Session usable, and counts towards the lock."""
    attempt, row = resume(call, client, "SOFTWARE_TOKEN_MFA", session)
    if not check_answerer(call, attempt, responses):
        raise invalid_session()
    code = responses.get("SOFTWARE_TOKEN_MFA_CODE")
    if not code:
        raise missing_parameter("SOFTWARE_TOKEN_MFA_CODE")
    user, whose = attempt.user, attempt.subject(call)
    lockout.refuse_locked(call, whose)
    step = totp.matching_step(call.vault.read_text(user, "totp_secret"), code, call.now)
    if step is None:
        lockout.failed(call, whose)
        raise wrong_mfa_code()
    use_step(call, user, step)
    spend(call, row)
    attempt.methods.append("otp")
    return attempt


def use_step(call: Call, user: User, step: int) -> None:
    """Accept a code's 30-second step once and for all: neither it nor an earlier one counts again."""
    if step <= user.totp_step:
        raise already_used()
    call.claim(update(User).where(User.id == user.id, User.totp_step < step).values(totp_step=step), already_used)


def already_used() -> CognitoError:
    return CognitoError("ExpiredCodeException", "Your software token has already been used once.")
