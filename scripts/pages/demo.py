"""The demo site's pages, after both ways of signing in."""

import re
from urllib.parse import urlencode

from .visit import PASSWORD, TEMPORARY, Visit, shown


# --- the hosted way --------------------------------------------------------------------------

def _signed_in_at_demo(visit: Visit) -> None:
    visit.open(visit.sites.demo)
    visit.follow("/sign-in")
    visit.sign_in("demo@example.com")
    visit.page.wait_for_url(f"{visit.sites.demo}/account")


@shown("/")
def demo_home(visit: Visit) -> None:
    """Demo site: the start page"""
    visit.open(visit.sites.demo)


@shown("/account")
def demo_account(visit: Visit) -> None:
    """Demo site: signed in, the steps and the tokens"""
    _signed_in_at_demo(visit)


@shown("/account")
def demo_account_unfolded(visit: Visit) -> None:
    """Demo site: signed in, every step open"""
    _signed_in_at_demo(visit)
    visit.unfold()


@shown("/account")
def demo_refreshed(visit: Visit) -> None:
    """Demo site: after a refresh"""
    _signed_in_at_demo(visit)
    visit.press("/account/refresh")


@shown("/account")
def demo_forged(visit: Visit) -> None:
    """Demo site: a forged token was tried"""
    _signed_in_at_demo(visit)
    visit.press("/account/forge")


@shown("/account/authenticator")
def demo_authenticator(visit: Visit) -> None:
    """Demo site: setting up an authenticator app"""
    _signed_in_at_demo(visit)
    visit.press("/account/authenticator")


@shown("/")
def demo_signed_out(visit: Visit) -> None:
    """Demo site: the start page after signing out"""
    _signed_in_at_demo(visit)
    visit.page.locator("form[action$='/account/sign-out'] button").click()
    visit.page.wait_for_url(f"{visit.sites.demo}/")


@shown("/signed-out-everywhere")
def demo_signed_out_everywhere(visit: Visit) -> None:
    """Demo site: signed out everywhere, and the proof"""
    _signed_in_at_demo(visit)
    visit.press("/account/sign-out-everywhere")


@shown("/callback")
def demo_problem(visit: Visit) -> None:
    """Demo site: an answer with a state that this browser does not know"""
    visit.open(f"{visit.sites.demo}/callback?code=stolen&state=guessed")


@shown("/callback")
def demo_refused(visit: Visit) -> None:
    """Demo site: the service refused, and how far it came"""
    visit.open(visit.sites.demo)
    state = []
    visit.page.on("request", lambda request: state.extend(re.findall(r"[?&]state=([^&]+)", request.url)))
    visit.follow("/sign-in")
    answer = {"error": "access_denied", "state": state[0], "iss": f"{visit.sites.service}/us-east-1_Demo00001"}
    visit.open(f"{visit.sites.demo}/callback?{urlencode(answer)}")


@shown("/no-such-page")
def demo_not_found(visit: Visit) -> None:
    """Demo site: there is no such page"""
    visit.open(f"{visit.sites.demo}/no-such-page")


# --- the API way -----------------------------------------------------------------------------

@shown("/api")
def demo_api_sign_in(visit: Visit) -> None:
    """Demo site, own form: sign in"""
    visit.open(f"{visit.sites.demo}/api")


@shown("/api")
def demo_api_refused(visit: Visit) -> None:
    """Demo site, own form: sign in, refused"""
    demo_api_sign_in(visit)
    visit.sign_in("demo@example.com", "wrong")


@shown("/api/sign-up")
def demo_api_sign_up(visit: Visit) -> None:
    """Demo site, own form: create an account"""
    visit.open(f"{visit.sites.demo}/api/sign-up")


@shown("/api/confirm")
def demo_api_confirm(visit: Visit) -> None:
    """Demo site, own form: confirm the address"""
    demo_api_sign_up(visit)
    visit.fill_in(username="visitor@example.com", name="Demo Visitor", password=PASSWORD)


@shown("/api/forgot")
def demo_api_forgot(visit: Visit) -> None:
    """Demo site, own form: forgot the password"""
    visit.open(f"{visit.sites.demo}/api/forgot")


@shown("/api/reset")
def demo_api_reset(visit: Visit) -> None:
    """Demo site, own form: set a new password"""
    demo_api_forgot(visit)
    visit.fill_in(username="demo@example.com")


@shown("/api/challenge")
def demo_api_challenge(visit: Visit) -> None:
    """Demo site, own form: a challenge, the code of the authenticator app"""
    demo_api_sign_in(visit)
    visit.sign_in("guarded@example.com")


@shown("/api/challenge")
def demo_api_new_password(visit: Visit) -> None:
    """Demo site, own form: a challenge, a new password"""
    demo_api_sign_in(visit)
    visit.sign_in("invited@example.com", TEMPORARY)


@shown("/account")
def demo_api_account(visit: Visit) -> None:
    """Demo site, own form: signed in"""
    demo_api_sign_in(visit)
    visit.sign_in("demo@example.com")
