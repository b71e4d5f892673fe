"""A pool with an app client that signs in through the pages, and a guest at its door."""
from urllib.parse import urlencode

import pytest

from authservice.contract import OPERATOR
from authservice.local.messaging import outbox
from tests.hosted.guest import Guest

CALLBACK = "http://localhost:3000/callback"
PASSWORD = "Correct-horse-9"
NAME = "user-1@example.com"


class Site:
    """An application: its app client, the address that begins a sign-in, the mail its users get."""

    def __init__(self, backend, pool_id: str, client: dict):
        self.backend, self.pool_id, self.client = backend, pool_id, client
        [callback] = client["CallbackURLs"]
        self.query = urlencode({"response_type": "code", "client_id": client["ClientId"],
                                "redirect_uri": callback, "scope": "openid email", "state": "a+b/c",
                                "nonce": "n"})
        self.door = f"/oauth2/authorize?{self.query}"

    def page(self, path: str) -> str:
        return f"{path}?{self.query}"

    def call(self, operation: str, **members) -> dict:
        return self.backend.call(operation, members, OPERATOR)

    def mail(self, to: str = NAME) -> dict:
        """The newest message to an address."""
        return outbox.recent(self.backend, to)[0]

    def add_user(self, name: str = NAME, permanent: bool = True, **attributes: str) -> None:
        """A user with PASSWORD, which is a temporary one unless it is `permanent`."""
        attributes = {"email_verified": "true", **attributes}
        self.call("AdminCreateUser", UserPoolId=self.pool_id, Username=name, MessageAction="SUPPRESS",
                  UserAttributes=[{"Name": each, "Value": value} for each, value in attributes.items()])
        self.call("AdminSetUserPassword", UserPoolId=self.pool_id, Username=name, Password=PASSWORD,
                  Permanent=permanent)

    def user(self, name: str = NAME) -> dict:
        return self.call("AdminGetUser", UserPoolId=self.pool_id, Username=name)


@pytest.fixture
def make_site(local):
    """Make a pool with these members, and in it an app client with a secret that no API sign-in is allowed
    for.
    """

    def make(client: dict | None = None, callback: str = CALLBACK, **members) -> Site:
        pool = {"PoolName": "pool", "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"],
                **members}
        pool = {name: value for name, value in pool.items() if value is not None}
        pool_id = local.call("CreateUserPool", pool, OPERATOR)["UserPool"]["Id"]
        members = {"UserPoolId": pool_id, "ClientName": "Field notes", "GenerateSecret": True,
                   "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"],
                   "SupportedIdentityProviders": ["COGNITO"],
                   "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"],
                   "AllowedOAuthScopes": ["openid", "email"], "CallbackURLs": [callback], **(client or {})}
        return Site(local, pool_id, local.call("CreateUserPoolClient", members, OPERATOR)["UserPoolClient"])

    return make


@pytest.fixture
def site(make_site) -> Site:
    return make_site()


@pytest.fixture
def guest(client) -> Guest:
    return Guest(client)


@pytest.fixture
def sign_in(guest, site):
    """Go from the application to the sign-in page and send name and password."""

    def sign_in(name: str = NAME, password: str = PASSWORD):
        guest.open(site.door)
        return guest.fill_in("Sign in", {"Email address": name, "Password": password})

    return sign_in
