"""What holds for every page: safe headers and forms, marks that assistive technology and password managers
read, nothing echoed as markup, any letter case of the path.
"""
import re
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from authservice import create_app
from authservice.hosted.journey import PAGE_OF_CHALLENGE, PAGES
from tests.hosted.conftest import CALLBACK, NAME, PASSWORD
from tests.hosted.guest import Guest

OPEN_PAGES = [page.path for page in PAGES if not page.challenge]
PLAIN_PAGES = ["/signedout", "/error?error=redirect_mismatch", "/confirmUser?client_id=x"]


@pytest.fixture
def site(make_site):
    """A pool that asks for a new password and for an authenticator app, so that every page can be reached."""
    site = make_site(Schema=[{"Name": "given_name", "Required": True}, {"Name": "website", "Required": True}])
    site.call("SetUserPoolMfaConfig", UserPoolId=site.pool_id, MfaConfiguration="ON",
              SoftwareTokenMfaConfiguration={"Enabled": True})
    site.add_user(permanent=False)
    return site


@pytest.fixture
def every_page(app, site):
    """Every page there is, refused ones too, by what it is."""
    pages = {path: Guest(app.test_client()).open(site.page(path)) for path in OPEN_PAGES}
    pages |= {path: Guest(app.test_client()).open(path) for path in PLAIN_PAGES}
    guest = Guest(app.test_client())
    guest.open(site.door)
    pages["/login refused"] = guest.fill_in("Sign in", {"Email address": NAME, "Password": "wrong"})
    pages["/changePassword"] = guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    differ = {"New password": "a", "New password again": "b"}
    pages["/changePassword refused"] = guest.fill_in("Save and continue", differ)
    pages["/mfa/setup"] = guest.fill_in("Save and continue", {
        "New password": "Battery-staple-7", "New password again": "Battery-staple-7",
        "First name": "Demo", "Website": "https://example.com"})
    pages["/mfa/setup refused"] = guest.fill_in("Turn on and continue", {"Six-digit code": "000000"})
    assert set(PAGE_OF_CHALLENGE.values()) - {"/mfa"} <= pages.keys()
    return pages


def test_every_page_is_fit_for_assistive_technology(every_page):
    for name, page in every_page.items():
        root = page.root
        ids = [element.get("id") for element in root.all() if element.get("id")]
        assert root.all("html")[0].get("lang") == "en", name
        assert len(root.all("main")) == len(root.all("h1")) == 1, name
        assert page.heading in page.title, name
        assert len(ids) == len(set(ids)), f"{name}: an id twice"
        assert len([element for element in root.all() if "autofocus" in element.attributes]) <= 1, name
        for field in root.all("input"):
            if field.get("type") != "hidden":
                assert field in page.labels.values(), (name, field)
            assert set(field.get("aria-describedby").split()) <= set(ids), (name, field)
        for each in root.all("a", "button"):
            assert each.text, name
        for picture in root.all("svg"):
            assert root.all(role="img")[0].get("aria-label"), name
        assert not any(int(element.get("tabindex", "0")) > 0 for element in root.all()), name


def test_a_refusal_is_announced_focused_and_tied_to_its_field(every_page):
    for name in ("/login refused", "/changePassword refused", "/mfa/setup refused"):
        page = every_page[name]
        [alert] = page.root.all(role="alert")
        assert alert.get("tabindex") == "-1" and "autofocus" in alert.attributes and alert.text, name
        [field] = page.root.all("input", **{"aria-invalid": "true"})
        assert alert.get("id") in field.get("aria-describedby").split(), name
        assert page.title.startswith("Error: "), name


def test_no_page_has_a_script_or_a_style_of_its_own(every_page):
    for name, page in every_page.items():
        assert not page.root.all("style", "iframe", "object"), name
        [script] = page.root.all("script")
        assert (script.get("src"), script.text) == ("/hosted/static/pages.js", ""), name
        inline = [a for e in page.root.all() for a in e.attributes if a == "style" or a.startswith("on")]
        assert not inline, name
        [style] = page.root.all("link", rel="stylesheet")
        assert style.get("href") == "/hosted/static/style.css", name


def test_every_form_is_tied_to_the_browser_and_stays_here(every_page):
    for name, page in every_page.items():
        for form in page.root.all("form"):
            assert form.get("method") == "post" and form.get("action").startswith("/"), name
            assert form.all("input", name="_csrf")[0].get("value"), name


def test_every_page_has_the_headers_of_a_login_page(every_page):
    for name, page in every_page.items():
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; " in policy and "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy and "base-uri 'none'" in policy, name
        assert page.headers["X-Frame-Options"] == "DENY" and page.headers["Cache-Control"] == "no-store", name
        assert page.headers["Referrer-Policy"] == "no-referrer", name


def test_the_password_and_its_relatives_never_come_back(every_page):
    for name, page in every_page.items():
        for field in page.root.all("input", type="password"):
            assert field.get("value") == "", name
            assert field.get("autocomplete") in ("current-password", "new-password"), name


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_a_form_without_its_token_changes_nothing_and_is_answered_by_a_page(client, site, path):
    answer = client.post(site.page(path), data={"username": NAME, "password": PASSWORD})
    assert answer.status_code == 403 and "Load the page again" in answer.text
    assert not [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("cognito.")]


def test_a_page_leads_on_with_the_request_it_serves(guest, site):
    page = guest.open(site.page("/login"))
    guest.follow("Create an account")
    guest.follow("Sign in")
    assert guest.url.endswith(page.form_of("Sign in").get("action"))
    carried = parse_qs(urlsplit(guest.url).query)
    assert (carried["client_id"], carried["redirect_uri"]) == ([site.client["ClientId"]], [CALLBACK])
    assert (carried["state"], carried["nonce"]) == (["a+b/c"], ["n"])


@pytest.mark.parametrize("path", ["/LOGIN", "/signUp", "/forgotpassword", "/confirmForgotPassword"])
def test_paths_are_taken_in_any_letter_case(client, site, path):
    assert client.get(site.page(path)).status_code == 200


def test_other_paths_are_not_pages(client):
    for path in ("/log", "/loginx", "/mfa/", "/mfa/setup/x"):
        assert client.get(path).status_code == 404, path


def test_a_page_without_a_good_request_shows_no_form(client, site):
    for query in ("", "client_id=unknown&redirect_uri=http://localhost:3000/callback&response_type=code",
                  site.query.replace("callback", "elsewhere")):
        answer = client.get(f"/login?{query}")
        assert answer.status_code in (302, 303, 400) and "<form" not in answer.text
        assert "elsewhere" not in answer.headers.get("Location", "").split("?")[0]


@pytest.mark.parametrize("markup", ["<script>alert(1)</script>", '"><img src=x>', "' onfocus=alert(1) x='",
                                    "{{111*111}}"])
def test_nothing_typed_comes_back_as_markup(guest, site, markup):
    guest.open(site.page("/signup"))
    page = guest.press("Create account", username=markup, **{"requiredAttributes[given_name]": markup})
    assert page.status == 400
    assert page.labels["Email address"].get("value") == page.labels["First name"].get("value") == markup
    assert len(page.root.all("script")) == 1 and not page.root.all("img") and "12321" not in page.html
    page = guest.open(site.page("/login") + "&login_hint=" + quote(markup))
    assert page.labels["Email address"].get("value") == markup


@pytest.mark.parametrize("query", ["error=invalid_request", "error=%3Cb%3Ecall%20us", "",
                                   "error=x&error_description=call+us"])
def test_the_error_page_says_nothing_that_the_address_says(client, query):
    answer = client.get(f"/error?{query}")
    assert answer.status_code == 400 and "Something went wrong" in answer.text
    assert "call us" not in answer.text and "call%20us" not in answer.text


def test_an_error_page_has_the_id_that_the_log_has(client, capfd):
    shown = re.search(r"<code>([0-9a-f-]{36})</code>", client.get("/error?error=server_error").text).group(1)
    assert f'"id": "{shown}"' in capfd.readouterr().err


def test_an_oversized_form_is_refused(client, site):
    answer = client.post(site.page("/login"), data={"_csrf": "x", "username": "x" * 100_000})
    assert answer.status_code == 413 and "too large" in answer.text


def test_the_signed_out_page_asks_for_nothing(client):
    answer = client.get("/signedout")
    assert answer.status_code == 200 and "You are signed out" in answer.text and "<form" not in answer.text


def test_a_browser_goes_on_by_a_page_and_a_script_by_a_redirect(app, site):
    """Both end at the dispatcher; the page breaks the chain that a form's policy would follow to the
    application.
    """
    site.call("SetUserPoolMfaConfig", UserPoolId=site.pool_id, MfaConfiguration="OFF")
    site.add_user("user-3@example.com", given_name="A", website="https://example.com")
    for headers, status in (({"Sec-Fetch-Mode": "navigate"}, 200), ({}, 303)):
        guest = Guest(app.test_client())
        form = guest.open(site.door).form_of("Sign in")
        typed = {"_csrf": form.all("input", name="_csrf")[0].get("value"), "username": "user-3@example.com",
                 "password": PASSWORD}
        answer = guest.client.post(form.get("action"), data=typed, headers=headers)
        assert answer.status_code == status
        onward = answer.headers.get("Location") or answer.text
        assert "/oauth2/authorize?" in onward and site.client["ClientId"] in onward
        assert ('http-equiv="refresh"' in answer.text) == (status == 200)


def test_a_bug_is_answered_by_a_page_that_tells_nothing_of_it(app, guest, site, local):
    app.testing = False
    guest.open(site.door)
    with local.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO lost")
    page = guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert page.status == 500 and page.heading == "Something went wrong"
    assert not re.search("lost|users|sqlite|Traceback|select", page.html, re.IGNORECASE)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_behind_https_the_whole_way_uses_secure_cookies(local, settings, make_site):
    """S2: what counts is the public URL; the request that reaches the service is plain http."""
    site = make_site()
    site.add_user()
    behind_proxy = create_app(replace(settings, public_url="https://login.example.com"), backend=local)
    guest = Guest(behind_proxy.test_client(), "https://login.example.com")
    page = guest.open(site.door)
    assert page.headers["Strict-Transport-Security"] and guest.cookie("__Host-login").secure
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert guest.left_to.startswith(CALLBACK) and guest.cookie(f"__Host-cognito.{site.pool_id}").secure
    assert guest.cookie("login") is guest.cookie(f"cognito.{site.pool_id}") is None
