"""A pool as an OpenID provider, in either mode of the setting `oidc`, for relying parties that others wrote.

Owns starting the process, the pool with one user, app clients through Cognito's API, and how the user signs
in with a browser that has no window. Knows no relying party.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from tests.demo.browser_like import Browser
from tests.services import server
from tests.services.server import Service

MODES = ("cognito", "strict")
ADDRESS, PASSWORD = "user-1@example.com", "Correct-horse-1"
SCOPES = ["openid", "email", "phone", "profile"]
QUICK_HASHES = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64", "AUTHSERVICE_ARGON2_TIME": "1"}
REGION = "us-east-1"


@dataclass
class Issuer:
    """A served pool; `url` is the issuer that relying parties are given, `sub` its user."""

    mode: str
    service: Service
    cognito: object
    pool_id: str
    sub: str = ""

    @property
    def url(self) -> str:
        return f"{self.service.url}/{self.pool_id}"

    def app(self, *callbacks: str, **settings) -> dict:
        """A new app client for the code flow to these redirect URIs, as CreateUserPoolClient answers it."""
        given = {"ClientName": "app", "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"],
                 "AllowedOAuthScopes": SCOPES, "CallbackURLs": list(callbacks),
                 "SupportedIdentityProviders": ["COGNITO"], **settings}
        return self.cognito.create_user_pool_client(UserPoolId=self.pool_id, **given)["UserPoolClient"]

    def add_user(self, address: str, **attributes: str) -> str:
        """A further user with the password PASSWORD; answers the sub."""
        given = [{"Name": name, "Value": value} for name, value in {"email": address, **attributes}.items()]
        made = self.cognito.admin_create_user(UserPoolId=self.pool_id, Username=address,
                                              MessageAction="SUPPRESS", UserAttributes=given)
        self.cognito.admin_set_user_password(UserPoolId=self.pool_id, Username=address, Password=PASSWORD,
                                             Permanent=True)
        return made["User"]["Username"]

    def machine(self) -> dict:
        """A new app client with a secret for the grant client_credentials and the scope orders/read."""
        return self.app(AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["orders/read"],
                        GenerateSecret=True)


def signed_in(url: str, redirect_uri: str) -> tuple[Browser, str]:
    """Sign the user in where the authorization request `url` leads: the browser, and the answer it carries."""
    browser = Browser()
    browser.stay_out_of = redirect_uri
    browser.open(url)
    browser.press("Sign in", username=ADDRESS, password=PASSWORD)
    return browser, browser.stopped_at


@contextlib.contextmanager
def running(instance: Path, mode: str, tls: bool = False):
    """Serve a pool in a mode, by https if wanted, and yield it as Issuer."""
    with server.running_service(instance, {**QUICK_HASHES, "AUTHSERVICE_OIDC": mode}, tls=tls) as service:
        cognito = boto3.client("cognito-idp", endpoint_url=service.url, region_name=REGION,
                               aws_access_key_id="local", aws_secret_access_key="local",
                               verify=str(service.ca) if tls else None,
                               config=Config(retries={"total_max_attempts": 1}))
        pool_id = cognito.create_user_pool(PoolName="relying parties", UsernameAttributes=["email"],
                                           AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
        cognito.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration="OPTIONAL",
                                         SoftwareTokenMfaConfiguration={"Enabled": True})
        cognito.create_resource_server(UserPoolId=pool_id, Identifier="orders", Name="Orders", Scopes=[
            {"ScopeName": "read", "ScopeDescription": "Read orders"}])
        issuer = Issuer(mode, service, cognito, pool_id)
        issuer.sub = issuer.add_user(ADDRESS, email_verified="true", phone_number="+442079460018",
                                     phone_number_verified="false", name="User One")
        yield issuer
