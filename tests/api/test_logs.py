"""The log of a served process: one line a request, and in it nothing that signs anybody in."""

import json
import re
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import boto3
import pyotp
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.hosted.page import Page
from tests.services import server

PASSWORD, WRONG, NEW_PASSWORD = "Secret-horse-1", "Secret-mistake-2", "Secret-horse-3"
CALLBACK = "http://localhost:3000/callback"
SECRET_MEMBERS = {"AccessToken", "IdToken", "RefreshToken", "Session", "SecretCode", "ClientSecret", "SRP_A",
                  "SECRET_BLOCK", "access_token", "id_token", "refresh_token"}


class Visitor:
    """Uses the service through all its doors and remembers every secret that went either way."""

    def __init__(self, url: str):
        self.url, self.secrets = url, {PASSWORD, WRONG, NEW_PASSWORD}
        self.request_ids: list[str] = []
        self.http = requests.Session()
        self.aws = boto3.client("cognito-idp", endpoint_url=url, region_name="us-east-1",
                                aws_access_key_id="a", aws_secret_access_key="b",
                                config=Config(retries={"total_max_attempts": 1}))

    def call(self, operation: str, **request) -> dict:
        """A refusal answers {}."""
        try:
            answer = getattr(self.aws, operation)(**request)
        except ClientError as refused:
            answer = refused.response
        self.request_ids.append(answer["ResponseMetadata"]["RequestId"])
        self._remember([request, answer])
        return {} if "Error" in answer else answer

    def _remember(self, value) -> None:
        if isinstance(value, dict):
            self.secrets |= {item for name, item in value.items()
                             if name in SECRET_MEMBERS and isinstance(item, str)}
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            self._remember(item)

    def mailed_code(self) -> str:
        code = requests.get(f"{self.url}/outbox.json?to=user-1@example.com", timeout=10).json()[0]["code"]
        self.secrets.add(code)
        return code

    def totp(self, secret: str, seconds: int) -> str:
        code = pyotp.TOTP(secret).at(time.time() + seconds)
        self.secrets.add(code)
        return code

    def browse(self, address: str, form: dict | None = None) -> requests.Response:
        """Open an address, follow the service's own redirects, remember cookies and what addresses carry."""
        while True:
            answer = self.http.request("POST" if form else "GET", urljoin(self.url, address), data=form,
                                       allow_redirects=False, timeout=10)
            self.secrets |= set(self.http.cookies.values()) | set((form or {}).values()) - {""}
            address, form = answer.headers.get("Location"), None
            if not address or address.startswith(CALLBACK):
                return answer

    def press(self, answer: requests.Response, button: str, **typed: str) -> requests.Response:
        form = Page(answer.status_code, answer.headers, answer.text).form_of(button)
        values = {field.get("name"): field.get("value") for field in form.all("input")}
        return self.browse(urljoin(answer.url, form.get("action")), {**values, **typed})


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """A visit of every door, over when this is given: (the visitor, the whole log)."""
    quick = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64", "AUTHSERVICE_LOG_LEVEL": "DEBUG"}
    with server.running_service(tmp_path_factory.mktemp("logs"), quick) as service:
        visitor = Visitor(service.url)
        pool, client, secret = by_api(visitor)
        by_browser(visitor, pool, client, secret)
        mishaps(visitor)
    visitor.pool, visitor.client = pool, client
    return visitor, service.log


def by_api(visitor: Visitor) -> tuple[str, str, str]:
    """Sign-up, wrong and right sign-ins, TOTP, refresh, recovery, revocation."""
    call = visitor.call
    pool = call("create_user_pool", PoolName="logged", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    call("set_user_pool_mfa_config", UserPoolId=pool, MfaConfiguration="OPTIONAL",
         SoftwareTokenMfaConfiguration={"Enabled": True})
    app = call("create_user_pool_client", UserPoolId=pool, ClientName="app", ExplicitAuthFlows=[
        "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])["UserPoolClient"]["ClientId"]
    web = call("create_user_pool_client", UserPoolId=pool, ClientName="web", GenerateSecret=True,
               CallbackURLs=[CALLBACK], AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
               AllowedOAuthScopes=["openid"], SupportedIdentityProviders=["COGNITO"])["UserPoolClient"]
    user = {"ClientId": app, "Username": "user-1"}
    call("sign_up", **user, Password=PASSWORD,
         UserAttributes=[{"Name": "email", "Value": "user-1@example.com"}])
    call("confirm_sign_up", **user, ConfirmationCode=visitor.mailed_code())

    def sign_in(password: str) -> dict:
        return call("initiate_auth", ClientId=app, AuthFlow="USER_PASSWORD_AUTH",
                    AuthParameters={"USERNAME": "user-1", "PASSWORD": password})

    sign_in(WRONG)
    tokens = sign_in(PASSWORD)["AuthenticationResult"]
    key = call("associate_software_token", AccessToken=tokens["AccessToken"])["SecretCode"]
    call("verify_software_token", AccessToken=tokens["AccessToken"], UserCode=visitor.totp(key, 0))
    call("set_user_mfa_preference", AccessToken=tokens["AccessToken"],
         SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    answer = {"ClientId": app, "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": sign_in(PASSWORD)["Session"]}
    for code in (visitor.totp(key, 600), visitor.totp(key, 30)):  # a code counts once: the next one's turn
        call("respond_to_auth_challenge", **answer,
             ChallengeResponses={"USERNAME": "user-1", "SOFTWARE_TOKEN_MFA_CODE": code})
    call("initiate_auth", ClientId=app, AuthFlow="REFRESH_TOKEN_AUTH",
         AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]})
    call("forgot_password", **user)
    call("confirm_forgot_password", **user, ConfirmationCode=visitor.mailed_code(), Password=NEW_PASSWORD)
    call("get_user", AccessToken=tokens["AccessToken"])
    call("admin_set_user_mfa_preference", UserPoolId=pool, Username="user-1",
         SoftwareTokenMfaSettings={"Enabled": False})
    return pool, web["ClientId"], web["ClientSecret"]


def by_browser(visitor: Visitor, pool: str, client: str, secret: str) -> None:
    """The hosted pages, a code in an address, the token endpoint, userInfo, revocation, logout."""
    request = {"response_type": "code", "client_id": client, "redirect_uri": CALLBACK, "scope": "openid",
               "state": "state-known-to-the-application", "nonce": "nonce-known-to-the-application"}
    visitor.secrets |= {request["state"], request["nonce"]}
    page = visitor.browse(f"/oauth2/authorize?{urlencode(request)}")
    page = visitor.press(page, "Sign in", username="user-1", password=WRONG)
    left = visitor.press(page, "Sign in", username="user-1", password=NEW_PASSWORD)
    [code] = parse_qs(urlsplit(left.headers["Location"]).query)["code"]
    visitor.secrets.add(code)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    for _ in range(2):  # the second time is a replay
        answer = requests.post(f"{visitor.url}/oauth2/token", form, auth=(client, secret), timeout=10)
        visitor._remember(answer.json())
        if answer.ok:
            tokens = answer.json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    requests.get(f"{visitor.url}/oauth2/userInfo", headers=bearer, timeout=10)
    requests.get(f"{visitor.url}/oauth2/userInfo?access_token={tokens['access_token']}", timeout=10)
    requests.post(f"{visitor.url}/oauth2/revoke", {"token": tokens["refresh_token"]}, auth=(client, secret),
                  timeout=10)
    requests.get(f"{visitor.url}/{pool}/.well-known/jwks.json", timeout=10)


def mishaps(visitor: Visitor) -> None:
    """Secrets where they do not belong: in a path, in a broken body, in a name, in an odd header."""
    requests.get(f"{visitor.url}/{PASSWORD}?code={NEW_PASSWORD}", timeout=10)
    requests.post(f"{visitor.url}/?password={PASSWORD}", f'{{"Password": "{PASSWORD}"', headers={
        "X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp", "Authorization": PASSWORD}, timeout=10)
    requests.post(visitor.url, "{}", headers={"X-Amz-Target": f"x.{PASSWORD}"}, timeout=10)
    for misplaced in (PASSWORD, "n" * 100_000):
        requests.post(visitor.url, json.dumps({"ClientId": misplaced, "Username": "user-1"}), timeout=10,
                      headers={"X-Amz-Target": "AWSCognitoIdentityProviderService.ForgotPassword"})
    visitor.call("initiate_auth", ClientId="n" * 26, AuthFlow="USER_PASSWORD_AUTH",
                 AuthParameters={"USERNAME": PASSWORD, "PASSWORD": PASSWORD})


def lines(log: str) -> list[dict]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_no_password_code_token_or_cookie_is_in_the_log(visit):
    visitor, log = visit
    assert len(visitor.secrets) > 25
    long = {secret for secret in visitor.secrets if len(secret) > 6}
    assert {secret for secret in long if secret in log} == set()
    codes = {secret for secret in visitor.secrets if secret.isdigit()}
    assert len(codes) >= 5
    assert codes & set(re.findall(r"(?<![\w.-])\d{6}(?![\w.-])", log)) == set()


def test_what_signs_somebody_in_was_really_there_to_be_found(visit):
    """Otherwise the test above would pass on a log of nothing."""
    visitor, log = visit
    kinds = {secret[:3] for secret in visitor.secrets}
    assert {"eyJ", "Sec"} <= kinds and any(secret.isdigit() for secret in visitor.secrets)
    asked = {line.get("operation") for line in lines(log)}
    assert {"SignUp", "InitiateAuth", "RespondToAuthChallenge", "ForgotPassword", "GET /oauth2/authorize",
            "POST /oauth2/token"} <= asked


def test_every_call_is_one_line_with_what_was_asked_and_how_it_ended(visit):
    visitor, log = visit
    by_id = {}
    for line in lines(log):
        by_id.setdefault(line.get("id"), []).append(line)
    assert all(len(by_id[request_id]) == 1 for request_id in visitor.request_ids)
    [wrong] = [line for line in lines(log) if line.get("operation") == "InitiateAuth" and line.get("pool")
               and line["outcome"] == "NotAuthorizedException"][:1]
    assert wrong["pool"] == visitor.pool and wrong["client"] and wrong["ms"] > 0
    assert {"time", "level", "message", "id"} <= wrong.keys()
    for line in lines(log):
        if line["message"] == "request":
            assert line["outcome"] and line["operation"] and line["ms"] >= 0


def test_a_path_that_does_not_exist_is_not_written_down(visit):
    _, log = visit
    assert "unknown path" in log


def test_no_guest_can_flood_the_log(visit):
    _, log = visit
    assert max(len(line) for line in log.splitlines()) < 1000


def test_nothing_failed_on_the_way(visit):
    _, log = visit
    assert "Traceback" not in log and not [line for line in lines(log) if line["level"] == "ERROR"]


def test_a_log_that_cannot_be_written_fails_no_request(tmp_path):
    """Linux's /dev/full takes nothing, as a full disk."""
    asks = "from authservice import create_app; print(create_app().test_client().get('/healthz').status)"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", asks], stdout=subprocess.PIPE, stderr=full, text=True, cwd=server.ROOT,
                              env=server.environment(tmp_path, {"AUTHSERVICE_LOG_LEVEL": "DEBUG"}))
    assert done.stdout == "200 OK\n"


def test_probes_are_told_at_debug_only(visit):
    _, log = visit
    told = {line["level"] for line in lines(log) if line.get("operation") == "GET /healthz"}
    assert told == {"DEBUG"}
