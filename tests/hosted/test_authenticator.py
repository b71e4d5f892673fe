"""Authenticator apps by the pages: set-up where the pool demands it, the code at sign-in, what is refused."""
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from tests.hosted.conftest import CALLBACK, NAME


@pytest.fixture
def site(make_site):
    """A pool that demands a second factor."""
    site = make_site()
    site.call("SetUserPoolMfaConfig", UserPoolId=site.pool_id, MfaConfiguration="ON",
              SoftwareTokenMfaConfiguration={"Enabled": True})
    site.add_user()
    return site


def secret_on(page) -> str:
    [key] = page.root.all("p", **{"class": "secret"})
    return key.text.replace(" ", "")


@pytest.fixture
def code_now(clock):
    return lambda secret, steps=0: pyotp.TOTP(secret).at(clock() + timedelta(seconds=30 * steps))


@pytest.fixture
def set_up(guest, sign_in, code_now):
    """Sign in for the first time and set up the app; gives its secret."""

    def set_up() -> str:
        page = sign_in()
        secret = secret_on(page)
        guest.fill_in("Turn on and continue", {"Six-digit code": code_now(secret)})
        return secret

    return set_up


def test_the_first_sign_in_sets_up_an_app(guest, sign_in, code_now):
    page = sign_in()
    assert (guest.path, page.heading) == ("/mfa/setup", "Set up an authenticator app")
    secret = secret_on(page)
    assert page.root.all("svg"), "a QR code"
    uri = urlsplit(page.links["open the app"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/Field notes:{NAME}")
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["Field notes"]}
    guest.fill_in("Turn on and continue", {"Six-digit code": code_now(secret)})
    assert guest.left_to.startswith(CALLBACK)


def test_the_set_up_page_loaded_again_shows_the_same_secret(guest, sign_in):
    first = secret_on(sign_in())
    assert secret_on(guest.open(guest.url)) == first


def test_a_wrong_first_code_is_refused_and_the_right_one_still_works(guest, sign_in, code_now):
    secret = secret_on(sign_in())
    page = guest.fill_in("Turn on and continue", {"Six-digit code": code_now(secret, 10)})
    assert page.status == 400 and page.alert.startswith("That code is not right.")
    assert secret_on(page) == secret
    guest.fill_in("Turn on and continue", {"Six-digit code": code_now(secret)})
    assert guest.left_to.startswith(CALLBACK)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "1234567"])
def test_what_cannot_be_a_code_is_refused_in_plain_words(guest, sign_in, code):
    sign_in()
    page = guest.fill_in("Turn on and continue", {"Six-digit code": code})
    assert page.status == 400 and page.alert.startswith("Code: please check what you entered.")


def test_a_sign_in_asks_for_the_code_of_the_app(guest, site, set_up, sign_in, code_now, clock):
    secret = set_up()
    guest.client.delete_cookie(f"cognito.{site.pool_id}")
    guest.left_to = None
    clock.advance(seconds=90)
    page = sign_in()
    assert (guest.path, page.heading) == ("/mfa", "Enter your code") and NAME in page.text
    field = page.labels["Six-digit code"]
    assert (field.get("inputmode"), field.get("autocomplete")) == ("numeric", "one-time-code")

    page = guest.fill_in("Continue", {"Six-digit code": code_now(secret, 10)})
    assert page.status == 400 and page.alert.startswith("That code is not right.") and guest.left_to is None
    code = code_now(secret)
    guest.fill_in("Continue", {"Six-digit code": f"{code[:3]} {code[3:]}"})
    assert guest.left_to.startswith(CALLBACK)


def test_a_code_that_was_used_is_refused(guest, site, set_up, sign_in, code_now, clock):
    """P8: the code that set the app up does not sign in, nor does one that has signed in."""
    secret = set_up()
    for _ in range(2):
        guest.client.delete_cookie(f"cognito.{site.pool_id}")
        sign_in()
        page = guest.fill_in("Continue", {"Six-digit code": code_now(secret)})
        assert page.status == 400 and page.alert.startswith("That code was used already.")
        clock.advance(seconds=30)
        guest.fill_in("Continue", {"Six-digit code": code_now(secret)})


def test_the_password_alone_gives_no_browser_session(guest, site, set_up, sign_in):
    set_up()
    guest.client.delete_cookie(f"cognito.{site.pool_id}")
    guest.left_to = None
    sign_in()
    assert guest.cookie(f"cognito.{site.pool_id}") is None
    assert guest.open(site.door).heading == "Sign in" and guest.left_to is None


def test_a_code_that_comes_too_late_begins_again(guest, site, set_up, sign_in, code_now, clock):
    secret = set_up()
    guest.client.delete_cookie(f"cognito.{site.pool_id}")
    sign_in()
    clock.advance(minutes=16)
    page = guest.fill_in("Continue", {"Six-digit code": code_now(secret)})
    assert guest.path == "/login" and "took too long" in page.notice


def test_neither_session_nor_secret_is_in_an_address_or_readable_cookie(guest, site, sign_in):
    page = sign_in()
    held = guest.cookie("login").value
    assert secret_on(page) not in held and secret_on(page) not in guest.url
    assert guest.url.partition("?")[2].startswith(site.query[:20])
