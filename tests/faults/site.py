"""A running service with a pool, an app client and a user, for tests that trouble it.

Owns the guest's plain requests: one connection each, no second try, so that whatever goes wrong is seen. What is then
done to the service is the tests' matter.
"""

import http.client
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.contract.guest import FLOWS, PASSWORD
from tests.services.server import Service, command

TARGET = "AWSCognitoIdentityProviderService."
UNSIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=0"
QUICK = {"AUTHSERVICE_ARGON2_MEMORY_KIB": 64, "AUTHSERVICE_ARGON2_TIME": 1}
"""Cheap password hashes."""


@dataclass
class Site:
    """The service at work, and how guests reach it. A call gives (status, answer); OSError where none came."""

    service: Service
    pool_id: str = ""
    client_id: str = ""

    @classmethod
    def make(cls, service: Service) -> "Site":
        site = cls(service)
        site.pool_id = site.done("CreateUserPool", PoolName="shop", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
        client = site.done("CreateUserPoolClient", UserPoolId=site.pool_id, ClientName="app", ExplicitAuthFlows=FLOWS)
        site.client_id = client["UserPoolClient"]["ClientId"]
        site.user("user-1")
        return site

    @property
    def instance(self) -> Path:
        return Path(self.service.environment["AUTHSERVICE_INSTANCE"])

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", urlsplit(self.service.url).port

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.service.process.pid)], capture_output=True,
                                text=True, check=True).stdout.splitlines()
        return [int(line.split()[0]) for line in listed if "resource_tracker" not in line]

    def call(self, operation: str, timeout: float = 30, **members) -> tuple[int, dict]:
        headers = {"X-Amz-Target": TARGET + operation, "Content-Type": "application/x-amz-json-1.1",
                   "Authorization": UNSIGNED}
        return self.ask("POST", "/", json.dumps(members), headers, timeout)

    def ask(self, method: str, path: str, body=None, headers: dict | None = None, timeout: float = 30) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as broken:
            raise ConnectionError(f"half an answer, or none: {broken!r}") from None
        finally:
            connection.close()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(text or b"{}") if is_json else {"text": text.decode()}

    def done(self, operation: str, **members) -> dict:
        status, answer = self.call(operation, **members)
        assert status == 200, (operation, status, answer)
        return answer

    def user(self, name: str) -> None:
        self.done("AdminCreateUser", UserPoolId=self.pool_id, Username=name, MessageAction="SUPPRESS")
        self.done("AdminSetUserPassword", UserPoolId=self.pool_id, Username=name, Password=PASSWORD, Permanent=True)

    def sign_in(self, name: str = "user-1", timeout: float = 30) -> tuple[int, dict]:
        return self.call("InitiateAuth", timeout, ClientId=self.client_id, AuthFlow="USER_PASSWORD_AUTH",
                         AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD})

    def request_to_sign_in(self, name: str = "user-1") -> bytes:
        """The same as the bytes of a request."""
        body = json.dumps({"ClientId": self.client_id, "AuthFlow": "USER_PASSWORD_AUTH",
                           "AuthParameters": {"USERNAME": name, "PASSWORD": PASSWORD}})
        return (f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {TARGET}InitiateAuth\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    def tokens(self, name: str = "user-1") -> dict:
        status, answer = self.sign_in(name)
        assert status == 200, answer
        return answer["AuthenticationResult"]

    def sign_up(self, name: str) -> tuple[int, dict]:
        return self.call("SignUp", ClientId=self.client_id, Username=name, Password=PASSWORD,
                         UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}])

    def is_sound(self) -> bool:
        """What `authservice db check` finds: whether nothing is wrong."""
        settings = {name: value for name, value in self.service.environment.items() if name.startswith("AUTHSERVICE_")}
        done = command(self.instance, "db", "check", env=settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return True


def memory(pid: int, what: str = "VmRSS") -> float:
    """What a process has in memory, in MB; VmHWM: the most it had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", text)[1]) * 1024 / 1e6


def forget_the_most(pid: int) -> None:
    """Let VmHWM begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
