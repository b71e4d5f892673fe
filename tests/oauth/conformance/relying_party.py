"""The relying party that the official suite plays: its requests over real HTTP, its checks on every answer.

Owns what the suite's modules have in common: a whole flow with the person's pages in it, and what must hold of
every callback (RFC 6749 section 4.1.2, RFC 9207), token response (section 5.1), ID token (OpenID Connect Core
sections 2, 3.1.3.7 and 5.1) and userInfo answer. What a module asks besides is its test's.
Source: the OpenID Foundation's conformance suite, AbstractOIDCCServerTest and the conditions it calls.
"""

import base64
import hashlib
import math
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import jwt
import requests

from tests.hosted.guest import Guest
from tests.hosted.page import Page
from tests.oauth.provider import CALLBACK, NAME, PASSWORD, Provider

PERSON = {"email_verified": "true", "phone_number": "+15550100", "phone_number_verified": "true",
          "name": "User One", "given_name": "User", "family_name": "One", "middle_name": "M", "nickname": "U1",
          "preferred_username": "user-one", "profile": "https://example.com/user-1",
          "picture": "https://example.com/user-1.png", "website": "https://example.com/", "gender": "unknown",
          "birthdate": "2000-01-31", "zoneinfo": "Europe/Berlin", "locale": "en-GB",
          "updated_at": "1700000000", "address": "1 Example Street"}
PROFILE = PERSON.keys() - {"email_verified", "phone_number", "phone_number_verified", "address"}
TYPES = {**dict.fromkeys([*PERSON, "sub", "email"], str), "email_verified": bool, "phone_number_verified": bool,
         "updated_at": int, "address": dict}
"""OpenID Connect Core section 5.1."""
NEEDS_A_PAGE = {"interaction_required", "login_required", "account_selection_required", "consent_required"}
"""OpenID Connect Core section 3.1.2.6."""
ERROR_TEXT = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
"""RFC 6749 section 4.1.2.1."""


class OverHTTP:
    """What Guest needs of a test client, over a socket. Keeps every answer."""

    def __init__(self):
        self.session, self.answers = requests.Session(), []

    def open(self, path: str, method: str, data: dict | None, base_url: str) -> requests.Response:
        self.answers.append(self.session.request(method, base_url + path, data=data, allow_redirects=False))
        return self.answers[-1]


@dataclass(frozen=True)
class Flow:
    """One authorization code flow: what was asked and what came back."""

    request: dict
    answer: dict
    tokens: dict
    id_token: dict
    signed_in: bool
    """Whether the person had to sign in for it."""


class RelyingParty:
    """An app client at the provider, and a person at one browser.

    A client with a secret proves itself by client_secret_basic, or with `by_post` by client_secret_post.
    """

    def __init__(self, provider: Provider, client: dict | None = None, by_post: bool = False):
        self.provider, self.strict = provider, provider.strict
        self.client, self.by_post = client or provider.clients["server"], by_post
        self.metadata = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration").json()
        self.guest = Guest(OverHTTP(), provider.url)

    # The authorization endpoint

    def request(self, **given) -> dict:
        """The parameters of an authorize request with fresh state and nonce; those given as None are left out."""
        usual = {"response_type": "code", "client_id": self.client["ClientId"], "redirect_uri": CALLBACK,
                 "scope": "openid", "state": secrets.token_urlsafe(8), "nonce": secrets.token_urlsafe(8)}
        return {name: value for name, value in {**usual, **given}.items() if value is not None}

    def send(self, request: dict, method: str = "GET") -> Page | None:
        """Send the person to the authorization endpoint; the page that is shown, None once back at the app."""
        self.guest.left_to, endpoint = None, self.metadata["authorization_endpoint"]
        if method == "POST":
            return self.guest.open(endpoint, "POST", request)
        return self.guest.open(f"{endpoint}?{urlencode(request)}")

    def sign_in(self) -> Page | None:
        """The person signs in on the page that is shown, in whatever language."""
        assert self.guest.path == "/login", self.guest.url
        [button] = [each for each in self.guest.page.root.all("button") if each.get("type") != "button"]
        return self.guest.press(button.text, username=NAME, password=PASSWORD)

    def callback(self, request: dict) -> dict:
        """The parameters with which the person came back to the app, each once, with our state and their name."""
        location = self.guest.left_to
        assert location, f"the person is still at the provider: {self.guest.page.heading}"
        assert location.startswith(request["redirect_uri"] + "?"), location
        pairs = parse_qsl(location.partition("?")[2], keep_blank_values=True, strict_parsing=True)
        assert len(pairs) == len(dict(pairs)), location
        answer = dict(pairs)
        assert answer.get("state") == request.get("state") and answer["iss"] == self.metadata["issuer"]
        return answer

    def refused(self, request: dict) -> str:
        """The error with which the person came back to the app, told as RFC 6749 section 4.1.2.1 wants it."""
        answer = self.callback(request)
        assert answer.keys() <= {"error", "error_description", "error_uri", "state", "iss"}, answer
        assert ERROR_TEXT.fullmatch(answer["error"]) and ERROR_TEXT.fullmatch(answer.get("error_description", ""))
        return answer["error"]

    def authorize(self, method: str = "GET", **given) -> tuple[dict, dict, bool]:
        """The request, the app's answer to it (a code) and whether the person had to sign in."""
        request = self.request(**given)
        page = self.send(request, method)
        signed_in = page is not None
        if signed_in:
            self.sign_in()
        answer = self.callback(request)
        assert answer.keys() == {"code", "state", "iss"}, answer
        return request, answer, signed_in

    def error_page(self, page: Page | None) -> Page:
        """The page that tells the person of an error; nobody was sent anywhere."""
        assert self.guest.left_to is None and page is not None, self.guest.left_to
        assert (self.guest.path, page.status) == ("/error", 400) and page.alert
        return page

    # The token endpoint

    def flow(self, method: str = "GET", verifier: str | None = None, **given) -> Flow:
        """A whole flow with the checks that hold for all, and a call of userInfo."""
        request, answer, signed_in = self.authorize(method, **given)
        proof = {"code_verifier": verifier} if verifier else {}
        tokens = self.tokens_of(self.redeem(answer["code"], **proof))
        id_token = self.id_token(tokens, request)
        assert self.user_info(tokens).status_code == 200
        return Flow(request, answer, tokens, id_token, signed_in)

    def token_request(self, **form) -> requests.Response:
        """Ask the token endpoint, saying who asks and proving it."""
        client, secret = self.client["ClientId"], self.client.get("ClientSecret")
        if secret and not self.by_post:
            return requests.post(self.metadata["token_endpoint"], data=form, auth=(client, secret))
        who = {"client_id": client, "client_secret": secret} if secret else {"client_id": client}
        return requests.post(self.metadata["token_endpoint"], data={**form, **who})

    def redeem(self, code: str, **form) -> requests.Response:
        return self.token_request(grant_type="authorization_code", code=code, redirect_uri=CALLBACK, **form)

    def refresh(self, token: str, **form) -> requests.Response:
        return self.token_request(grant_type="refresh_token", refresh_token=token, **form)

    def tokens_of(self, response: requests.Response) -> dict:
        """The tokens of a response as RFC 6749 section 5.1 wants it."""
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"].startswith("application/json")
        assert "no-store" in response.headers["Cache-Control"]
        tokens = response.json()
        assert tokens["token_type"].lower() == "bearer" and tokens["access_token"]
        assert type(tokens["expires_in"]) is int and tokens["expires_in"] > 0
        return tokens

    def token_refusal(self, response: requests.Response) -> str:
        """The error of a refusal as RFC 6749 section 5.2 wants it."""
        assert response.status_code == 400, (response.status_code, response.text)
        assert response.headers["Content-Type"].startswith("application/json")
        body = response.json()
        assert body.keys() <= {"error", "error_description", "error_uri"}
        assert ERROR_TEXT.fullmatch(body["error"]) and ERROR_TEXT.fullmatch(body.get("error_description", ""))
        return body["error"]

    # The ID token

    def keys(self) -> dict[str, dict]:
        """The provider's keys by their id, as it publishes them."""
        keys = requests.get(self.metadata["jwks_uri"]).json()["keys"]
        assert len({key["kid"] for key in keys}) == len(keys), "every key has an id of its own"
        return {key["kid"]: key for key in keys}

    def id_token(self, tokens: dict, request: dict) -> dict:
        """The claims of the response's ID token, validated as OpenID Connect Core section 3.1.3.7 says."""
        token = tokens["id_token"]
        header = jwt.get_unverified_header(token)
        assert header["alg"] in self.metadata["id_token_signing_alg_values_supported"]
        claims = jwt.decode(token, jwt.PyJWK(self.keys()[header["kid"]]), algorithms=["RS256"],
                            issuer=self.metadata["issuer"], audience=self.client["ClientId"],
                            options={"verify_exp": False, "verify_iat": False, "require": ["sub", "exp", "iat"]})
        now = self.provider.clock.now.timestamp()
        assert claims["aud"] == claims.get("azp", claims["aud"]) == self.client["ClientId"]
        assert now - 300 <= claims["iat"] <= now < claims["exp"] and 1 <= len(claims["sub"]) <= 255
        assert claims.get("nonce") == request.get("nonce")
        assert claims.get("at_hash", half_hash(tokens["access_token"])) == half_hash(tokens["access_token"])
        assert "max_age" not in request or claims["auth_time"] <= claims["iat"]
        assert wrong_types(claims) == set(), claims
        return claims

    # userInfo

    def user_info(self, tokens: dict, method: str = "GET", in_body: bool = False) -> requests.Response:
        token, url = tokens["access_token"], self.metadata["userinfo_endpoint"]
        if in_body:
            return requests.request(method, url, data={"access_token": token})
        return requests.request(method, url, headers={"Authorization": f"Bearer {token}"})

    def claims(self, flow: Flow, method: str = "GET", in_body: bool = False) -> dict:
        """The claims of a userInfo answer, about the ID token's user.

        Cognito's departure: the verified flags are strings. It is asserted here for all modules.
        """
        response = self.user_info(flow.tokens, method, in_body)
        assert response.status_code == 200 and response.headers["Content-Type"] == "application/json"
        claims = response.json()
        assert claims["sub"] == flow.id_token["sub"]
        flags = {"email_verified", "phone_number_verified"} & claims.keys()
        assert wrong_types(claims) == (set() if self.strict else flags), claims
        assert {claims[flag] for flag in flags} <= {True if self.strict else "true"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", claims.get("birthdate", "2000-01-01"))
        return claims


def wrong_types(claims: dict) -> set[str]:
    """The standard claims that are not of the type OpenID Connect Core section 5.1 gives them."""
    return {name for name, value in claims.items() if name in TYPES and type(value) is not TYPES[name]}


def half_hash(value: str) -> str:
    """at_hash and c_hash: OpenID Connect Core sections 3.1.3.6 and 3.3.2.11."""
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()[:16]).rstrip(b"=").decode()


def entropy(text: str) -> float:
    """Bits, by the frequency of its characters, as the suite estimates it; 96 have to do for 128."""
    return -sum(n * math.log2(n / len(text)) for n in Counter(text).values())
