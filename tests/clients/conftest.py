"""One served process for all clients here, and an environment in which none of them looks anywhere else."""

import json
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from tests.services import server

REGION = "us-east-1"
AWS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION,
       "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
       "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
       "NO_PROXY": "localhost,127.0.0.1"}


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    quick_hashes = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64", "AUTHSERVICE_ARGON2_TIME": "1"}
    with server.running_service(tmp_path_factory.mktemp("clients"), quick_hashes) as running:
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
