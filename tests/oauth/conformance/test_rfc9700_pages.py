"""RFC 9700 section 4, what concerns pages and leaks: one journey through every kind of page, and what it left behind.

In both modes: Referer (4.2), histories and caches (4.3), forged forms (4.7), redirects after a form (4.12), frames
(4.16), messages between windows (4.17); and what no log line may have (A12), sizes (S9), request ids (S10).
"""

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyotp
import pytest
import requests

from authservice import logs
from authservice.local.messaging import outbox
from tests.hosted.page import Page
from tests.oauth.conformance.conftest import served
from tests.oauth.conformance.relying_party import RelyingParty
from tests.oauth.provider import NAME, PASSWORD, PKCE, SIGNED_OUT, VERIFIER, answer_of

TYPED = {"Email address": NAME, "Password": PASSWORD}


@dataclass
class Journey:
    """What a person and an app did, with every answer they got and the log that was written meanwhile."""

    rp: RelyingParty
    answers: list[requests.Response]
    pages: list[Page]
    secrets: dict[str, str]
    log: str


def html(answers: list[requests.Response]) -> list[requests.Response]:
    return [each for each in answers if each.headers.get("Content-Type", "").startswith("text/html") and each.text]


@contextmanager
def logged():
    """The service's log from here on, as it is written."""
    with tempfile.TemporaryFile() as file:
        usual, logs.written_to = logs.written_to, file.fileno()
        yield lambda: os.pread(file.fileno(), 10_000_000, 0).decode()
        logs.written_to = usual


@pytest.fixture(scope="module", params=["cognito", "strict"])
def journey(request, populated, templates, tmp_path_factory):
    with logged() as log:
        for provider in served(request.param, populated, templates, tmp_path_factory.mktemp("journey")):
            yield travel(RelyingParty(provider), log)


def travel(rp: RelyingParty, log: Callable[[], str]) -> Journey:
    """Through every kind of page, the app's own requests between them."""
    guest, secrets = rp.guest, {"password": PASSWORD, "secret": rp.client["ClientSecret"], "verifier": VERIFIER}

    def remember_cookies(when: str) -> None:
        secrets.update({f"cookie {cookie.name} {when}": cookie.value for cookie in guest.client.session.cookies})

    # A wrong password, the right one, tokens, and everything done with them.
    request = rp.request(scope="openid email", **PKCE)
    rp.send(request)
    remember_cookies("before")
    secrets["csrf"] = guest.page.root.all("input", name="_csrf")[0].get("value")
    secrets["wrong password"] = "Wrong-horse-9"
    guest.fill_in("Sign in", {**TYPED, "Password": secrets["wrong password"]})
    rp.sign_in()
    remember_cookies("signed in")
    secrets["code"] = rp.callback(request)["code"]
    tokens = rp.redeem(secrets["code"], code_verifier=VERIFIER).json()
    renewed = rp.refresh(tokens["refresh_token"]).json()
    rp.user_info(tokens), rp.redeem(secrets["code"], code_verifier="wrong-" + VERIFIER)
    rp.user_info({"access_token": tokens["access_token"] + "x"}), rp.refresh("x" + tokens["refresh_token"])
    requests.post(rp.metadata["revocation_endpoint"], data={"token": tokens["refresh_token"]},
                  auth=(rp.client["ClientId"], rp.client["ClientSecret"]))
    secrets |= {name: tokens[name] for name in ("access_token", "id_token", "refresh_token")}
    secrets |= {f"renewed {name}": renewed[name] for name in ("access_token", "id_token")}

    # An account to choose, consent, a wrong address, a forgotten password, an authenticator app, the way out.
    rp.send(rp.request(prompt="select_account"))
    guest.press(f"Continue as {NAME}")
    if rp.strict:
        rp.send(rp.request(prompt="consent"))
        guest.press("Allow", decision="allow")
    secrets["second code"] = rp.callback({"redirect_uri": request["redirect_uri"],
                                          "state": state_of(guest.left_to)})["code"]
    rp.send(rp.request(redirect_uri="http://evil.example/"))
    rp.send(rp.request(prompt="login"))
    guest.follow("Forgot your password?")
    guest.fill_in("Send the code", {"Email address": NAME})
    secrets["mailed code"] = outbox.recent(rp.provider.backend, NAME)[0]["code"]
    secrets["new password"] = "Battery-staple-7"
    guest.fill_in("Change password", {"Code": secrets["mailed code"], "New password": secrets["new password"],
                                      "New password again": "something else"})
    rp.provider.call("SetUserPoolMfaConfig", UserPoolId=rp.provider.pool_id, MfaConfiguration="ON",
                     SoftwareTokenMfaConfiguration={"Enabled": True})
    rp.send(rp.request(prompt="login"))
    rp.sign_in()
    [shown] = guest.page.root.all("p", **{"class": "secret"})
    secrets["authenticator's secret"] = shown.text.replace(" ", "")
    secrets["one-time code"] = pyotp.TOTP(secrets["authenticator's secret"]).at(rp.provider.clock())
    guest.fill_in("Turn on and continue", {"Six-digit code": secrets["one-time code"]})
    remember_cookies("again")
    guest.left_to = None
    guest.open(rp.metadata["end_session_endpoint"])
    guest.press("Sign out")
    answers = guest.client.answers
    pages = [Page(each.status_code, each.headers, each.text) for each in html(answers) if not each.is_redirect]
    return Journey(rp, answers, pages, secrets, log())


def state_of(location: str) -> str:
    return location.partition("state=")[2].partition("&")[0]


def test_the_journey_meets_every_kind_of_page(journey):
    paths = {urlsplit(answer.url).path for answer in html(journey.answers) if not answer.is_redirect}
    assert paths == {"/login", "/selectAccount", "/error", "/forgotPassword", "/confirmforgotPassword", "/mfa/setup",
                     "/signout", "/signedout", *(["/consent"] if journey.rp.strict else [])}


def test_4_2_no_page_tells_another_site_where_it_was(journey):
    """No Referer, and nothing that is loaded from elsewhere."""
    for answer in html(journey.answers):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    for page in journey.pages:
        for element in page.root.all():
            for name in ("src", "srcset", "href", "action", "formaction", "data", "poster", "ping", "style"):
                value = element.get(name)
                assert not value or value[:1] in "/?#" and value[:2] != "//" or value.startswith(("data:", "otpauth:"))


def test_4_3_no_address_of_ours_has_a_secret_and_no_cache_keeps_an_answer(journey):
    for answer in journey.answers:
        assert "no-store" in answer.headers["Cache-Control"], answer.url
        addresses = [answer.url, answer.headers.get("Location", "")]
        ours = " ".join(each for each in addresses if each.startswith(("/", journey.rp.provider.url)))
        assert not [name for name, secret in journey.secrets.items() if secret in ours]


def test_4_7_no_form_is_taken_from_another_site(journey):
    """S4: every form has the browser's token, and is nothing without it."""
    forms = [form for page in journey.pages for form in page.root.all("form")]
    assert len(forms) >= 8
    for form in forms:
        assert form.get("method").lower() == "post" and form.all("input", name="_csrf")[0].get("value")
        values = {element.get("name"): element.get("value") for element in form.all("input")}
        for token in ("", "x", None):
            given = {name: value for name, value in {**values, "_csrf": token}.items() if value is not None}
            sent = requests.post(journey.rp.provider.url + form.get("action"), data=given, allow_redirects=False,
                                 cookies=journey.rp.guest.client.session.cookies)
            location = sent.headers.get("Location", "")
            refused = sent.status_code == 403 or location.startswith("/error?")
            asks_again = form.get("action").startswith("/logout") and token is None and sent.status_code == 303
            assert refused or asks_again, (form.get("action"), token, sent.status_code, location)


def test_4_12_what_a_form_sent_is_not_sent_on(journey):
    """A11: after a POST the browser goes on by GET, so 303; 307 and 308 never."""
    sent = [answer for answer in journey.answers if answer.request.method == "POST"]
    assert len(sent) >= 6
    assert {answer.status_code for answer in sent if answer.headers.get("Location")} == {303}
    assert not {307, 308} & {answer.status_code for answer in journey.answers}


def test_4_12_a_posted_request_goes_on_by_get(rp):
    for path in ("/oauth2/authorize", "/logout"):
        response = requests.post(rp.provider.url + path, data=rp.request(), allow_redirects=False)
        assert response.status_code == 303


def test_4_16_no_page_is_shown_in_a_frame(journey):
    """S6."""
    for answer in html(journey.answers):
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and answer.headers["X-Frame-Options"] == "DENY", answer.url
        assert "unsafe" not in policy and "script-src 'self';" in policy and "default-src 'none'" in policy


def test_4_17_no_answer_is_given_to_a_window(provider):
    """Differs in Cognito: an unknown response_mode is ignored; the answer is a redirect all the same."""
    for mode in ("web_message", "form_post"):
        answer = answer_of(provider.authorize(provider.browser(), response_mode=mode, **PKCE))
        assert ("code" in answer) is not provider.strict
        assert not provider.strict or answer["error"] == "invalid_request"


def test_4_17_no_page_has_a_script_but_our_own_file(journey):
    for page in journey.pages:
        assert not page.root.all("iframe", "object", "embed")
        [script] = page.root.all("script")
        assert script.get("src") == "/hosted/static/pages.js" and not script.children
        assert not [name for element in page.root.all() for name in element.attributes if name.startswith("on")]


def test_a12_no_secret_of_the_journey_is_in_the_log(journey):
    lines = [json.loads(line) for line in journey.log.splitlines()]
    assert {"POST /oauth2/token", "POST /login", "GET /oauth2/authorize"} <= {line.get("operation") for line in lines}
    assert not [name for name, secret in journey.secrets.items() if secret in journey.log]


def test_a12_no_secret_but_the_forms_own_is_on_a_page(journey):
    """The set-up page shows the authenticator's secret, and every form its token; nothing else comes back."""
    shown = {"authenticator's secret", "csrf"}
    for answer in html(journey.answers):
        assert not [name for name, secret in journey.secrets.items() if secret in answer.text and name not in shown]


def test_s1_a_signed_out_session_is_dead_on_the_server(rp):
    rp.flow()
    copy = dict(rp.guest.client.session.cookies)
    rp.guest.open(f"{rp.metadata['end_session_endpoint']}?id_token_hint={rp.flow().tokens['id_token']}"
                  f"&post_logout_redirect_uri={SIGNED_OUT}")
    asked = rp.request(prompt="none")
    answer = requests.get(rp.metadata["authorization_endpoint"], params=asked, cookies=copy, allow_redirects=False)
    assert answer_of(answer)["error"] == "login_required"


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo", "/oauth2/authorize",
                                  "/logout", "/login"])
def test_s9_a_form_that_is_too_large_is_refused_and_no_fault(provider, path):
    asked = provider.request_of(**PKCE) if path == "/login" else {}
    for form in ("x" * 70_000, "x=" + "y" * 70_000, "&".join(f"x{n}=y" for n in range(1100))):
        response = requests.post(provider.url + path, data=form, params=asked,
                                 headers={"Content-Type": "application/x-www-form-urlencoded"})
        many_unknown_fields = path == "/logout" and len(form) < 65_536  # they are ignored, as RFC 6749 wants
        assert response.status_code in ([200] if many_unknown_fields else [400, 401, 403, 413])


def test_s10_a_refusal_has_the_id_under_which_the_log_has_it(provider):
    with logged() as log:
        refused = [provider.redeem("x"), provider.get("/oauth2/userInfo"), provider.authorize(client_id="x")]
        ids = [json.loads(line)["id"] for line in log().splitlines()]
    assert ids == [response.headers["x-amz-cognito-request-id"] for response in refused]
    assert not [each for each in refused if "Traceback" in each.text or ".py" in each.text]
