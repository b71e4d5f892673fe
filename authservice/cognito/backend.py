"""CognitoBackend: the same call, forwarded by boto3 to a real user pool.

Owns nothing of what is answered: request and answer pass through untouched, a
ClientError becomes CognitoError. Does not own the browser flows (domain.py).
"""

import re
from collections.abc import Callable

import boto3
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import (BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError,
                                 ProfileNotFound, SSOError, TokenRetrievalError)

from authservice.config import Settings, SettingsError
from authservice.contract import ANONYMOUS, Caller, service
from authservice.errors import CognitoError

TIMEOUT_SECONDS = 10
POOL_ID = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+_[0-9A-Za-z]+")


class CognitoBackend:
    """Amazon's user pools, through the usual AWS credential chain."""

    def __init__(self, settings: Settings, credentials: tuple[str, str] | None = None):
        """`credentials` is (access key id, secret) where the usual chain is not meant, as in tests."""
        self.settings = settings
        self.contract = service()
        key, secret = credentials or (None, None)
        region = settings.cognito_region or settings.cognito_user_pool_id.partition("_")[0] or settings.region
        try:
            session = boto3.Session(key, secret, region_name=region,
                                    profile_name=settings.cognito_profile or None)
            self._credentials = session.get_credentials()
            self.has_credentials = self._credentials is not None
            self.client = session.client(
                "cognito-idp", endpoint_url=settings.cognito_endpoint_url or None,
                # The service itself refuses what is wrong, in its own words.
                config=Config(parameter_validation=False, connect_timeout=TIMEOUT_SECONDS,
                              read_timeout=TIMEOUT_SECONDS, retries={"max_attempts": 2, "mode": "standard"},
                              signature_version=None if self.has_credentials else UNSIGNED))
        except ProfileNotFound as error:
            raise SettingsError(f"cognito_profile: {error}") from None
        except (BotoCoreError, ValueError) as error:  # half a key pair, a broken config file, no URL
            raise SettingsError(f"backend cognito: {error}") from None

    def check_ready(self) -> None:
        """Refuse to start where it is known now that no call will succeed: SettingsError says what to set."""
        if not self.settings.cognito_user_pool_id:
            raise SettingsError("backend cognito: set AUTHSERVICE_COGNITO_USER_POOL_ID to your pool's id")
        if not POOL_ID.fullmatch(self.settings.cognito_user_pool_id):
            raise SettingsError(f"cognito_user_pool_id: {self.settings.cognito_user_pool_id!r} is none; "
                                "a user pool id looks like eu-west-1_AbC123xYz")
        if not self.has_credentials:
            raise SettingsError("backend cognito: no AWS credentials found; set AWS_PROFILE or "
                                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AUTHSERVICE_COGNITO_PROFILE")

    def checks(self) -> dict[str, Callable[[], str]]:
        """What can be known without a call that Amazon counts: that there are credentials, fresh ones."""
        return {"credentials": self._look_at_credentials}

    def load(self) -> dict[str, int]:
        """Nothing is hashed or stored here; see contract.Backend.load."""
        return {}

    def _look_at_credentials(self) -> str:
        return "ok" if self._credentials and self._credentials.get_frozen_credentials().access_key else "none found"

    def call(self, operation: str, request: dict, caller: Caller = ANONYMOUS) -> dict:
        """Forward one API operation; see contract.Backend.call.

        Our own credentials sign what only an administrator may do, so the caller must be one.
        """
        self.contract.operation(operation)
        if not (caller.is_administrator or self.contract.is_public(operation)):
            raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token")
        try:
            answer = getattr(self.client, xform_name(operation))(**request)
        except ClientError as error:
            raise _refusal(error) from None
        except (NoCredentialsError, CredentialRetrievalError, SSOError, TokenRetrievalError) as error:
            raise _failure(f"No AWS credentials for Amazon Cognito: {error}") from None
        except BotoCoreError as error:
            raise _failure(f"Amazon Cognito cannot be reached: {error}") from None
        if "RequestId" not in answer.pop("ResponseMetadata"):  # boto3 takes any page with status 200 for one
            raise _stranger("status 200 without a request id")
        return answer

    def turned_away(self, operation: str, refusal: CognitoError) -> None:
        """Nothing is noted here: the trail of a real pool is Amazon's CloudTrail."""


def _refusal(error: ClientError) -> CognitoError:
    """Cognito's refusal; where the endpoint is not Cognito, boto3 has but a status to tell."""
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return CognitoError(code, message) if code.isalpha() else _stranger(f"{code} {message}")


def _stranger(what: str) -> CognitoError:
    return _failure(f"The endpoint does not answer as Amazon Cognito: {what}")


def _failure(what: str) -> CognitoError:
    """In one line, of any library's message."""
    return CognitoError("InternalErrorException", " ".join(what.split())[:300])
