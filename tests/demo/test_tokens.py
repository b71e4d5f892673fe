"""Tokens that must not be believed, checked against keys published over real HTTP."""
import base64
import hashlib
import hmac
import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from werkzeug.serving import make_server

from authservice.demo.journey import Journey
from authservice.demo.problems import Problem
from authservice.demo.provider import Provider
from authservice.demo.tokens import TokenRefused, check_access_token, check_id_token

CLIENT = "demositehosted000000000001"


class Issuer:
    """A server with a discovery document and keys, that can sign whatever a test wants signed."""

    def __init__(self):
        app = Flask(__name__)
        app.add_url_rule("/pool/.well-known/openid-configuration", "discovery", self._discovery)
        app.add_url_rule("/pool/.well-known/jwks.json", "keys", self._jwks)
        self.server = make_server("127.0.0.1", 0, app)
        self.url = f"http://127.0.0.1:{self.server.port}/pool"
        self.names = self.url
        self.keys, self.fetched = {}, 0
        self.rotate("key-1")

    def rotate(self, kid: str) -> None:
        self.kid = kid
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def claims(self, **changed) -> dict:
        now = int(time.time())
        claims = {"iss": self.url, "sub": "subject", "aud": CLIENT, "token_use": "id", "nonce": "the-nonce",
                  "iat": now, "exp": now + 600, **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, key=None, kid=None, **changed) -> str:
        key = key or self.keys[self.kid]
        return jwt.encode(self.claims(**changed), key, "RS256", {"kid": kid or self.kid})

    def _discovery(self):
        return {"issuer": self.names, "jwks_uri": f"{self.url}/.well-known/jwks.json"}

    def _jwks(self):
        self.fetched += 1
        made = [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
                for kid, key in self.keys.items()]
        return {"keys": made}


@pytest.fixture(scope="module")
def serving():
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, daemon=True)
    thread.start()
    yield issuer
    issuer.server.shutdown()
    thread.join()


@pytest.fixture
def issuer(serving):
    serving.names, serving.fetched = serving.url, 0
    return serving


def check(issuer, token, **expected):
    expected = {"client_id": CLIENT, "nonce": "the-nonce", **expected}
    return check_id_token(token, Provider(issuer.url), Journey("test"), **expected)


def refusal(issuer, token, **expected) -> str:
    with pytest.raises(TokenRefused) as refused:
        check(issuer, token, **expected)
    return str(refused.value)


def test_a_true_token_is_believed_and_each_check_is_noted(issuer):
    journey = Journey("test")
    token = check_id_token(issuer.sign(), Provider(issuer.url), journey, client_id=CLIENT, nonce="the-nonce")
    assert token.claims["sub"] == "subject"
    noted = [name for name, _ in journey.steps[-1].checks]
    assert noted == ["Algorithm", "Signature", "Issuer", "Time", "Audience", "Kind", "Nonce"]


@pytest.mark.parametrize("changed, reason", [
    ({"iss": "https://elsewhere.example.com"}, "issuer"),
    ({"aud": "another-client"}, "another application"),
    ({"aud": [CLIENT, "another-client"]}, "another application"),
    ({"aud": None}, "another application"),
    ({"nonce": "another-nonce"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"token_use": "access"}, "not an ID token"),
    ({"exp": int(time.time()) - 60}, "expired"),
    ({"exp": None}, "exp"),
    ({"sub": None}, "sub"),
    ({"iat": int(time.time()) + 600}, "iat"),
])
def test_a_signed_token_with_a_wrong_claim_is_refused(issuer, changed, reason):
    assert reason in refusal(issuer, issuer.sign(**changed))


def test_a_token_without_signature_is_refused(issuer):
    unsigned = jwt.encode(issuer.claims(), None, "none", {"kid": issuer.kid})
    assert "algorithm is none" in refusal(issuer, unsigned)


def test_the_public_key_used_as_a_shared_secret_is_refused(issuer):
    public = issuer.keys[issuer.kid].public_key()
    public = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = ".".join(_part(part) for part in ({"alg": "HS256", "kid": issuer.kid}, issuer.claims()))
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    assert "algorithm is HS256" in refusal(issuer, f"{signed}.{mac}")


def test_a_token_signed_by_somebody_else_is_refused(issuer):
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "Signature" in refusal(issuer, issuer.sign(key=foreign))


def test_a_changed_token_is_refused(issuer):
    header, _, signature = issuer.sign().split(".")
    assert "Signature" in refusal(issuer, f"{header}.{_part(issuer.claims(sub='somebody-else'))}.{signature}")


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token", "..", "x" * 5000])
def test_what_is_no_token_is_refused(issuer, token):
    assert "no token at all" in refusal(issuer, token)


def test_an_access_token_of_another_sign_in_does_not_fit(issuer):
    other = base64.urlsafe_b64encode(hashlib.sha256(b"other").digest()[:16]).rstrip(b"=").decode()
    assert "another access token" in refusal(issuer, issuer.sign(at_hash=other), access_token="this-one")
    assert check(issuer, issuer.sign(at_hash=other), access_token="other").claims["at_hash"] == other


def test_a_refresh_about_another_person_is_refused(issuer):
    assert "another person" in refusal(issuer, issuer.sign(sub="other"), nonce=None, subject="subject")


def test_an_access_token_must_be_one_and_for_this_application(issuer):
    def access(**changed):
        return check_access_token(issuer.sign(aud=None, **changed), Provider(issuer.url), Journey("test"),
                                  client_id=CLIENT)

    assert access(token_use="access", client_id=CLIENT).claims["client_id"] == CLIENT
    with pytest.raises(TokenRefused, match="not an access token"):
        access(token_use="id", client_id=CLIENT)
    with pytest.raises(TokenRefused, match="another application"):
        access(token_use="access", client_id="another-client")


def test_an_unknown_key_is_looked_for_once_and_a_new_one_found(issuer):
    provider = Provider(issuer.url)

    def believe(token):
        return check_id_token(token, provider, Journey("test"), client_id=CLIENT, nonce="the-nonce")

    issuer.rotate("key-2")
    believe(issuer.sign())
    issuer.rotate("key-3")
    believe(issuer.sign())
    assert issuer.fetched == 2
    with pytest.raises(TokenRefused, match="does not publish"):
        believe(issuer.sign(kid="key-9"))
    assert issuer.fetched == 3
    believe(issuer.sign())
    assert issuer.fetched == 3, "known keys are kept"


def test_a_discovery_document_that_names_another_issuer_is_refused(issuer):
    issuer.names = "https://elsewhere.example.com"
    with pytest.raises(Problem, match="names another issuer"):
        check(issuer, issuer.sign())


def _part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
