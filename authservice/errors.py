"""The one error type, and every message that is used more than once.

A rule that refuses raises CognitoError where the rule is known; each door maps
it once (api.py to JSON, hosted/ to a notice, cli.py to an exit code). Anything
else that escapes is a bug and is answered as InternalErrorException.
Texts are Cognito's own, word for word: clients match on them.
"""

from datetime import timedelta
from math import ceil

SERVER_FAULTS = {"InternalErrorException": 500, "InternalServerException": 500, "NotImplementedException": 501}


class CognitoError(Exception):
    """A refusal in Cognito's terms: `code` is the exception's name, `message` its text."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    retry_after: int | None = None
    """Seconds, for the header Retry-After, where it is known that the same may do later."""

    @property
    def status(self) -> int:
        """The HTTP status: 400 for every refusal, as Cognito has it; 5xx for our own faults."""
        return SERVER_FAULTS.get(self.code, 400)


class Unavailable(CognitoError):
    """What the answer needs, the database above all, is not to be had now: 503 at every door. Nothing is decided by it,
    and the same request may do later.
    """

    status = 503
    retry_after = 2

    def __init__(self):
        super().__init__("InternalErrorException", "The request has failed due to a temporary failure of the server.")


def invalid_parameter(message: str) -> CognitoError:
    return CognitoError("InvalidParameterException", message)


def not_authorized(message: str) -> CognitoError:
    return CognitoError("NotAuthorizedException", message)


def not_found(message: str) -> CognitoError:
    return CognitoError("ResourceNotFoundException", message)


def missing_parameter(name: str) -> CognitoError:
    return invalid_parameter(f"Missing required parameter {name}")


def wrong_credentials() -> CognitoError:
    return not_authorized("Incorrect username or password.")


def attempts_exceeded() -> CognitoError:
    return not_authorized("Password attempts exceeded")


def user_disabled() -> CognitoError:
    return not_authorized("User is disabled.")


def user_not_found() -> CognitoError:
    return CognitoError("UserNotFoundException", "User does not exist.")


def unknown_username() -> CognitoError:
    """The form ForgotPassword, ConfirmSignUp and their siblings use for an unknown user."""
    return CognitoError("UserNotFoundException", "Username/client id combination not found.")


def pool_not_found(pool_id: str) -> CognitoError:
    return not_found(f"User pool {pool_id} does not exist.")


def client_not_found(client_id: str) -> CognitoError:
    return not_found(f"User pool client {client_id} does not exist.")


def group_not_found() -> CognitoError:
    return not_found("Group not found.")


def code_mismatch() -> CognitoError:
    return CognitoError("CodeMismatchException", "Invalid verification code provided, please try again.")


def code_expired() -> CognitoError:
    return CognitoError("ExpiredCodeException", "Invalid code provided, please request a code again.")


def wrong_mfa_code() -> CognitoError:
    return CognitoError("CodeMismatchException", "Invalid code or auth state for the user.")


def limit_exceeded() -> CognitoError:
    return CognitoError("LimitExceededException", "Attempt limit exceeded, please try after some time.")


def too_many_requests() -> CognitoError:
    return CognitoError("TooManyRequestsException", limit_exceeded().message)


def rate_exceeded(wait: timedelta) -> CognitoError:
    """Too many requests of one source, or in one second; the next in so long."""
    refusal = CognitoError("TooManyRequestsException", "Rate exceeded")
    refusal.retry_after = ceil(wait.total_seconds())
    return refusal


def invalid_session() -> CognitoError:
    return not_authorized("Invalid session for the user.")


def session_expired() -> CognitoError:
    return not_authorized("Invalid session for the user, session is expired.")


def session_used() -> CognitoError:
    return not_authorized("Invalid session for the user, session can only be used once.")


def invalid_access_token() -> CognitoError:
    return not_authorized("Invalid Access Token")


def access_token_revoked() -> CognitoError:
    return not_authorized("Access Token has been revoked")


def invalid_refresh_token() -> CognitoError:
    return not_authorized("Invalid Refresh Token.")


def refresh_token_revoked() -> CognitoError:
    return not_authorized("Refresh Token has been revoked")


def alias_exists(attribute: str) -> CognitoError:
    return CognitoError("AliasExistsException", f"An account with the given {attribute} already exists.")


def internal_error() -> CognitoError:
    return CognitoError("InternalErrorException", "Something went wrong")
