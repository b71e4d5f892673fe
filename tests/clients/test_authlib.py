"""Authlib's own client: OAuth2Session, and its integration with Flask, which are given discovery's address."""

import json
import threading
from contextlib import contextmanager

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from flask import Flask, session
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.serving import make_server

from tests.clients.issuer import ADDRESS, PASSWORD, signed_in
from tests.demo.browser_like import Browser

SCOPE = "openid email profile"
CALLBACK = "http://localhost:3000/callback"
VERIFIER, NONCE = "a-verifier-of-at-least-forty-three-characters", "a nonce"
WAYS = ["none", "client_secret_basic", "client_secret_post"]


@pytest.fixture
def metadata(issuer) -> dict:
    return requests.get(f"{issuer.url}/.well-known/openid-configuration", timeout=20).json()


def client_of(issuer, way: str) -> OAuth2Session:
    """OAuth2Session as a new app client that proves itself in this way."""
    client = issuer.app(CALLBACK, GenerateSecret=way != "none")
    return OAuth2Session(client["ClientId"], client.get("ClientSecret"), token_endpoint_auth_method=way,
                         scope=SCOPE, redirect_uri=CALLBACK, code_challenge_method="S256")


def redeem(client: OAuth2Session, metadata: dict, verifier: str = VERIFIER) -> dict:
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER,
                                                 nonce=NONCE)
    _, answer = signed_in(url, CALLBACK)
    return client.fetch_token(metadata["token_endpoint"], authorization_response=answer, state=state,
                              code_verifier=verifier)


def claims_of(client: OAuth2Session, metadata: dict, token: dict, nonce: str | None = NONCE) -> CodeIDToken:
    """The ID token's claims, its signature and everything else checked as Authlib checks them."""
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    options = {"iss": {"essential": True, "value": metadata["issuer"]},
               "aud": {"essential": True, "value": client.client_id}}
    claims = CodeIDToken(decoded.claims, decoded.header, options,
                         {"nonce": nonce, "client_id": client.client_id,
                          "access_token": token["access_token"]})
    claims.validate()
    return claims


@pytest.mark.parametrize("way", WAYS)
def test_a_code_becomes_tokens_that_authlib_believes(issuer, metadata, way):
    client = client_of(issuer, way)
    token = redeem(client, metadata)
    claims = claims_of(client, metadata, token)
    assert claims["sub"] == issuer.sub and claims["email"] == ADDRESS and claims["at_hash"]
    shown = client.get(metadata["userinfo_endpoint"]).json()
    assert shown["sub"] == issuer.sub and shown["email"] == ADDRESS


@pytest.mark.parametrize("way", WAYS)
def test_refreshing_and_revoking(issuer, metadata, way):
    client = client_of(issuer, way)
    token = dict(redeem(client, metadata))
    fresh = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    assert fresh["access_token"] != token["access_token"]
    assert claims_of(client, metadata, fresh, nonce=None)["sub"] == issuer.sub
    last = fresh["refresh_token"]  # Authlib keeps the old one where the answer brings none
    revoked = client.revoke_token(metadata["revocation_endpoint"], token=last, token_type_hint="refresh_token")
    assert revoked.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.refresh_token(metadata["token_endpoint"], refresh_token=last)
    client.token = fresh
    assert client.get(metadata["userinfo_endpoint"]).status_code == 401


def test_a_token_that_has_expired_is_refreshed_on_its_way(issuer, metadata):
    client = client_of(issuer, "none")
    client.metadata["token_endpoint"] = metadata["token_endpoint"]
    expired = {**redeem(client, metadata), "expires_at": 1}
    client.token = expired
    assert client.get(metadata["userinfo_endpoint"]).json()["sub"] == issuer.sub
    assert client.token["access_token"] != expired["access_token"]


def test_another_verifier_is_refused(issuer, metadata):
    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(client_of(issuer, "none"), metadata, verifier="b" * 43)


@pytest.mark.parametrize("way", WAYS[1:])
def test_a_machine_signs_in_by_itself(issuer, metadata, way):
    client = issuer.machine()

    def fetch(secret: str) -> dict:
        machine = OAuth2Session(client["ClientId"], secret, token_endpoint_auth_method=way)
        return machine.fetch_token(metadata["token_endpoint"], grant_type="client_credentials",
                                   scope="orders/read")

    token = fetch(client["ClientSecret"])
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
    claims = jwt.decode(token["access_token"], keys, algorithms=["RS256"]).claims
    assert claims["scope"] == "orders/read" and claims["client_id"] == client["ClientId"]
    assert "refresh_token" not in token and "id_token" not in token
    with pytest.raises(OAuthError, match="invalid_client"):
        fetch("not the secret")


# Flask

def site_of(issuer, url: str) -> Flask:
    """A web application as Authlib's documentation writes it; `shown` is what it learned of the user."""
    client = issuer.app(f"{url}/callback", GenerateSecret=True, LogoutURLs=[f"{url}/signed-out"])
    app = Flask("application")
    app.secret_key = "for this test alone"
    app.config["SESSION_COOKIE_NAME"] = "application"  # a cookie knows no port: not the service's name for its own
    oauth = OAuth(app)
    oauth.register("pool", client_id=client["ClientId"], client_secret=client["ClientSecret"],
                   server_metadata_url=f"{issuer.url}/.well-known/openid-configuration",
                   client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"})

    @app.get("/sign-in")
    def sign_in():
        return oauth.pool.authorize_redirect(f"{url}/callback")

    @app.get("/callback")
    def callback():
        token = oauth.pool.authorize_access_token()
        session["id_token"] = token["id_token"]
        return {"claims": token["userinfo"], "userinfo": oauth.pool.userinfo()}

    @app.get("/sign-out")
    def sign_out():
        return oauth.pool.logout_redirect(f"{url}/signed-out", id_token_hint=session.pop("id_token"))

    @app.get("/signed-out")
    def signed_out():
        return oauth.pool.validate_logout_response()

    @app.errorhandler(OAuthError)
    def refused(error):
        return {"error": error.error}, 400

    return app


@contextmanager
def serving(issuer):
    app = None
    server = make_server("127.0.0.1", 0, lambda environ, start: app(environ, start), threaded=True)
    url = f"http://localhost:{server.port}"
    app = site_of(issuer, url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield url
    server.shutdown()
    thread.join()


def test_a_flask_application_signs_in_and_out(issuer):
    with serving(issuer) as url:
        browser = Browser()
        browser.open(f"{url}/sign-in")
        page = browser.press("Sign in", username=ADDRESS, password=PASSWORD)
        assert page.url.startswith(f"{url}/callback?"), page.text
        shown = json.loads(page.html)
        assert shown["claims"]["sub"] == shown["userinfo"]["sub"] == issuer.sub
        assert shown["claims"]["nonce"] and shown["claims"]["iss"] == issuer.url
        page = browser.open(f"{url}/sign-out")
        assert page.url.startswith(f"{url}/signed-out?state=") and page.status == 200, page.text
        assert "Sign in" in browser.open(f"{url}/sign-in").forms[0].buttons  # nobody is signed in any more


def test_a_flask_application_is_told_of_a_refusal(issuer):
    with serving(issuer) as url:
        browser = Browser()
        asked = browser.redirect_of(f"{url}/sign-in")
        page = browser.open(f"{asked}&prompt=none")
        assert (page.status, page.html.strip()) == (400, '{"error":"login_required"}')
