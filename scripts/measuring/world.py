"""The pool that is asked about: made by API calls, whoever answers them, and what is needed to ask.

Owns the pool with its two app clients and resource server, who signs in, the tokens that signing in gave, and the form
of a request. Users in great numbers are crowd.py's; what is asked and measured is operations.py's.
"""

import base64
import hashlib
import json
import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlencode, urljoin, urlsplit

from .generator import TRIES, Connection, Refused, batch

PASSWORD = "Correct-Horse-7-Battery"
SCOPE = "bench/read"
CALLBACK = "http://localhost/callback"
SIGNED_IN = 48
"""So many users are signed in, spread over the pool, and their tokens used in turn."""
AT_THE_DOMAIN = 4
"""So many sign in at the hosted pages, for tokens with the scope openid."""
REDIRECTS = 10
TARGET = "AWSCognitoIdentityProviderService."
UNSIGNED = ("AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, "
            "Signature=0")
"""For the operations of an administrator, where any credentials are accepted."""

Call = Callable[[str, dict], dict]
"""An API operation: (name, request) to answer."""


@dataclass
class World:
    """A pool at `url`, whose users' names are `names`; all have the same password."""

    url: str
    pool_id: str
    client_id: str
    machine: tuple[str, str]
    """Id and secret of the app client that signs in by itself."""
    names: list[str]
    srp_names: list[str]
    """Those whose SRP verifier is their password's."""
    connections: list[Connection] = field(default_factory=list)

    def api(self, operation: str, **members) -> bytes:
        """An API call as the bytes of a request."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET + operation}
        if operation.startswith("Admin"):
            headers["Authorization"] = UNSIGNED
        return self.request("POST", "/", headers, json.dumps(members).encode())

    def request(self, method: str, path: str, headers: dict | None = None, body: bytes = b"") -> bytes:
        """The bytes of a request to this address."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}",
                 *(f"{name}: {value}" for name, value in (headers or {}).items())]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def sign_in(self, name: str) -> bytes:
        """The request of a sign-in by password."""
        return self.api("InitiateAuth", ClientId=self.client_id, AuthFlow="USER_PASSWORD_AUTH",
                        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD})

    @cached_property
    def tokens(self) -> list[dict]:
        """The tokens of SIGNED_IN users, by the API: AuthenticationResult of each."""
        requests = iter([self.sign_in(name) for name in spread(self.names, SIGNED_IN)])
        answers, _ = batch(self.connections, requests, b'"AuthenticationResult"')
        return [body(answer)["AuthenticationResult"] for answer in answers]

    @cached_property
    def domain_tokens(self) -> list[str]:
        """Access tokens with the scope openid, by the hosted pages."""
        return [sign_in_at_domain(self, name) for name in spread(self.names, AT_THE_DOMAIN)]


def spread(names: list, number: int) -> list:
    """So many of them, at even distances."""
    return names[::max(1, len(names) // number)][:number]


def body(answer: bytes) -> dict:
    """The JSON of an answer that has been proved a success."""
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def over_http(url: str) -> Call:
    """API calls to whoever answers at a URL; raises Refused with what it says."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(operation: str, request: dict) -> dict:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET + operation,
                   "Authorization": UNSIGNED}
        asked = urllib.request.Request(url + "/", json.dumps(request).encode(), headers)
        try:
            with opener.open(asked, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise Refused(f"{operation}: {refusal.code}: {refusal.read(300).decode(errors='replace')}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"{operation}: {url} gives no answer of use: {error}") from None

    return call


def make(call: Call, url: str) -> World:
    """A new pool without users, ready to be signed in to in every way that is measured."""
    pool_id = call("CreateUserPool", {"PoolName": "bench"})["UserPool"]["Id"]
    call("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": "bench", "Name": "bench",
                                  "Scopes": [{"ScopeName": "read", "ScopeDescription": "Read"}]})
    people = call("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "people",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"], "CallbackURLs": [CALLBACK],
        "AllowedOAuthScopes": ["openid", "email", "profile"], "SupportedIdentityProviders": ["COGNITO"]})
    machine = call("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "machine", "GenerateSecret": True,
        "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"], "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": [SCOPE]})["UserPoolClient"]
    return World(url, pool_id, people["UserPoolClient"]["ClientId"], (machine["ClientId"], machine["ClientSecret"]), [], [])


def remove(call: Call, world: World) -> None:
    """Delete the pool with all that is in it."""
    call("DeleteUserPool", {"UserPoolId": world.pool_id})


def invite(world: World, number: int, progress: Callable[[int], None]) -> None:
    """Make users by the API, as an administrator does: for a peer whose database is not ours to write."""
    names = [f"person{each}" for each in range(number)]
    for at in range(0, number, 50):
        some = names[at:at + 50]
        batch(world.connections, iter([world.api(
            "AdminCreateUser", UserPoolId=world.pool_id, Username=name, MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}, {"Name": "email_verified", "Value": "true"}],
        ) for name in some]), b'"User"')
        batch(world.connections, iter([world.api(
            "AdminSetUserPassword", UserPoolId=world.pool_id, Username=name, Password=PASSWORD, Permanent=True,
        ) for name in some]), b"HTTP/1.1 200")
        progress(at + len(some))
    world.names = world.srp_names = names


def sign_in_at_domain(world: World, name: str) -> str:
    """Sign in as a browser does: authorize, the form, the code, the token; gives the access token."""
    import requests
    from requests.adapters import HTTPAdapter, Retry
    not_now = Retry(TRIES, status_forcelist=[503], allowed_methods=None, raise_on_status=False)
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {"response_type": "code", "client_id": world.client_id, "redirect_uri": CALLBACK, "scope": "openid email profile",
             "code_challenge": challenge, "code_challenge_method": "S256"}
    with requests.Session() as browser:
        browser.trust_env = False
        browser.mount("http://", HTTPAdapter(max_retries=not_now))
        form = _follow(browser, browser.get(f"{world.url}/oauth2/authorize?{urlencode(query)}", allow_redirects=False))
        action = re.search(r'<form[^>]* action="([^"]*)"', form.text)
        if action is None:
            raise Refused(f"no sign-in page: {form.status_code} {form.text[:200]!r}")
        fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form.text))
        where = urljoin(form.url, action[1].replace("&amp;", "&"))
        done = _follow(browser, browser.post(where, {**fields, "username": name, "password": PASSWORD},
                                             allow_redirects=False))
        code = re.search(r"[?&]code=([^&]+)", done.headers.get("Location", ""))
        if code is None:
            raise Refused(f"no code came from the sign-in page: {done.status_code} {done.text[:200]!r}")
        answer = browser.post(f"{world.url}/oauth2/token", {
            "grant_type": "authorization_code", "client_id": world.client_id, "redirect_uri": CALLBACK,
            "code": code[1], "code_verifier": verifier})
        if answer.status_code != 200:
            raise Refused(f"no token for the code: {answer.status_code} {answer.text[:200]!r}")
        return answer.json()["access_token"]


def _follow(browser, answer):
    """Go where the redirects of one site lead, up to a page or the app's callback."""
    for _ in range(REDIRECTS):
        if not answer.is_redirect or answer.headers["Location"].startswith(CALLBACK):
            break
        answer = browser.get(urljoin(answer.url, answer.headers["Location"]), allow_redirects=False)
    return answer
