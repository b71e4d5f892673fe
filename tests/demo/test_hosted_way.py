"""Signing in through the hosted pages, as a browser does it, against the running service."""
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.demo.browser_like import Browser, with_parameter
from tests.demo.conftest import PASSWORD, Authenticator


def test_the_seeded_user_signs_in_and_sees_the_checked_tokens(site, browser):
    page = site.sign_in(browser, "demo@example.com", "Demo-Passw0rd!")
    assert page.url == f"{site.url}/account"
    assert "Hello, Demo User" in page.text
    for check in ("Signature made by the service's key", f"Issuer iss is {site.issuer}", "Nonce the very "
                                                                                         "value",
                  "Audience aud is demositehosted000000000001", "Kind token_use is access"):
        assert check in page.text
    assert "readers" in page.text


def test_the_account_page_shows_each_step_and_no_secret_in_full(site, browser):
    page = site.sign_in(browser, site.new_user())
    for step in ("Find the endpoints", "GET /oauth2/authorize", "GET /callback", "Compare the state",
                 "POST /oauth2/token", "jwks.json", "Check the ID token", "Check the access token",
                 "GetUser"):
        assert step in page.text
    assert "code_verifier" in page.text and "code_challenge_method" in page.text
    code = parse_qs(urlsplit(next(url for url in browser.visited if "/callback" in url)).query)["code"][0]
    assert code not in page.html and code[:8] in page.html
    assert not re.search(r"eyJ[\w-]{30,}", page.html), "a token in full"
    assert PASSWORD not in page.html


def test_tokens_never_reach_the_browser(site, browser):
    site.sign_in(browser, site.new_user())
    ours = [cookie for cookie in browser.http.cookies if cookie.name == "demo_session"]
    assert len(ours) == 1 and len(ours[0].value) == 43
    assert "HttpOnly" in ours[0]._rest and ours[0]._rest.get("SameSite") == "Lax"


def test_a_new_account_is_made_confirmed_and_signed_in(site, browser):
    address = site.new_address()
    browser.open(site.url)
    browser.follow("Sign in")
    browser.follow("Create an account")
    browser.press("Create account", username=address, password=PASSWORD, password_again=PASSWORD)
    page = browser.press("Confirm account", code=site.mailed_code(address))
    assert page.url == f"{site.url}/account"
    assert f"Hello, {address}" in page.text


def test_an_answer_with_another_state_is_not_used(site, browser):
    address = site.new_user()
    authorize = browser.redirect_of(f"{site.url}/sign-in")
    answer = site.hosted_answer(browser, authorize, address)
    page = browser.open(with_parameter(answer, state="guessed"))
    assert page.status == 400 and "does not belong to a sign-in from this browser" in page.text
    assert browser.open(f"{site.url}/account").url == f"{site.url}/"
    assert browser.open(answer).url == f"{site.url}/account", "the true answer still works"


def test_an_answer_is_used_once(site, browser):
    site.sign_in(browser, site.new_user())
    answer = next(url for url in browser.visited if "/callback" in url)
    page = browser.open(answer)
    assert page.status == 400 and "does not belong" in page.text


def test_a_refused_answer_spends_its_state(site, browser):
    answer = site.hosted_answer(browser, browser.redirect_of(f"{site.url}/sign-in"), site.new_user())
    assert "access_denied" in browser.open(with_parameter(answer, error="access_denied")).text
    page = browser.open(answer)
    assert page.status == 400 and "does not belong" in page.text


def test_an_answer_for_one_browser_is_worthless_in_another(site, browser):
    address = site.new_user()
    answer = site.hosted_answer(browser, browser.redirect_of(f"{site.url}/sign-in"), address)
    victim = Browser()
    victim.open(f"{site.url}/api")
    page = victim.open(answer)
    assert page.status == 400 and "does not belong" in page.text


def test_an_id_token_with_another_nonce_is_refused(site, browser):
    authorize = with_parameter(browser.redirect_of(f"{site.url}/sign-in"), nonce="another-sign-in")
    page = browser.open(site.hosted_answer(browser, authorize, site.new_user()))
    assert page.status == 400 and "its nonce is not the one of this sign-in" in page.text
    assert browser.open(f"{site.url}/account").url == f"{site.url}/"


def test_a_code_asked_for_with_another_challenge_buys_nothing(site, browser):
    authorize = with_parameter(browser.redirect_of(f"{site.url}/sign-in"), code_challenge="A" * 43)
    page = browser.open(site.hosted_answer(browser, authorize, site.new_user()))
    assert page.status == 400 and "invalid_grant" in page.text


def test_an_answer_from_another_issuer_is_refused(site, browser):
    answer = site.hosted_answer(browser, browser.redirect_of(f"{site.url}/sign-in"), site.new_user())
    page = browser.open(with_parameter(answer, iss="https://elsewhere.example.com"))
    assert page.status == 400 and "comes from another issuer" in page.text


def test_an_answer_with_a_doubled_parameter_is_refused(site, browser):
    answer = site.hosted_answer(browser, browser.redirect_of(f"{site.url}/sign-in"), site.new_user())
    page = browser.open(answer + "&code=another")
    assert page.status == 400 and "has code twice" in page.text


def test_an_error_answer_is_shown_and_never_as_markup(site, browser):
    authorize = browser.redirect_of(f"{site.url}/sign-in")
    answer = browser.redirect_of(with_parameter(authorize, prompt="none"))
    page = browser.open(with_parameter(answer, error_description="<b id=planted>call this number</b>"))
    assert page.status == 400 and "login_required" in page.text
    assert "<b id=planted" not in page.html and "&lt;b id=planted" in page.html


def test_refreshing_gets_new_tokens_for_the_same_person(site, browser):
    before = site.sign_in(browser, site.new_user())
    after = browser.press("Refresh")
    assert "New tokens" in after.text and "Person sub is the same as before the refresh" in after.text
    assert _claim(before, "sub") == _claim(after, "sub")
    assert _claim(before, "jti") != _claim(after, "jti")


def test_user_info_and_get_user_answer_about_the_person(site, browser):
    address = site.new_user()
    site.sign_in(browser, address)
    assert "Asking userInfo" in browser.press("Ask userInfo").text
    assert address in browser.press("Ask GetUser").text


def test_a_forged_token_is_refused_here_and_by_the_service(site, browser):
    site.sign_in(browser, site.new_user())
    page = browser.press("Forge one")
    assert "Refused twice" in page.text and "Refused Signature verification failed" in page.text
    assert "NotAuthorizedException" in page.text and "400 Bad Request" in page.text


@pytest.mark.parametrize(("link", "asked"), [("With the password", {"prompt": "login"}),
                                             ("Without any page", {"prompt": "none"}),
                                             ("In German", {"prompt": "login", "lang": "de"})])
def test_a_sign_in_may_ask_for_more(site, browser, link, asked):
    page = site.sign_in(browser, site.new_user())
    sent = parse_qs(urlsplit(browser.redirect_of(page.links[link])).query)
    assert {name: sent.get(name) for name in asked} == {name: [value] for name, value in asked.items()}


def test_a_sign_in_asks_for_nothing_that_the_address_makes_up(site, browser):
    sent = parse_qs(urlsplit(browser.redirect_of(f"{site.url}/sign-in?with=scope&prompt=none")).query)
    assert "prompt" not in sent and sent["scope"] == ["openid email profile phone aws.cognito.signin.user.admin"]


def test_an_answer_without_any_page_needs_somebody_signed_in(site, browser):
    page = browser.open(f"{site.url}/sign-in?with=silence")
    assert page.status == 400 and "login_required" in page.text and "nobody is signed in" in page.text
    site.sign_in(browser, site.new_user())
    assert browser.open(f"{site.url}/sign-in?with=silence").url == f"{site.url}/account"


def test_an_authenticator_app_is_set_up_asked_for_and_turned_off(site, browser):
    address = site.new_user()
    site.sign_in(browser, address)
    page = browser.press("Set up an authenticator app")
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page.html)[1]
    assert '<svg' in page.html and re.fullmatch(r"([A-Z2-7]{4} )*[A-Z2-7]{1,4}", secret)
    app = Authenticator(secret)
    assert "refused" in browser.press("Turn it on", code=app.wrong_code()).text
    assert "The authenticator app is on" in browser.press("Turn it on", code=app.code()).text
    assert secret.replace(" ", "") not in browser.page.html

    again = Browser()
    site.sign_in(again, address)
    assert again.page.url.startswith(site.service.url), "a code is asked for"
    page = again.press("Continue", code=app.code())
    assert page.url == f"{site.url}/account" and "An authenticator app protects this account" in page.text
    page = again.press("Turn the authenticator app off")
    assert "A password is all that protects this account" in page.text
    assert site.sign_in(Browser(), address).url == f"{site.url}/account"


def test_one_sign_in_serves_until_signing_out(site, browser):
    address = site.new_user()
    site.sign_in(browser, address)
    browser.http.cookies.clear(domain="localhost.local", path="/", name="demo_session")
    assert browser.open(f"{site.url}/sign-in").url == f"{site.url}/account", "single sign-on"
    page = browser.press("Sign out")
    assert page.url == f"{site.url}/"
    assert "You are signed out" in page.text and "Revoke the refresh token" in page.text
    assert browser.open(f"{site.url}/sign-in").url.startswith(site.service.url), "the password is asked for"


def test_signing_out_ends_the_session_on_the_server(site, browser):
    site.sign_in(browser, site.new_user())
    kept = {"demo_session": browser.http.cookies["demo_session"]}
    assert "Hello" in requests.get(f"{site.url}/account", cookies=kept, timeout=20).text
    browser.press("Sign out")
    assert "Hello" not in requests.get(f"{site.url}/account", cookies=kept, timeout=20).text


def test_signing_out_everywhere_proves_that_the_old_tokens_are_refused(site, browser):
    site.sign_in(browser, site.new_user())
    page = browser.press("Sign out everywhere")
    assert page.text.count("is refused") == 2 and "still works" not in page.text
    assert "invalid_grant" in page.text and "Access Token has been revoked" in page.text
    assert browser.open(f"{site.url}/account").url == f"{site.url}/"


def test_signing_out_everywhere_reaches_other_browsers(site, browser):
    address = site.new_user()
    other = Browser()
    site.sign_in(other, address)
    site.sign_in(browser, address)
    browser.press("Sign out everywhere")
    assert "refused to refresh: invalid_grant" in other.press("Refresh").text


def _claim(page, name: str) -> str:
    """The value shown for a claim of the ID token."""
    shown = page.html.partition('aria-label="ID token"')[2]
    return re.search(rf"<dt>{name}</dt><dd><code>([^<]+)</code>", shown)[1]
