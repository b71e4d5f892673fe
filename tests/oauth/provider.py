"""An authorization server under test, over real HTTP, with app clients, a user and a browser to ask it."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import jwt
import requests

from authservice.contract import HOSTED, OPERATOR

CALLBACK = "http://localhost:3000/callback"
OTHER_CALLBACK = "http://localhost:3000/other?step=1"
APP_CALLBACK = "com.example.app:///callback"
SIGNED_OUT = "http://localhost:3000/signed-out"
NAME, PASSWORD = "user-1@example.com", "Correct-horse-9"
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
SCOPES = ["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"]
BY_CODE = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"],
           "AllowedOAuthScopes": SCOPES, "LogoutURLs": [SIGNED_OUT],
           "CallbackURLs": [CALLBACK, OTHER_CALLBACK, APP_CALLBACK],
           "SupportedIdentityProviders": ["COGNITO"]}
BY_SECRET = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["client_credentials"],
             "AllowedOAuthScopes": ["orders/read", "orders/write"], "GenerateSecret": True}


def populate(backend) -> None:
    """Two pools; in the first (domain `shop`) the app clients web, server and machine, and one user."""

    def call(operation: str, **members) -> dict:
        return backend.call(operation, members, OPERATOR)

    pool_id = call("CreateUserPool", PoolName="pool", UsernameAttributes=["email"])["UserPool"]["Id"]
    call("CreateUserPoolDomain", UserPoolId=pool_id, Domain="shop")
    call("CreateResourceServer", UserPoolId=pool_id, Identifier="orders", Name="Orders", Scopes=[
        {"ScopeName": name, "ScopeDescription": name} for name in ("read", "write")])
    call("CreateUserPoolClient", UserPoolId=pool_id, ClientName="web", **BY_CODE)
    call("CreateUserPoolClient", UserPoolId=pool_id, ClientName="server", GenerateSecret=True, **BY_CODE)
    call("CreateUserPoolClient", UserPoolId=pool_id, ClientName="machine", **BY_SECRET)
    add_user(backend, pool_id, NAME, email_verified="true", name="User One")
    other = call("CreateUserPool", PoolName="other")["UserPool"]["Id"]
    call("CreateUserPoolDomain", UserPoolId=other, Domain="bank")
    call("CreateUserPoolClient", UserPoolId=other, ClientName="elsewhere", **BY_CODE)


def add_user(backend, pool_id: str, username: str, **attributes: str) -> None:
    given = [{"Name": each, "Value": value} for each, value in attributes.items()]
    backend.call("AdminCreateUser", {"UserPoolId": pool_id, "Username": username, "MessageAction": "SUPPRESS",
                                     "UserAttributes": given}, OPERATOR)
    backend.call("AdminSetUserPassword", {"UserPoolId": pool_id, "Username": username, "Password": PASSWORD,
                                          "Permanent": True}, OPERATOR)


class Provider:
    """The service at `url`, asked as a browser and an app ask it. No redirect is followed."""

    def __init__(self, url: str, backend, clock):
        self.url, self.backend, self.clock = url, backend, clock
        self.strict = backend.settings.strict_oidc
        pools = self.call("ListUserPools", MaxResults=10)["UserPools"]
        self.pools = {pool["Name"]: pool["Id"] for pool in pools}
        self.pool_id = self.pools["pool"]
        self.issuer = f"{url}/{self.pool_id}"
        self.clients = {client["ClientName"]: self.describe(client) for pool_id in self.pools.values()
                        for client in self.call("ListUserPoolClients", UserPoolId=pool_id)["UserPoolClients"]}
        self.web = self.clients["web"]

    def call(self, operation: str, **members) -> dict:
        return self.backend.call(operation, members, OPERATOR)

    def describe(self, client: dict) -> dict:
        return self.call("DescribeUserPoolClient", UserPoolId=client["UserPoolId"],
                         ClientId=client["ClientId"])["UserPoolClient"]

    def change(self, client: dict, **members) -> dict:
        """The app client with these settings changed and all others kept."""
        writable = {**BY_CODE, **{name: client[name] for name in BY_CODE if name in client}, **members}
        self.call("UpdateUserPoolClient", UserPoolId=client["UserPoolId"], ClientId=client["ClientId"],
                  **writable)
        return self.describe(client)

    def new_client(self, **members) -> dict:
        return self.call("CreateUserPoolClient", UserPoolId=self.pool_id, ClientName="new",
                         **{**BY_CODE, **members})["UserPoolClient"]

    # A browser

    def browser(self, name: str | None = NAME) -> requests.Session:
        """A browser in which this user is signed in at the pool; nobody with None."""
        browser = requests.Session()
        if name:
            answer = self.backend.call("InitiateAuth", {
                "ClientId": self.web["ClientId"], "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": name, "PASSWORD": PASSWORD}}, HOSTED)
            browser.cookies.set(f"cognito.{self.pool_id}", answer["AuthenticationResult"]["AccessToken"])
        return browser

    def request_of(self, client: dict | None = None, **given) -> dict:
        """The parameters of a good authorize request; those given as None are left out."""
        usual = {"response_type": "code", "client_id": (client or self.web)["ClientId"],
                 "redirect_uri": CALLBACK, "scope": "openid email", "state": "s-1", "nonce": "n-1"}
        return {name: value for name, value in {**usual, **given}.items() if value is not None}

    def authorize(self, browser=None, client: dict | None = None, **given) -> requests.Response:
        return self.get("/oauth2/authorize", browser, params=self.request_of(client, **given))

    def get(self, path: str, browser=None, **how) -> requests.Response:
        return (browser or requests).get(self.url + path, allow_redirects=False, **how)

    def code(self, client: dict | None = None, browser=None, **given) -> str:
        return answer_of(self.authorize(browser or self.browser(), client, **given))["code"]

    # An app

    def post(self, path: str, form, **how) -> requests.Response:
        return requests.post(self.url + path, data=form, allow_redirects=False, **how)

    def token(self, client: dict | None = None, **form) -> requests.Response:
        """Ask /oauth2/token, as a client with a secret by HTTP Basic."""
        client = client or self.web
        auth = (client["ClientId"], client["ClientSecret"]) if "ClientSecret" in client else None
        return self.post("/oauth2/token", {"client_id": client["ClientId"], **form}, auth=auth)

    def redeem(self, code: str, client: dict | None = None, **form) -> requests.Response:
        usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(client, **{**usual, **form})

    def tokens(self, client: dict | None = None, **given) -> dict:
        """The tokens of a whole authorization code flow."""
        answer = self.redeem(self.code(client, **given), client)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, tokens: dict | str, client: dict | None = None, **form) -> requests.Response:
        token = tokens if isinstance(tokens, str) else tokens["refresh_token"]
        return self.token(client, grant_type="refresh_token", refresh_token=token, **form)

    def user_info(self, tokens: dict) -> requests.Response:
        return self.get("/oauth2/userInfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    def claims(self, token: str, audience: str | None = None) -> dict:
        """A token's claims, verified as an app does it: by the pool's published keys."""
        keys = {key["kid"]: key for key in self.get(f"/{self.pool_id}/.well-known/jwks.json").json()["keys"]}
        key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])
        return jwt.decode(token, key, algorithms=["RS256"], issuer=self.issuer, audience=audience,
                          options={"verify_exp": False, "verify_iat": False,
                                   "verify_aud": audience is not None})

    def who(self, name: str = NAME) -> dict:
        return self.call("AdminGetUser", UserPoolId=self.pool_id, Username=name)


def answer_of(response: requests.Response, callback: str = CALLBACK, mark: str = "?") -> dict:
    """The parameters of a redirect to the app, each once, in the part of the address that `mark` begins."""
    assert response.status_code in (302, 303), (response.status_code, response.text)
    location = response.headers["Location"]
    assert location.startswith(callback + mark), location
    pairs = parse_qsl(location[len(callback) + 1:], keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), location
    return dict(pairs)


def error_page(response: requests.Response) -> str:
    """The error code with which the guest was sent to our own error page, and nowhere else."""
    assert response.status_code == 302, response.status_code
    target = urlsplit(response.headers["Location"])
    assert (target.scheme, target.netloc, target.path) == ("", "", "/error"), response.headers["Location"]
    return dict(parse_qsl(target.query))["error"]


def refusal(response, status: int = 400) -> str:
    """The error of a refusal that is as RFC 6749 section 5.2 wants it."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"] and response.headers["Pragma"] == "no-cache"
    body = response.json()
    assert body.keys() <= {"error", "error_description"}
    return body["error"]
