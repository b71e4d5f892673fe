"""browser.py by itself: sealed state, the cookie of single sign-on, CSRF, the one-use mark, headers."""
import pytest
from flask import Flask, session

from authservice import browser
from authservice.crypto.seal import Sealer

POOL = "us-east-1_AbC123xYz"


class Shop:
    """A small app that shows what browser.py does, with a clock that only tests move."""

    def __init__(self, https: bool = False, key: bytes = bytes(32), hsts: bool = False):
        self.now, sealer = 1_000_000.0, Sealer(key)
        self.app = app = Flask("shop")
        app.session_interface = browser.SealedSessions(
            lambda plain: sealer.seal(plain, "login"), lambda sealed: sealer.open(sealed, "login"), https,
            lambda: self.now, hsts)
        app.after_request(browser.secure_headers)
        self.url = "https://localhost" if https else "http://localhost"
        self.client = app.test_client()
        app.add_url_rule("/keep/<value>/<int:seconds>", "keep", self.keep)
        app.add_url_rule("/kept", "kept", lambda: {"value": browser.kept("value"), "all": sorted(session)})
        app.add_url_rule("/sign-in", "sign_in", self.sign_in)
        app.add_url_rule("/sign-out", "sign_out", self.sign_out)
        app.add_url_rule("/who", "who", self.who)
        app.add_url_rule("/token", "token", browser.csrf_token)
        app.add_url_rule("/form", "form", self.form, methods=["POST"])
        app.add_url_rule("/page", "page", self.page)
        app.add_url_rule("/step/<step>/<query>", "step", self.step)
        app.add_url_rule("/steps/<query>", "steps", lambda query: {"value": sorted(browser.steps_taken(query))})
        app.add_url_rule("/forget", "forget", self.forget)

    def keep(self, value, seconds):
        browser.keep("value", value, seconds)
        return "kept"

    def sign_in(self):
        browser.sign_in(POOL, "opaque-id")
        return "in"

    def who(self):
        return {"id": browser.session_id(POOL), "other": browser.session_id("us-east-1_other")}

    def sign_out(self):
        browser.sign_out(POOL)
        return "out"

    def form(self):
        browser.check_csrf()
        return "taken"

    def page(self):
        browser.allow_redirect_to("http://localhost:3000")
        return "<p>page</p>"

    def step(self, step, query):
        browser.take_step(step, query)
        return "taken"

    def forget(self):
        browser.forget_steps()
        return "forgotten"

    def get(self, path: str):
        return self.client.get(path, base_url=self.url)

    def value(self, path: str = "/kept"):
        return self.get(path).json["value"]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def cookie(response, name: str) -> str:
    """The whole Set-Cookie line of a cookie."""
    [line] = [line for line in response.headers.getlist("Set-Cookie") if line.startswith(f"{name}=")]
    return line


def test_the_state_comes_back_and_nothing_in_the_cookie_can_be_read(shop):
    line = cookie(shop.get("/keep/my-secret/60"), "login")
    assert shop.value() == "my-secret"
    assert "my-secret" not in line
    assert shop.client.get_cookie("login").value not in shop.get("/kept").text


def test_a_changed_cookie_is_an_empty_session(shop):
    shop.get("/keep/x/60")
    sealed = shop.client.get_cookie("login").value
    for place in (0, 5, len(sealed) // 2, len(sealed) - 6):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1:]
        shop.client.set_cookie("login", changed)
        assert shop.get("/kept").json == {"value": None, "all": []}, place
    shop.client.set_cookie("login", "nonsense")
    assert shop.get("/kept").status_code == 200


def test_a_cookie_of_another_installation_is_an_empty_session(shop):
    other = Shop(key=bytes(31) + b"1")
    other.get("/keep/x/60")
    shop.client.set_cookie("login", other.client.get_cookie("login").value)
    assert shop.value() is None


def test_the_state_ends_after_an_hour_even_if_the_browser_keeps_the_cookie(shop):
    shop.get("/keep/x/999999")
    sealed = shop.client.get_cookie("login").value
    shop.now += 3599
    assert shop.value() == "x"
    shop.now += 1
    shop.client.set_cookie("login", sealed)
    assert shop.get("/kept").json == {"value": None, "all": []}


def test_a_value_is_gone_when_its_own_time_is_over(shop):
    shop.get("/keep/x/60")
    shop.now += 59
    assert shop.value() == "x"
    shop.now += 1
    assert shop.get("/kept").json == {"value": None, "all": []}


def test_cookies_are_for_the_server_alone(shop):
    for line in (cookie(shop.get("/keep/x/60"), "login"), cookie(shop.get("/sign-in"), f"cognito.{POOL}")):
        parts = line.split("; ")[1:]
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3600"} <= set(parts)
        assert "Secure" not in parts and "Domain" not in line


def test_under_https_cookies_are_secure_and_can_be_set_by_no_other_host():
    shop = Shop(https=True)
    lines = (cookie(shop.get("/keep/x/60"), "__Host-login"),
             cookie(shop.get("/sign-in"), f"__Host-cognito.{POOL}"))
    for line in lines:
        assert "Secure" in line.split("; ") and "Path=/" in line.split("; ") and "Domain" not in line
    assert shop.get("/who").json["id"] == "opaque-id"


def test_a_sign_in_is_for_one_pool_and_ends_with_sign_out(shop):
    assert shop.get("/who").json == {"id": None, "other": None}
    shop.get("/sign-in")
    assert shop.get("/who").json == {"id": "opaque-id", "other": None}
    assert "Max-Age=0" in cookie(shop.get("/sign-out"), f"cognito.{POOL}")
    assert shop.get("/who").json["id"] is None


def test_signing_in_begins_the_state_anew(shop):
    """S1: what was known before the sign-in, the CSRF token included, is worth nothing after it."""
    shop.get("/keep/x/60")
    before = shop.get("/token").text
    shop.get("/sign-in")
    assert shop.value() is None
    assert shop.get("/token").text != before
    assert shop.client.post("/form", data={"_csrf": before}).status_code == 403


@pytest.mark.parametrize("sent", [None, "", "wrong", "\u00e9"])
def test_a_form_without_this_browsers_token_is_refused(shop, sent):
    shop.get("/token")
    assert shop.client.post("/form", data={} if sent is None else {"_csrf": sent}).status_code == 403


def test_a_form_with_the_token_is_taken_and_the_token_stays_the_same(shop):
    token = shop.get("/token").text
    assert len(token) >= 32 and shop.get("/token").text == token
    assert shop.client.post("/form", data={"_csrf": token}).text == "taken"


def test_a_token_of_another_browser_is_refused(shop):
    shop.get("/token")
    token = shop.app.test_client().get("/token").text
    assert shop.client.post("/form", data={"_csrf": token}).status_code == 403
    assert shop.app.test_client().post("/form", data={"_csrf": ""}).status_code == 403


def test_the_steps_of_a_request_are_known_for_it_alone_until_they_are_forgotten(shop):
    shop.get("/step/signed-in/a=1")
    shop.get("/step/consented/a=1")
    assert shop.value("/steps/a=1") == ["consented", "signed-in"]
    assert shop.value("/steps/a=2") == []
    shop.get("/forget")
    assert shop.value("/steps/a=1") == []
    shop.get("/step/chosen/a=1")
    shop.now += 300
    assert shop.value("/steps/a=1") == []


def test_html_has_the_headers_of_a_login_page(shop):
    headers = shop.get("/page").headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "form-action 'self' http://localhost:3000; base-uri 'none'; frame-ancestors 'none'")
    assert headers["X-Frame-Options"] == "DENY" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers
    assert "Content-Security-Policy" not in shop.get("/kept").headers


def test_html_demands_https_from_then_on_where_it_is_to():
    headers = Shop(https=True, hsts=True).get("/page").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Strict-Transport-Security" not in Shop(https=True).get("/page").headers


@pytest.mark.parametrize("origin, source", [
    ("https://app.example.com", "https://app.example.com"), ("http://[::1]:5000", "http:"),
    ("http://127.0.0.1:5000", "http://127.0.0.1:5000"), ("myapp://callback", "myapp:"),
    ("com.example.app:/cb", "com.example.app:"), ("https://a.example; script-src *", "https:"), ("", "")])
def test_an_origin_becomes_a_source_and_nothing_else(shop, origin, source):
    with shop.app.test_request_context():
        browser.allow_redirect_to(origin)
        response = browser.secure_headers(shop.app.response_class("<p>", mimetype="text/html"))
    expected = f"'self' {source}".strip()
    assert f"form-action {expected}; base-uri" in response.headers["Content-Security-Policy"]
