"""Every page, in every state worth seeing, and how a browser gets there.

Owns the list, for screenshots.py and the tests of accessibility: a function tagged `@shown` is one page, its
name the picture's, its docstring what it shows. Fields and links are found by name and address, not by their
text, which changes with the language. Does not own: starting the service and the demo site on a database seeded
with `seed()`.
"""

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
SEED = (HERE.parent / "authservice" / "demo" / "seed.toml", HERE / "pages.toml")

FIELD_NOTES = "fieldnotes0000000000000001"
HARBOUR = "harbour0000000000000000001"
ARCHIVE = "archive0000000000000000001"
PASSWORD, NEW_PASSWORD, TEMPORARY = "Demo-Passw0rd!", "Other-Passw0rd!", "Temporary-Pw-1"
WRONG_CODE = "000000"


def seed() -> str:
    """The text of a seed with the pools and users that the pages ask for: the demo's, and more."""
    return "\n".join(path.read_text(encoding="utf-8") for path in SEED)


@dataclass(frozen=True)
class Sites:
    """Where everything runs: the service, the same in strict mode, and the demo site."""

    service: str
    strict: str
    demo: str

    def mailed_code(self, address: str) -> str:
        """The code of the newest message to this address, from the service's outbox."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.service}/outbox.json?{urlencode({'to': address})}", timeout=10) as answer:
            return json.load(answer)[0]["code"]


@dataclass(frozen=True)
class Visit:
    """A browser with nothing in it, on its way to one page."""

    page: Page
    sites: Sites

    def open(self, url: str) -> None:
        self.page.goto(url)

    def enter(self, client: str = FIELD_NOTES, path: str = "/oauth2/authorize", at: str = "", **parameters) -> None:
        """Come from an application: to the sign-in page, or to whatever `path` names, at the service or `at`."""
        asked = {"client_id": client, "response_type": "code", "scope": "openid email", "state": "picture",
                 "redirect_uri": f"{self.sites.demo}/callback", "code_challenge_method": "S256",
                 "code_challenge": "A" * 43, **parameters}
        self.open(f"{at or self.sites.service}{path}?{urlencode(asked)}")

    def fill_in(self, **typed: str) -> None:
        """Type into fields by their names, then send the form."""
        for name, text in typed.items():
            self.page.fill(f"main [name='{name}']", text)
        last = self.page.locator("main form").filter(has=self.page.locator(f"[name='{name}']"))
        last.locator("button[type=submit], button:not([type])").first.click()

    def press(self, path: str) -> None:
        """Press the button of the form that is sent to this path."""
        self.page.locator(f"form[action*='{path}'] button").first.click()

    def follow(self, path: str) -> None:
        """Click the first link that leads to this path."""
        self.page.locator(f"main a[href*='{path}']").first.click()

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self.fill_in(username=username, password=password)

    def sign_up(self, username: str, **attributes: str) -> None:
        """Fill in the sign-up form of the page that is open."""
        typed = {f"requiredAttributes[{name}]": value for name, value in attributes.items()}
        self.fill_in(username=username, **typed, password=PASSWORD, password_again=PASSWORD)

    def stay(self, address: str) -> None:
        """From now on the browser does not go to addresses with this in them: it stays where it is."""
        self.page.route(re.compile(re.escape(address)), lambda route: route.fulfill(status=204))

    def unfold(self) -> None:
        """Open everything that can be opened."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@dataclass(frozen=True)
class Shown:
    """A page to look at: its picture's name, what it shows, how to get there."""

    name: str
    about: str
    path: str
    steps: Callable[[Visit], None]

    def reach(self, page: Page, sites: Sites) -> None:
        """Bring a browser with nothing in it to this page; raises where it ends at another one."""
        self.steps(Visit(page, sites))
        page.wait_for_url(lambda url: urlsplit(url).path == self.path)


PAGES: list[Shown] = []


def shown(path: str):
    """Tag the function that brings a browser to a page, at this path in the end."""
    def tag(steps: Callable[[Visit], None]) -> Callable[[Visit], None]:
        PAGES.append(Shown(steps.__name__.replace("_", "-"), steps.__doc__, path, steps))
        return steps

    return tag


# --- the hosted pages: signing in ---------------------------------------------------------------------------

@shown("/login")
def sign_in(visit: Visit) -> None:
    """Sign in"""
    visit.enter()


@shown("/login")
def sign_in_suggested(visit: Visit) -> None:
    """Sign in, the name suggested by the application (login_hint)"""
    visit.enter(login_hint="reader@example.com")


@shown("/login")
def sign_in_refused(visit: Visit) -> None:
    """Sign in, refused: a wrong password"""
    visit.enter()
    visit.sign_in("reader@example.com", "wrong")


@shown("/login")
def sign_in_german(visit: Visit) -> None:
    """Sign in, in German"""
    visit.enter(lang="de")


@shown("/login")
def sign_in_closed(visit: Visit) -> None:
    """Sign in where only an administrator makes accounts"""
    visit.enter(ARCHIVE)


@shown("/changePassword")
def new_password(visit: Visit) -> None:
    """A new password is demanded, and what the profile lacks"""
    visit.enter(HARBOUR)
    visit.sign_in("invited@example.com", TEMPORARY)


@shown("/changePassword")
def new_password_refused(visit: Visit) -> None:
    """A new password, refused: the two are not the same"""
    visit.enter()
    visit.sign_in("invited@example.com", TEMPORARY)
    visit.fill_in(password=NEW_PASSWORD, password_again=PASSWORD)


@shown("/mfa")
def authenticator_code(visit: Visit) -> None:
    """The code of the authenticator app"""
    visit.enter()
    visit.sign_in("guarded@example.com")


@shown("/mfa")
def authenticator_code_refused(visit: Visit) -> None:
    """The code of the authenticator app, refused"""
    authenticator_code(visit)
    visit.fill_in(code=WRONG_CODE)


@shown("/mfa/setup")
def authenticator_setup(visit: Visit) -> None:
    """An authenticator app is demanded: its QR code"""
    visit.enter(HARBOUR)
    visit.sign_in("pilot@example.com")


@shown("/mfa/setup")
def authenticator_setup_refused(visit: Visit) -> None:
    """An authenticator app is demanded: its first code refused"""
    authenticator_setup(visit)
    visit.fill_in(code=WRONG_CODE)


@shown("/mfa/setup")
def authenticator_setup_german(visit: Visit) -> None:
    """An authenticator app is demanded, in German"""
    visit.enter(HARBOUR, lang="de")
    visit.sign_in("pilot@example.com")


@shown("/login")
def continue_to_app(visit: Visit) -> None:
    """Signed in, for the moment until the browser goes on"""
    visit.enter()
    visit.stay("/oauth2/authorize")
    visit.sign_in("reader@example.com")


# --- the hosted pages: signing up ---------------------------------------------------------------------------

@shown("/signup")
def sign_up(visit: Visit) -> None:
    """Create an account"""
    visit.enter(path="/signup")


@shown("/signup")
def sign_up_long(visit: Visit) -> None:
    """Create an account where much is asked for"""
    visit.enter(HARBOUR, "/signup")


@shown("/signup")
def sign_up_refused(visit: Visit) -> None:
    """Create an account, refused: there is one of this name"""
    visit.enter(path="/signup")
    visit.sign_up("reader@example.com")


@shown("/signup")
def sign_up_closed(visit: Visit) -> None:
    """Create an account where only an administrator does"""
    visit.enter(ARCHIVE, "/signup")


@shown("/confirm")
def confirm(visit: Visit) -> None:
    """Confirm the address by the code that was sent"""
    visit.enter(path="/signup")
    visit.sign_up("newcomer@example.com")


@shown("/confirm")
def confirm_refused(visit: Visit) -> None:
    """Confirm the address, refused: a wrong code"""
    visit.enter(path="/signup")
    visit.sign_up("mistaken@example.com")
    visit.fill_in(code=WRONG_CODE)


@shown("/confirm")
def confirm_resent(visit: Visit) -> None:
    """Confirm the address, after a new code was asked for"""
    visit.enter(path="/signup")
    visit.sign_up("patient@example.com")
    visit.press("/resendcode")


@shown("/confirm")
def confirm_by_link(visit: Visit) -> None:
    """Confirm the address by the link that was sent"""
    visit.enter(HARBOUR, "/signup")
    visit.sign_up("linked@example.com", given_name="Demo", family_name="Pilot", birthdate="1990-12-10",
                  phone_number="+442079460018", website="https://example.com")


@shown("/confirmUser")
def link_refused(visit: Visit) -> None:
    """The link of a confirmation mail, refused"""
    visit.open(f"{visit.sites.service}/confirmUser?client_id={HARBOUR}&user_name=nobody&confirmation_code=1")


# --- the hosted pages: recovery -----------------------------------------------------------------------------

@shown("/forgotPassword")
def forgot_password(visit: Visit) -> None:
    """Forgot the password"""
    visit.enter(path="/forgotPassword")


@shown("/forgotPassword")
def forgot_password_closed(visit: Visit) -> None:
    """Forgot the password where only an administrator helps"""
    visit.enter(ARCHIVE, "/forgotPassword")


@shown("/confirmforgotPassword")
def reset_password(visit: Visit) -> None:
    """Set a new password by the code that was sent"""
    forgot_password(visit)
    visit.fill_in(username="reader@example.com")


@shown("/confirmforgotPassword")
def reset_password_refused(visit: Visit) -> None:
    """Set a new password, refused: too simple a one"""
    forgot_password(visit)
    visit.fill_in(username="guarded@example.com")
    visit.fill_in(code=visit.sites.mailed_code("guarded@example.com"), password="too-simple",
                  password_again="too-simple")


# --- the hosted pages: by themselves ------------------------------------------------------------------------

@shown("/signedout")
def signed_out(visit: Visit) -> None:
    """Signed out, and nowhere to go"""
    visit.open(f"{visit.sites.service}/signedout")


@shown("/error")
def error(visit: Visit) -> None:
    """An application asked for something that may not be answered"""
    visit.enter(redirect_uri="https://elsewhere.example.com/callback")


@shown("/login")
def error_form(visit: Visit) -> None:
    """A form was sent from another browser"""
    visit.enter()
    visit.page.context.clear_cookies()
    visit.sign_in("reader@example.com")


@shown("/outbox")
def outbox(visit: Visit) -> None:
    """The messages that were sent, on this machine"""
    forgot_password(visit)
    visit.fill_in(username="reader@example.com")
    visit.open(f"{visit.sites.service}/outbox")


@shown("/outbox")
def outbox_empty(visit: Visit) -> None:
    """The messages that were sent, none to this address"""
    visit.open(f"{visit.sites.service}/outbox?to=nobody@example.com")


# --- the demo site: the hosted way --------------------------------------------------------------------------

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


# --- the demo site: the API way -----------------------------------------------------------------------------

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
