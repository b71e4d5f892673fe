"""App clients as Authlib sees them, and how they prove themselves.

Owns client authentication at /oauth2/token and /oauth2/revoke: by HTTP Basic, by parameters in the body, or
(a client without secret) by its id alone; one way a request.
Source: RFC 6749 sections 2.3 and 3.2.1; Developer Guide, "Token endpoint".
"""

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import unquote

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidRequestError, OAuth2Request

from authservice.local.accounts.client_settings import SYSTEM_SCOPES
from authservice.local.call import Call
from authservice.local.models import AppClient
from authservice.oauth import pools

GRANT_OF_RESPONSE_TYPE = {"code": "authorization_code", "token": "implicit"}
FLOW_OF_GRANT = {"authorization_code": "code", "implicit": "implicit",
                 "client_credentials": "client_credentials"}
"""The names that AllowedOAuthFlows has for grant types."""


LOOPBACK = re.compile(r"(http://(?:localhost|127\.0\.0\.1|\[::1\])):[0-9]{1,5}((?:[/?].*)?)")
"""A redirect URI on the person's own machine, without its port in two groups."""


class Client(ClientMixin):
    """An app client's row with the questions Authlib asks it. `strict`: what strict mode answers."""

    def __init__(self, row: AppClient, strict: bool = False):
        self.row, self.strict = row, strict
        self.scopes = row.settings.get("AllowedOAuthScopes", [])

    @property
    def uses_oauth(self) -> bool:
        return self.row.settings.get("AllowedOAuthFlowsUserPoolClient", False)

    def get_default_redirect_uri(self) -> None:
        """Cognito wants the redirect URI named in every request."""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Byte for byte one of CallbackURLs (A1); nothing is parsed.

        In strict mode an app on the person's own machine, which has no secret and a loopback address registered
        without a port, names the port it was given (RFC 8252 section 7.3).
        """
        registered = self.row.settings.get("CallbackURLs", [])
        if redirect_uri in registered:
            return True
        loopback = LOOPBACK.fullmatch(redirect_uri) if self.strict and not self.row.secrets else None
        return loopback is not None and "".join(loopback.groups()) in registered

    def check_response_type(self, response_type: str) -> bool:
        return self.check_grant_type(GRANT_OF_RESPONSE_TYPE.get(response_type, ""))

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the app client may use a grant. A refresh token it has it may use, an API sign-in's too."""
        if grant_type == "refresh_token":
            return True
        flows = self.row.settings.get("AllowedOAuthFlows", []) if self.uses_oauth else []
        proven = grant_type != "client_credentials" or bool(self.row.secrets)
        return FLOW_OF_GRANT.get(grant_type) in flows and proven

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scopes to grant: those asked for, or all of the client's; None if one is not its own."""
        return _granted(scope, self.scopes)

    def get_machine_scope(self, scope: str | None) -> str | None:
        """The same for client_credentials: there is no user, so only resource servers' scopes."""
        return _granted(scope, [name for name in self.scopes if name not in SYSTEM_SCOPES])


def _granted(asked: str | None, allowed: list[str]) -> str | None:
    names = list(dict.fromkeys(asked.split())) if asked and asked.strip() else allowed
    return " ".join(names) if names and set(names) <= set(allowed) else None


class ClientRefused(InvalidClientError):
    """invalid_client, the same for an unknown client and a wrong secret (T6).

    Differs: who tried by Authorization header gets the 401 and challenge that RFC 6749 section 5.2 wants.
    """

    def __init__(self, by_header: bool):
        super().__init__(status_code=401 if by_header else 400)

    def get_headers(self) -> list[tuple[str, str]]:
        challenge = [("WWW-Authenticate", 'Basic realm="authservice", charset="UTF-8"')]
        return super(InvalidClientError, self).get_headers() + (challenge if self.status_code == 401 else [])


def authenticate(call: Call, request: OAuth2Request) -> Client:
    """The app client that made the request, once it has proved itself; sets `auth_method` of the request."""
    client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
    by_header = "Authorization" in request.headers
    if by_header:
        if secret:
            raise InvalidRequestError("Use one way of client authentication, not two.")
        named, secret = _basic(request.headers["Authorization"])
        if client_id not in (None, named):
            raise InvalidRequestError("The body and the Authorization header name different clients.")
        client_id = named
    row = pools.find_client(call, client_id)
    if row is None or not knows_secret(call, row, secret):
        raise ClientRefused(by_header)
    by_secret = "client_secret_basic" if by_header else "client_secret_post"
    request.auth_method = by_secret if row.secrets else "none"
    request.client = Client(row)
    return request.client


def _basic(header: str) -> tuple[str, str | None]:
    """(client id, secret) of an Authorization header; a form that is none refuses."""
    scheme, _, credentials = header.partition(" ")
    try:
        pair = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ClientRefused(True) from None
    client_id, colon, secret = pair.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise ClientRefused(True)
    return unquote(client_id), unquote(secret) or None


def knows_secret(call: Call, client: AppClient, given: str | None) -> bool:
    """Whether `given` is one of the client's secrets, or None for a client without; in constant time."""
    if not client.secrets:
        return given is None
    offered = hashlib.sha256((given or "").encode()).digest()
    return any([hmac.compare_digest(call.vault.digest(secret, "secret"), offered) for secret in client.secrets])
