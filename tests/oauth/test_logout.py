"""/logout: the session ends at the browser and on the server, and nobody is sent to an unregistered place."""

from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests

from authservice.local.accounts import directory
from authservice.local.tokens import keys
from tests.hosted.page import Page
from tests.oauth.provider import CALLBACK, PKCE, SIGNED_OUT, add_user, answer_of, error_page


def is_signed_in(provider, cookie: str) -> bool:
    """Whether a copy of the cookie still signs in."""
    browser = requests.Session()
    browser.cookies.set(f"cognito.{provider.pool_id}", cookie)
    return "code" in answer_of(provider.authorize(browser, prompt="none", **PKCE))


@pytest.fixture
def browser(provider) -> requests.Session:
    return provider.browser()


@pytest.fixture
def cookie(provider, browser) -> str:
    return browser.cookies[f"cognito.{provider.pool_id}"]


def logout(provider, browser, **given):
    return provider.get("/logout", browser, params={"client_id": provider.web["ClientId"], **given})


def test_cognitos_way_ends_the_session_and_goes_to_the_registered_address(provider, browser, cookie):
    response = logout(provider, browser, logout_uri=SIGNED_OUT, state="ignored")
    assert (response.status_code, response.headers["Location"]) == (302, SIGNED_OUT)
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    assert not is_signed_in(provider, cookie)


def test_cognitos_other_way_ends_the_session_and_goes_to_the_sign_in_page(provider, browser, cookie):
    response = logout(provider, browser, redirect_uri=CALLBACK, response_type="code", state="s")
    target = urlsplit(response.headers["Location"])
    assert (response.status_code, target.netloc, target.path) == (302, "", "/login")
    assert dict(parse_qsl(target.query)) == {"client_id": provider.web["ClientId"], "redirect_uri": CALLBACK,
                                             "response_type": "code", "state": "s"}
    assert provider.get(response.headers["Location"], browser).status_code == 200
    assert not is_signed_in(provider, cookie)


def test_the_standards_way_ends_the_session_and_brings_the_state_back(provider, browser, cookie):
    hint = provider.tokens(browser=browser)["id_token"]
    given = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT, "state": "a b&c"}
    response = provider.get("/logout", browser, params=given)
    assert response.headers["Location"].startswith(SIGNED_OUT + "?")
    assert dict(parse_qsl(urlsplit(response.headers["Location"]).query)) == {"state": "a b&c"}
    assert not is_signed_in(provider, cookie)


def test_a_hint_that_has_expired_is_still_a_hint(provider, browser):
    hint = provider.tokens(browser=browser)["id_token"]
    provider.clock.advance(days=2)
    given = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT}
    response = provider.get("/logout", browser, params=given)
    assert response.headers["Location"] == SIGNED_OUT


def test_a_hint_outlives_the_key_that_signed_it(provider, browser):
    hint = provider.tokens(browser=browser)["id_token"]
    provider.backend.run(lambda call: keys.rotate(call, directory.pool(call, provider.pool_id)))
    provider.clock.advance(hours=2)
    published = provider.get(f"/{provider.pool_id}/.well-known/jwks.json").json()["keys"]
    assert jwt.get_unverified_header(hint)["kid"] not in [key["kid"] for key in published]
    assert "code" in answer_of(provider.authorize(provider.browser(), prompt="none", id_token_hint=hint))
    response = provider.get("/logout", browser, params={"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT})
    assert response.headers["Location"] == SIGNED_OUT


def test_a_hint_that_is_not_genuine_or_another_clients_is_refused(provider, browser, cookie):
    tokens = provider.tokens(browser=browser)
    other = provider.tokens(provider.clients["server"], browser=browser)["id_token"]
    changed = tokens["id_token"][:-4] + "AAAA"
    for hint in ("forged", tokens["access_token"], changed, other, "a.bnVsbA.c"):
        response = logout(provider, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
        assert error_page(response) in ("invalid_request", "invalid_client")
    assert is_signed_in(provider, cookie)


def test_cognitos_way_overlooks_a_hint_that_proves_nothing(provider, browser, cookie):
    sibling = provider.tokens(provider.clients["server"], browser=browser)["id_token"]
    for hint in (sibling, "forged"):
        response = logout(provider, browser, id_token_hint=hint, logout_uri=SIGNED_OUT)
        assert response.headers["Location"] == SIGNED_OUT
    assert not is_signed_in(provider, cookie)


def question(provider, browser, response) -> Page:
    """The page that asks whether to sign out, to which the answer leads."""
    assert (response.status_code, response.headers["Location"].partition("?")[0]) == (302, "/signout")
    page = provider.get(response.headers["Location"], browser)
    assert page.status_code == 200
    return Page(page.status_code, page.headers, page.text)


def say_yes(provider, browser, page: Page, **changed):
    form = page.form_of("Sign out")
    values = {element.get("name"): element.get("value") for element in form.all("input")}
    return browser.post(provider.url + form.get("action"), data={**values, **changed}, allow_redirects=False)


def test_who_proves_nothing_makes_us_ask_the_person_first(provider, browser, cookie):
    client = {"client_id": provider.web["ClientId"]}
    back = {"post_logout_redirect_uri": SIGNED_OUT, "state": "s"}
    for given in ({}, {"state": "s"}, client, {**client, **back}, {**back, "id_token_hint": ""}):
        page = question(provider, browser, provider.get("/logout", browser, params=given))
        assert is_signed_in(provider, cookie)
    assert error_page(say_yes(provider, browser, page, _csrf="forged")) == "invalid_request"
    assert is_signed_in(provider, cookie)
    response = say_yes(provider, browser, page)
    assert (response.status_code, response.headers["Location"]) == (303, "/signedout")  # nobody's address
    assert not is_signed_in(provider, cookie)


def test_after_a_yes_the_person_goes_on_to_the_address_registered_for_the_app(provider, browser, cookie):
    response = logout(provider, browser, post_logout_redirect_uri=SIGNED_OUT, state="a b")
    page = question(provider, browser, response)
    assert "form-action 'self' http://localhost:3000;" in page.headers["Content-Security-Policy"]
    response = say_yes(provider, browser, page)
    assert (response.status_code, response.headers["Location"]) == (303, f"{SIGNED_OUT}?state=a%20b")
    assert not is_signed_in(provider, cookie)


def test_a_real_browser_goes_on_from_a_page(provider, browser):
    page = question(provider, browser, logout(provider, browser, post_logout_redirect_uri=SIGNED_OUT))
    browser.headers["Sec-Fetch-Mode"] = "navigate"
    response = say_yes(provider, browser, page)
    assert response.headers["Location"].startswith("/signedout?")
    assert f'content="0; url={SIGNED_OUT}"' in provider.get(response.headers["Location"], browser).text


def test_the_hint_of_somebody_else_than_who_is_signed_in_makes_us_ask(provider, browser, cookie):
    add_user(provider.backend, provider.pool_id, "user-2@example.com", email_verified="true")
    hint = provider.tokens(browser=provider.browser("user-2@example.com"))["id_token"]
    question(provider, browser, logout(provider, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT))
    assert is_signed_in(provider, cookie)


def test_a_hint_without_an_address_ends_the_session_on_our_own_page(provider, browser, cookie):
    hint = provider.tokens(browser=browser)["id_token"]
    response = provider.get("/logout", browser, params={"id_token_hint": hint})
    assert response.headers["Location"] == "/signedout" and not is_signed_in(provider, cookie)
    assert provider.get("/signedout", browser).status_code == 200


@pytest.mark.parametrize("oidc", ["strict"])
def test_strict_mode_asks_in_cognitos_way_too(provider, browser, cookie):
    page = question(provider, browser, logout(provider, browser, logout_uri=SIGNED_OUT))
    assert is_signed_in(provider, cookie)
    assert say_yes(provider, browser, page).headers["Location"] == SIGNED_OUT
    assert not is_signed_in(provider, cookie)


@pytest.mark.parametrize("oidc", ["strict"])
def test_of_two_addresses_in_cognitos_way_the_one_to_leave_by_counts(provider, browser):
    page = question(provider, browser, logout(provider, browser, logout_uri=SIGNED_OUT, redirect_uri=CALLBACK))
    assert "form-action 'self' http://localhost:3000;" in page.headers["Content-Security-Policy"]
    browser.headers["Sec-Fetch-Mode"] = "navigate"
    assert say_yes(provider, browser, page).headers["Location"].startswith("/signedout?")


@pytest.mark.parametrize("uri", [SIGNED_OUT + "/", SIGNED_OUT + "?x", "http://evil.example/",
                                 "//evil.example", "http://localhost:3000/", SIGNED_OUT.upper(),
                                 "javascript:alert(1)"])
@pytest.mark.parametrize("name", ["logout_uri", "post_logout_redirect_uri", "redirect_uri"])
def test_an_address_that_is_not_registered_is_never_redirected_to(provider, browser, cookie, name, uri):
    hint = provider.tokens(browser=browser)["id_token"]
    response = logout(provider, browser, id_token_hint=hint, response_type="code", **{name: uri})
    assert error_page(response) == "redirect_mismatch"
    assert is_signed_in(provider, cookie)


def test_a_pools_own_host_needs_no_client(provider, browser, cookie):
    browser.headers["Host"] = "shop.localhost"
    say_yes(provider, browser, question(provider, browser, provider.get("/logout", browser)))
    assert not is_signed_in(provider, cookie)


def test_who_names_an_unknown_client_or_nobodys_address_gets_the_error_page(provider, browser, cookie):
    nameless = provider.get("/logout", browser, params={"logout_uri": SIGNED_OUT})
    assert error_page(nameless) == "redirect_mismatch"
    assert error_page(provider.get("/logout", browser, params={"client_id": "unknown"})) == "invalid_client"
    assert error_page(provider.get(f"/logout?client_id={provider.web['ClientId']}&logout_uri={SIGNED_OUT}"
                                   "&logout_uri=http://evil.example/", browser)) == "invalid_request"
    assert is_signed_in(provider, cookie)


def test_post_works_like_get(provider, browser, cookie):
    response = browser.post(provider.url + "/logout", allow_redirects=False,
                            data={"client_id": provider.web["ClientId"], "logout_uri": SIGNED_OUT})
    assert response.status_code == 303
    response = provider.get(response.headers["Location"], browser)
    assert response.headers["Location"] == SIGNED_OUT and not is_signed_in(provider, cookie)


def test_tokens_live_on(provider, browser):
    tokens = provider.redeem(provider.code(browser=browser)).json()
    logout(provider, browser, logout_uri=SIGNED_OUT)
    assert provider.user_info(tokens).status_code == 200 and provider.refresh(tokens).status_code == 200


def test_no_script_of_another_origin_may_read_it(provider, browser):
    response = logout(provider, browser, logout_uri=SIGNED_OUT)
    assert not [name for name in response.headers if name.startswith("Access-Control-")]
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
