"""A native app (RFC 8252): the system's browser, here Chromium, and a listener on loopback or a scheme of its own.

The app's protocol is Authlib's OAuth2Session; what is its own here is listening for the answer.
"""

import queue
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from playwright.sync_api import expect

from tests.clients.issuer import signed_in
from tests.clients.spa import fill_in
from tests.demo.browser_like import Browser

VERIFIER = "a-verifier-of-at-least-forty-three-characters"
OWN_SCHEME = "com.example.app:/callback"


class Listener(ThreadingHTTPServer):
    """What an app opens for the time of a sign-in: a port of loopback, and the addresses asked there."""

    def __init__(self, host: str):
        self.address_family = AF_INET6 if ":" in host else AF_INET
        self.answers = queue.Queue()
        super().__init__((host.strip("[]"), 0), Answering)


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!doctype html><title>Done</title><link rel=icon href=data:,><h1>Back to the app, please</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.answers.put(self.path)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def listening(host: str = "127.0.0.1"):
    with Listener(host) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield listener, f"http://{host}:{listener.server_port}/callback"
        listener.shutdown()
        thread.join()


def app_of(issuer, registered: str, redirect_uri: str, **settings) -> OAuth2Session:
    """The app as a new app client with one registered redirect URI, asking to be answered at `redirect_uri`."""
    client = issuer.app(registered, **settings)
    return OAuth2Session(client["ClientId"], client.get("ClientSecret"), scope="openid email",
                         redirect_uri=redirect_uri, code_challenge_method="S256")


def ask(issuer, app: OAuth2Session) -> str:
    url, _ = app.create_authorization_url(f"{issuer.service.url}/oauth2/authorize", code_verifier=VERIFIER)
    return url


def sub_of(issuer, app: OAuth2Session, answer: str) -> str:
    """Redeem the answer, and ask who signed in."""
    app.fetch_token(f"{issuer.service.url}/oauth2/token", authorization_response=answer, code_verifier=VERIFIER)
    return app.get(f"{issuer.service.url}/oauth2/userInfo").json()["sub"]


def refused(issuer, app: OAuth2Session) -> bool:
    """Whether the request ends on our own error page, for a redirect URI that is not the client's."""
    page = Browser().open(ask(issuer, app))
    at_home = page.url.startswith(f"{issuer.service.url}/error?error=redirect_mismatch&")
    return at_home and page.status == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_listener_at_a_registered_port(issuer, page, host):
    with listening(host) as (listener, redirect_uri):
        app = app_of(issuer, redirect_uri, redirect_uri)
        page.goto(ask(issuer, app))
        fill_in(page)
        expect(page.get_by_role("heading")).to_have_text("Back to the app, please")
        answer = listener.answers.get(timeout=20)
        assert sub_of(issuer, app, redirect_uri + answer.removeprefix("/callback")) == issuer.sub
    assert page.complaints == []


def test_a_scheme_of_the_apps_own(issuer, page):
    """Nothing here is registered for the scheme: Chromium stays on the page, and says that it was sent there."""
    app = app_of(issuer, OWN_SCHEME, OWN_SCHEME)
    page.goto(ask(issuer, app))
    with page.expect_response(lambda answer: (answer.headers.get("location") or "").startswith(OWN_SCHEME)) as last:
        fill_in(page)
    answer = last.value.headers["location"]
    assert re.match(r"com\.example\.app:/callback\?code=[^&]+&state=", answer)
    assert sub_of(issuer, app, answer) == issuer.sub
    assert [text for text in page.complaints if "Content Security Policy" in text] == []


def test_a_deep_address_of_ones_own_scheme_is_left_as_it_is(issuer):
    redirect_uri = "com.example.app:///deep/callback?from=browser"
    app = app_of(issuer, redirect_uri, redirect_uri)
    _, answer = signed_in(ask(issuer, app), redirect_uri)
    assert answer.startswith(f"{redirect_uri}&code=")
    assert sub_of(issuer, app, answer) == issuer.sub


@pytest.mark.parametrize("other", [
    "com.example.app:/other", "com.example.app.evil:/callback", "COM.EXAMPLE.APP:/callback",
    "com.example.app://callback", "com.example.app:/callback/", "https://com.example.app/callback"])
def test_another_address_is_answered_by_a_page_of_ours(issuer, other):
    assert refused(issuer, app_of(issuer, OWN_SCHEME, other))


def test_the_answer_says_who_gives_it(issuer):
    app = app_of(issuer, OWN_SCHEME, OWN_SCHEME)
    _, answer = signed_in(ask(issuer, app), OWN_SCHEME)
    assert parse_qs(urlsplit(answer).query)["iss"] == [issuer.url]


# RFC 8252, section 7.3: a port that only the running app knows

ANY_PORT = "http://127.0.0.1/callback"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_listener_at_any_port_is_a_matter_of_the_mode(issuer, page, host):
    with listening(host) as (listener, redirect_uri):
        app = app_of(issuer, f"http://{host}/callback", redirect_uri)
        if issuer.mode == "cognito":
            assert refused(issuer, app)
            return
        page.goto(ask(issuer, app))
        fill_in(page)
        expect(page.get_by_role("heading")).to_have_text("Back to the app, please")
        answer = listener.answers.get(timeout=20)
        assert sub_of(issuer, app, redirect_uri + answer.removeprefix("/callback")) == issuer.sub
    assert page.complaints == []


@pytest.mark.parametrize("other", [
    "http://127.0.0.1:4711/other", "http://127.0.0.1:4711/callback/", "http://127.0.0.1:4711/callback?more=1",
    "http://localhost:4711/callback", "http://[::1]:4711/callback", "https://127.0.0.1:4711/callback",
    "http://127.0.0.1:4711@evil.example.com/callback", "http://127.0.0.1.evil.example.com:4711/callback",
    "http://127.0.0.1:/callback", "http://127.0.0.1:-1/callback",
    "http://127.0.0.1:4711\\@evil.example.com/callback", "HTTP://127.0.0.1:4711/callback",
    "http://127.0.0.2:4711/callback", "http://user@127.0.0.1:4711/callback", "http://127.0.0.1:4711/callback#"])
def test_only_the_port_may_differ(issuer, other):
    assert refused(issuer, app_of(issuer, ANY_PORT, other))


def test_a_registered_port_is_that_port(issuer):
    assert refused(issuer, app_of(issuer, "http://127.0.0.1:4711/callback", "http://127.0.0.1:4712/callback"))


def test_an_app_with_a_secret_is_no_native_app(issuer):
    assert refused(issuer, app_of(issuer, ANY_PORT, "http://127.0.0.1:4711/callback", GenerateSecret=True))


def test_a_code_is_redeemed_for_the_port_that_it_was_sent_to(issuer):
    if issuer.mode == "cognito":
        return
    app = app_of(issuer, ANY_PORT, "http://127.0.0.1:4711/callback")
    _, answer = signed_in(ask(issuer, app), "http://127.0.0.1:4711/")
    app.redirect_uri = "http://127.0.0.1:4712/callback"
    with pytest.raises(OAuthError, match="invalid_grant"):
        sub_of(issuer, app, answer)
