"""What the tests do as guests: make a pool, sign up, sign in, read mail; by API calls and nothing else."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pyotp
import pytest

from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from authservice.local.messaging import outbox

PASSWORD = "Passw0rd!"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
         "ALLOW_REFRESH_TOKEN_AUTH"]
SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}

WRONG = "NotAuthorizedException: Incorrect username or password."
LOCKED = "NotAuthorizedException: Password attempts exceeded"
UNKNOWN = "UserNotFoundException: User does not exist."
UNKNOWN_NAME = "UserNotFoundException: Username/client id combination not found."
MISMATCH = "CodeMismatchException: Invalid verification code provided, please try again."
EXPIRED = "ExpiredCodeException: Invalid code provided, please request a code again."
LIMIT = "LimitExceededException: Attempt limit exceeded, please try after some time."
WRONG_MFA_CODE = "CodeMismatchException: Invalid code or auth state for the user."
MFA_CODE_USED = "ExpiredCodeException: Your software token has already been used once."
INVALID_SESSION = "NotAuthorizedException: Invalid session for the user."
SESSION_EXPIRED = "NotAuthorizedException: Invalid session for the user, session is expired."
SESSION_USED = "NotAuthorizedException: Invalid session for the user, session can only be used once."
REVOKED = "NotAuthorizedException: Access Token has been revoked"
REFRESH_REVOKED = "NotAuthorizedException: Refresh Token has been revoked"
CONFIRMED = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"


def refused(action, *arguments, **given) -> str:
    """Do what must be refused; answers 'Code: message'."""
    with pytest.raises(CognitoError) as caught:
        action(*arguments, **given)
    return str(caught.value)


def attribute_list(attributes: dict) -> list[dict]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def claims(token: str) -> dict:
    """A token's claims, unchecked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def header(token: str) -> dict:
    segment = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


class Inbox:
    """The messages to the users of one store, newest first."""

    def __init__(self, store):
        self._store = store

    def __call__(self, to: str | None = None) -> list[dict]:
        return outbox.recent(self._store, to)

    def code(self, to: str) -> str:
        """The code of the newest message to an address."""
        return self(to)[0]["code"]


class Pool:
    """A user pool, as its administrator has it."""

    def __init__(self, backend, inbox: Inbox, pool_id: str):
        self.backend, self.inbox, self.id, self.operator = backend, inbox, pool_id, OPERATOR

    @classmethod
    def make(cls, backend, inbox, mfa: str = "", **settings) -> "Pool":
        settings = {"PoolName": "shop", "AutoVerifiedAttributes": ["email"], **settings}
        pool = cls(backend, inbox, backend.call("CreateUserPool", settings)["UserPool"]["Id"])
        if mfa:
            pool.set_mfa(mfa)
        return pool

    def set_mfa(self, mode: str) -> None:
        """ON or OPTIONAL with TOTP as the one factor, or OFF."""
        factor = {} if mode == "OFF" else {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
        self.call("SetUserPoolMfaConfig", MfaConfiguration=mode, **factor)

    def call(self, operation: str, username: str | None = None, **members) -> dict:
        """An operation that names the pool, and a user where one is given."""
        named = {"Username": username} if username is not None else {}
        return self.backend.call(operation, {"UserPoolId": self.id, **named, **members})

    def client(self, **settings) -> "Client":
        """Make an app client; every flow is allowed unless `ExplicitAuthFlows` says otherwise."""
        if settings.get("RefreshTokenRotation"):
            settings.setdefault("ExplicitAuthFlows", FLOWS[:-1])
        made = self.call("CreateUserPoolClient", **{"ClientName": "app", "ExplicitAuthFlows": FLOWS, **settings})
        return Client(self, made["UserPoolClient"]["ClientId"], made["UserPoolClient"].get("ClientSecret"))

    def user(self, username: str = "user-1", password: str = PASSWORD, **attributes) -> str:
        """Make a confirmed user who has chosen this password; a given email or phone number is verified."""
        for name in {"email", "phone_number"} & attributes.keys():
            attributes.setdefault(f"{name}_verified", "true")
        self.call("AdminCreateUser", username, MessageAction="SUPPRESS", UserAttributes=attribute_list(attributes))
        self.call("AdminSetUserPassword", username, Password=password, Permanent=True)
        return username

    def invited(self, username: str = "user-1", password: str = "Temp0rary!", **attributes) -> str:
        """Make a user with a temporary password."""
        self.call("AdminCreateUser", username, MessageAction="SUPPRESS", TemporaryPassword=password,
                  UserAttributes=attribute_list(attributes))
        return username

    def attributes(self, username: str = "user-1") -> dict[str, str]:
        listed = self.call("AdminGetUser", username)["UserAttributes"]
        return {attribute["Name"]: attribute["Value"] for attribute in listed}

    def status(self, username: str = "user-1") -> str:
        return self.call("AdminGetUser", username)["UserStatus"]


class Client:
    """An app client, and what its users do by it."""

    def __init__(self, pool: Pool, client_id: str, secret: str | None):
        self.pool, self.id, self.secret = pool, client_id, secret
        self.backend, self.inbox = pool.backend, pool.inbox

    def hash(self, name: str) -> str:
        """SECRET_HASH by the guide's formula."""
        mac = hmac.digest(self.secret.encode(), (name + self.id).encode(), hashlib.sha256)
        return base64.b64encode(mac).decode()

    def call(self, operation: str, username: str, **members) -> dict:
        """An operation with ClientId, Username and SecretHash at the top."""
        if self.secret:
            members.setdefault("SecretHash", self.hash(username))
        return self.backend.call(operation, {"ClientId": self.id, "Username": username, **members})

    def sign_up(self, username: str = "user-1", password: str = PASSWORD, **attributes) -> dict:
        return self.call("SignUp", username, Password=password, UserAttributes=attribute_list(attributes))

    def confirm(self, username: str, code: str, **members) -> dict:
        return self.call("ConfirmSignUp", username, ConfirmationCode=code, **members)

    def begin(self, flow: str, operation: str = "InitiateAuth", **parameters) -> dict:
        """InitiateAuth, or its admin twin, with these AuthParameters; SECRET_HASH is added where one is due."""
        if self.secret and "USERNAME" in parameters:
            parameters.setdefault("SECRET_HASH", self.hash(parameters["USERNAME"]))
        pool = {"UserPoolId": self.pool.id} if operation.startswith("Admin") else {}
        return self.backend.call(operation, {"ClientId": self.id, **pool, "AuthFlow": flow,
                                             "AuthParameters": parameters})

    def sign_in(self, username: str = "user-1", password: str = PASSWORD) -> dict:
        return self.begin("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password)

    def tokens(self, username: str = "user-1", password: str = PASSWORD) -> dict:
        return self.sign_in(username, password)["AuthenticationResult"]

    def refresh(self, token: str, **parameters) -> dict:
        """REFRESH_TOKEN_AUTH: a new AuthenticationResult."""
        return self.begin("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, **parameters)["AuthenticationResult"]

    def rotate(self, token: str, **members) -> dict:
        """GetTokensFromRefreshToken: a new AuthenticationResult."""
        secret = {"ClientSecret": self.secret} if self.secret else {}
        request = {"ClientId": self.id, "RefreshToken": token, **secret, **members}
        return self.backend.call("GetTokensFromRefreshToken", request)["AuthenticationResult"]

    def answer(self, challenge: str, session: str | None, username: str = "user-1",
               operation: str = "RespondToAuthChallenge", **responses) -> dict:
        """Answer a challenge; SECRET_HASH is added where one is due."""
        if self.secret:
            responses.setdefault("SECRET_HASH", self.hash(username))
        pool = {"UserPoolId": self.pool.id} if operation.startswith("Admin") else {}
        held = {"Session": session} if session is not None else {}
        return self.backend.call(operation, {"ClientId": self.id, **pool, "ChallengeName": challenge, **held,
                                             "ChallengeResponses": {"USERNAME": username, **responses}})

    def set_up_totp(self, username: str, clock, preferred: bool = True) -> "Authenticator":
        """Enrol an authenticator app and, if `preferred`, switch it on."""
        access_token = self.tokens(username)["AccessToken"]
        authenticator = Authenticator.of(self.backend, clock, AccessToken=access_token)
        self.backend.call("VerifySoftwareToken", {"AccessToken": access_token, "UserCode": authenticator.code()})
        if preferred:
            self.backend.call("SetUserMFAPreference", {"AccessToken": access_token, "SoftwareTokenMfaSettings": {
                "Enabled": True, "PreferredMfa": True}})
        return authenticator

    def answer_totp(self, session: str, code: str, username: str = "user-1", **given) -> dict:
        return self.answer("SOFTWARE_TOKEN_MFA", session, username, SOFTWARE_TOKEN_MFA_CODE=code, **given)


class Authenticator:
    """An authenticator app whose clock is the test's."""

    def __init__(self, secret: str, clock, session: str | None = None):
        self.secret, self.session, self._clock = secret, session, clock

    @classmethod
    def of(cls, backend, clock, **bearer) -> "Authenticator":
        """Ask for a secret, by AccessToken or by Session."""
        answer = backend.call("AssociateSoftwareToken", bearer)
        return cls(answer["SecretCode"], clock, answer.get("Session"))

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many 30-second steps from now."""
        return pyotp.TOTP(self.secret).at(self._clock.now + timedelta(seconds=30 * steps))

    def wrong_code(self) -> str:
        """Six digits that are the code of no step near now."""
        near = {self.code(steps) for steps in range(-2, 3)}
        return next(f"{number:06}" for number in range(10) if f"{number:06}" not in near)
