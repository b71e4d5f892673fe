"""One served process for Cognito's clients, one in each mode for relying parties, a browser; and an environment
in which no client looks anywhere else.
"""

import json
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from tests.clients import issuer as issuers
from tests.clients import node, spa
from tests.services import browser as browsers
from tests.services import server, unavailable

REGION = "us-east-1"
AWS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION,
       "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
       "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
       "NO_PROXY": "localhost,127.0.0.1"}


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with server.running_service(tmp_path_factory.mktemp("clients"), issuers.QUICK_HASHES) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def cognito(service):
    """boto3's client with nothing but the endpoint overridden."""
    return boto3.client("cognito-idp", endpoint_url=service.url, region_name=REGION,
                        config=Config(retries={"total_max_attempts": 1}))


@dataclass
class Pool:
    """A pool that confirms by e-mail and allows TOTP, with an app client with a secret and one without."""

    id: str
    public_client: str
    secret_client: str
    secret: str


@pytest.fixture
def pool(cognito) -> Pool:
    made = cognito.create_user_pool(PoolName="clients", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    cognito.set_user_pool_mfa_config(UserPoolId=made, MfaConfiguration="OPTIONAL",
                                     SoftwareTokenMfaConfiguration={"Enabled": True})
    flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    app = {"UserPoolId": made, "ClientName": "app", "ExplicitAuthFlows": flows}
    public, secret = (cognito.create_user_pool_client(**app, GenerateSecret=with_secret)["UserPoolClient"]
                      for with_secret in (False, True))
    yield Pool(made, public["ClientId"], secret["ClientId"], secret["ClientSecret"])
    cognito.delete_user_pool(UserPoolId=made)


@pytest.fixture
def mailed_code(service):
    """Read the newest code sent to an address, as an end-to-end test does: from /outbox.json."""
    def read(address: str) -> str:
        with urllib.request.urlopen(f"{service.url}/outbox.json?to={quote(address)}", timeout=10) as answer:
            return json.load(answer)[0]["code"]
    return read


@pytest.fixture(scope="module", params=issuers.MODES)
def issuer(request, tmp_path_factory):
    """A served pool as an OpenID provider; every test that asks for one runs in both modes."""
    with issuers.running(tmp_path_factory.mktemp(request.param), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    if reason := browsers.missing():
        unavailable("BROWSER", reason)
    with browsers.running() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    """A page of a fresh profile; `page.complaints` is what its console says is wrong."""
    with chromium.new_context() as context:
        context.set_default_timeout(20_000)
        complaints = []

        def listen(opened):
            opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            opened.on("pageerror", lambda error: complaints.append(str(error)))

        context.on("page", listen)
        page = context.new_page()
        page.complaints = complaints
        yield page


@pytest.fixture(scope="module")
def served():
    if reason := node.missing():
        unavailable("NODE", reason)
    with spa.running() as application:
        yield application


@pytest.fixture
def app(served, issuer):
    """The single-page application, as one more app client of the issuer, with the shortest access tokens."""
    client = issuer.app(served.callback, LogoutURLs=[served.signed_out], AccessTokenValidity=5,
                        TokenValidityUnits={"AccessToken": "minutes"})
    served.settings = {"authority": issuer.url, "client_id": client["ClientId"], "loadUserInfo": True,
                       "scope": "openid email phone profile", "automaticSilentRenew": False}
    return served
