"""The demo site beside the real service, both as processes, on the pool of seed.toml."""
import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
import requests

from tests.demo.browser_like import Browser
from tests.services import free_port
from tests.services.server import ROOT, Service, command, running_demo, running_service

SEED = ROOT / "authservice" / "demo" / "seed.toml"
POOL = "us-east-1_Demo00001"
TARGET = "AWSCognitoIdentityProviderService"
SIGNATURE = ("AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/cognito-idp/aws4_request, "
             "SignedHeaders=host, Signature=0")
PASSWORD = "Correct-Horse-7"
QUICK_HASHES = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64", "AUTHSERVICE_ARGON2_TIME": "1"}

_numbers = itertools.count(1)


@dataclass
class Site:
    """Where the demo site and its service run, and the errands that a test does beside them."""
    url: str
    service: Service
    instance: Path

    @property
    def issuer(self) -> str:
        return f"{self.service.url}/{POOL}"

    def call(self, operation: str, **request) -> dict:
        """An API operation as an administrator: on loopback any credentials will do."""
        answer = requests.post(
            f"{self.service.url}/", json={"UserPoolId": POOL, **request}, timeout=20,
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{TARGET}.{operation}",
                     "Authorization": SIGNATURE})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def new_user(self) -> str:
        """A fresh confirmed user; gives the address. The password is PASSWORD."""
        address = f"user-{next(_numbers)}@example.com"
        verified = {"email": address, "email_verified": "true"}
        self.call("AdminCreateUser", Username=address, MessageAction="SUPPRESS",
                  UserAttributes=[{"Name": name, "Value": value} for name, value in verified.items()])
        self.call("AdminSetUserPassword", Username=address, Password=PASSWORD, Permanent=True)
        return address

    def new_address(self) -> str:
        return f"new-{next(_numbers)}@example.com"

    def mailed_code(self, address: str) -> str:
        """The code of the newest message to `address`."""
        answer = requests.get(f"{self.service.url}/outbox.json", params={"to": address}, timeout=20)
        return answer.json()[0]["code"]

    def sign_in(self, browser: Browser, address: str, password: str = PASSWORD):
        """The hosted way from the start page as far as the password leads."""
        browser.open(self.url)
        browser.follow("Sign in")
        return browser.press("Sign in", username=address, password=password)

    def hosted_answer(self, browser: Browser, authorize_url: str, address: str) -> str:
        """Sign in at the service from `authorize_url`; gives the callback URL with the code, not visited."""
        browser.stay_out_of = f"{self.url}/callback"
        browser.open(authorize_url)
        browser.press("Sign in", username=address, password=PASSWORD)
        browser.stay_out_of = ""
        return browser.stopped_at


class Authenticator:
    """A person's authenticator app. Each code is asked for once, for a later step than the one before."""

    def __init__(self, secret: str):
        self._totp = pyotp.TOTP(secret.replace(" ", ""))
        self._next = int(time.time()) // 30

    def code(self) -> str:
        """The code of this step, then the one of the next: the service takes one step of drift."""
        step, self._next = self._next, self._next + 1
        return self._totp.at(step * 30)

    def wrong_code(self) -> str:
        return f"{(int(self._totp.at(self._next * 30)) + 1) % 1000000:06}"


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    instance = tmp_path_factory.mktemp("demo")
    port = free_port()
    env = {**QUICK_HASHES, "AUTHSERVICE_DEMO_URL": f"http://localhost:{port}"}
    seeded = command(instance, "seed", SEED, env=env)
    assert seeded.returncode == 0, seeded.stderr
    with (running_service(instance, env=env) as service,
          running_demo(instance, service.url, port=port) as demo):
        yield Site(demo.url, service, instance)


@pytest.fixture
def browser() -> Browser:
    return Browser()
