"""The demo site by itself: headers, form tokens, sessions, a service that is not there."""
import json
import re

import pytest
from hypothesis import given, strategies
from markupsafe import escape

from authservice.demo import create_app, glossary, marks, sessions
from authservice.demo.journey import shown, shown_json
from tests.services import free_port


@pytest.fixture
def alone():
    """The site in front of a service that does not run."""
    return create_app({"issuer": f"http://localhost:{free_port()}/us-east-1_Demo00001",
                       "url": "http://localhost"})


@pytest.mark.parametrize("path", ["/", "/api", "/sign-in", "/callback", "/nothing-here", "/static/demo.css"])
def test_every_answer_carries_the_security_headers(alone, path):
    answer = alone.test_client().get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_pages_have_nothing_inline_and_nothing_from_elsewhere(alone):
    for path in ("/", "/api", "/api/sign-up"):
        html = alone.test_client().get(path).text
        assert "<script" not in html and "style=" not in html and "<style" not in html
        assert 'src="http' not in html and 'stylesheet" href="http' not in html


def test_a_service_that_is_not_there_is_named_with_what_to_start(alone):
    answer = alone.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "The service does not answer" in answer.text and "authservice serve" in answer.text
    assert "Traceback" not in answer.text


def test_the_start_page_and_the_health_check_need_no_service(alone):
    assert alone.test_client().get("/healthz").json == {"status": "ok"}
    assert alone.test_client().get("/").status_code == 200


@pytest.mark.parametrize("path", ["/api", "/api/sign-up", "/api/confirm", "/api/resend", "/api/forgot",
                                  "/api/reset", "/api/challenge", "/account/refresh", "/account/sign-out",
                                  "/account/sign-out-everywhere", "/account/authenticator"])
def test_a_form_without_the_sessions_token_is_refused(alone, path):
    client = alone.test_client()
    client.get("/api")
    assert client.post(path, data={"username": "demo@example.com"}).status_code == 403
    assert client.post(path, data={"csrf_token": "guessed"}).status_code == 403
    without_session = alone.test_client()
    assert without_session.post(path, data={"csrf_token": ""}).status_code == 403


def test_another_browsers_form_token_is_refused(alone):
    one, other = alone.test_client(), alone.test_client()
    other.get("/api")
    with one.session_transaction() as session:
        session["csrf_token"] = "token-of-one"
    assert other.post("/api", data={"csrf_token": "token-of-one"}).status_code == 403


def test_the_session_cookie_is_an_id_and_nothing_more(alone):
    answer = alone.test_client().get("/api")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("demo_session=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    over_tls = create_app({"url": "https://demo.example.com"}).test_client().get("/api")
    assert "Secure" in over_tls.headers["Set-Cookie"]


def test_a_made_up_session_id_is_not_adopted(alone):
    client = alone.test_client()
    client.set_cookie("demo_session", "chosen-by-somebody-else")
    assert "chosen-by-somebody-else" not in client.get("/api").headers["Set-Cookie"]


def test_the_oldest_sessions_make_room(alone, monkeypatch):
    monkeypatch.setattr(sessions, "LIMIT", 3)
    clients = [alone.test_client() for _ in range(4)]
    first = [client.get("/api").headers["Set-Cookie"] for client in clients]
    assert "Set-Cookie" not in clients[3].get("/api").headers, "the newest is kept"
    assert clients[0].get("/api").headers["Set-Cookie"] != first[0], "the oldest has gone"


def test_a_request_that_outlives_its_session_does_not_get_the_new_one(alone):
    kept = alone.session_interface
    cookie = alone.test_client().get("/api").headers["Set-Cookie"].partition(";")[0]
    with alone.test_request_context("/", headers={"Cookie": cookie}) as context:
        slow, quick = kept.open_session(alone, context.request), kept.open_session(alone, context.request)
        quick.renew()
        quick["account"] = "signed in"
        renewed, late = alone.response_class(), alone.response_class()
        kept.save_session(alone, quick, renewed)
        kept.save_session(alone, slow, late)
        assert quick.id in renewed.headers["Set-Cookie"] and "Set-Cookie" not in late.headers
        assert not kept.open_session(alone, context.request), "the old id leads nowhere"


def test_secrets_are_shortened_wherever_they_stand():
    request = {"AuthFlow": "USER_PASSWORD_AUTH",
               "AuthParameters": {"USERNAME": "demo", "PASSWORD": "hidden-word"},
               "ChallengeResponses": {"SOFTWARE_TOKEN_MFA_CODE": "123456"}, "Session": "s" * 400}
    text = shown_json(request)
    assert "hidden-word" not in text and "123456" not in text and "s" * 20 not in text
    assert '"USERNAME": "demo"' in text and "(400 characters)" in text
    assert shown("code", "short") == "••••••"


def test_settings_come_from_the_environment_and_then_from_the_call(monkeypatch):
    monkeypatch.setenv("AUTHSERVICE_PUBLIC_URL", "https://login.example.com")
    assert create_app().config["SITE"]["issuer"] == "https://login.example.com/us-east-1_Demo00001"
    monkeypatch.setenv("AUTHSERVICE_DEMO_ISSUER", "https://other.example.com/pool_1")
    site = create_app().config["SITE"]
    assert site["issuer"] == "https://other.example.com/pool_1" and site["api"] == "https://other.example.com"
    assert create_app({"api": "https://api.example.com"}).config["SITE"]["api"] == "https://api.example.com"


@given(strategies.one_of(strategies.text(), strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner)).map(json.dumps)))
def test_marked_up_json_says_the_same_and_is_never_markup(text):
    marked = re.sub(r'</?span(?: class="json-[a-z]+")?>', "", marks.json(text))
    assert marked == str(escape(text))


def test_json_is_marked_up_by_what_each_part_is():
    assert marks.json('{"a": "<b>", "c": -1.5, "d": true}') == (
        '{<span class="json-name">&#34;a&#34;:</span> <span class="json-text">&#34;&lt;b&gt;&#34;</span>, '
        '<span class="json-name">&#34;c&#34;:</span> <span class="json-value">-1.5</span>, '
        '<span class="json-name">&#34;d&#34;:</span> <span class="json-value">true</span>}')


def test_claims_are_grouped_and_none_is_lost():
    claims = {"sub": "1", "iss": "2", "exp": 3, "jti": "4", "custom:mine": "5"}
    groups = glossary.grouped(claims)
    assert {name: value for members in groups.values() for name, value in members.items()} == claims
    assert groups[glossary.PERSON] == {"sub": "1", "custom:mine": "5"}
