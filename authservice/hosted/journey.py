"""What every page shares: the authorize request it serves, the call behind the seam, the way onward.

Owns the table of pages, filled by the tag `@page`, and with it the one table that says which page answers
which challenge. Owns no page and no rule: what may be done is asked behind the seam, what is said stands in
templates/.
Neighbours: browser.py (sealed state, cookies, headers), the journey modules beside it, contract.Backend.
"""
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flask import Response, g, redirect, render_template, request

from authservice import browser
from authservice.contract import Backend, Caller
from authservice.errors import CognitoError
from authservice.hosted import fields

HELD_SECONDS = browser.JOURNEY_SECONDS
NOTICE_SECONDS = 300
LONGEST_NAME = 128
"""Characters of a username; more would not fit into the cookie that holds it."""


@dataclass(frozen=True)
class Page:
    """A page: its path, its template, what its form does, what its template needs besides the journey."""

    path: str
    template: str
    submit: Callable[["Journey"], Response]
    values: Callable[["Journey"], dict]
    challenge: str | None
    instead: Callable[["Journey"], str | None]


PAGES: list[Page] = []
PAGE_OF_CHALLENGE: dict[str, str] = {}


def page(path: str, template: str, values: Callable = lambda journey: {}, challenge: str | None = None,
         instead: Callable = lambda journey: None):
    """Tag the function that does what a page's form asks.

    A page of a `challenge` opens only while that is asked. `instead` names the path that whoever opens the page is
    sent to, if he should not see it now.
    """

    def tag(submit: Callable[["Journey"], Response]):
        PAGES.append(Page(path, template, submit, values, challenge, instead))
        if challenge:
            PAGE_OF_CHALLENGE[challenge] = path
        return submit

    return tag


class Journey:
    """One request to a page, on the way from `/oauth2/authorize` and back to it.

    `request` is the valid authorize request, an AuthorizeRequest of the OAuth door. State between two pages lies
    in the sealed session, bound to the app client it was made for.
    """

    def __init__(self, backend: Backend, authorize_request):
        self.backend, self.request = backend, authorize_request
        g.pool_id, g.client_id = authorize_request.pool_id, authorize_request.client_id  # for the log

    def answer(self, page: Page) -> Response:
        """Show the page, or do what its form asks; a refusal is shown on the page itself (400)."""
        browser.allow_redirect_to(self.request.redirect_origin)
        if request.method == "POST":
            browser.check_csrf()
        if page.challenge and (self.challenge or {}).get("name") != page.challenge:
            return self.go("/login", "start-again")
        try:
            if request.method == "POST" and "again" not in request.form:  # as plain_pages.not_now has it
                return page.submit(self)
            elsewhere = page.instead(self)
            return self.go(elsewhere) if elsewhere else self.show(page)
        except CognitoError as error:
            if error.status >= 500:
                raise
            if page.challenge and is_session_over(error):
                return self.go("/login", "start-again")
            return self.show(page, error)

    def show(self, page: Page, error: CognitoError | None = None) -> Response:
        g.outcome = error and error.code
        notice = None if error else self.held("notice")
        html = render_template(f"hosted/{page.template}", journey=self, page=page, error=error, notice=notice,
                               faulty=error and fields.at_fault(error), **page.values(self))
        browser.drop("notice")
        return Response(html, *(outcome_of(error) if error else (200,)))

    def go(self, path: str, notice: str | None = None) -> Response:
        """On to another page; `notice` names the text it opens with."""
        if notice:
            self.hold("notice", notice, NOTICE_SECONDS)
        return redirect(self.url(path), 303)

    def url(self, path: str) -> str:
        """The path with the authorize request it serves: a page is found again by its address alone."""
        return f"{request.script_root}{path}?{self.request.query}"

    def signed_in(self, session_id: str) -> Response:
        """Put the browser session into the cookie and go back to the dispatcher."""
        browser.sign_in(self.request.pool_id, session_id)
        return self.took_step("signed-in")

    def took_step(self, step: str) -> Response:
        """Go back to `/oauth2/authorize`, the only dispatcher, with a step done that it asked for."""
        browser.take_step(step, self.request.query)
        onward = self.url("/oauth2/authorize")
        # A form's navigation is held to this page's form-action through every redirect that follows, and the
        # app's callback may redirect to an origin we do not know. So a browser gets a page that begins a new
        # navigation. Not for an app's own scheme: phones open an app only from what the person did.
        is_browser = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if is_browser and self.request.redirect_origin.startswith("http"):
            return Response(render_template("hosted/continue.html", journey=self, onward=onward))
        return redirect(onward, 303)

    # Behind the seam

    def call(self, operation: str, **members) -> dict:
        """Call an operation as the hosted pages."""
        return self.backend.call(operation, members, caller())

    def call_for_client(self, operation: str, **members) -> dict:
        """Call an operation that takes the app client's id."""
        return self.call(operation, ClientId=self.request.client_id, **members)

    @cached_property
    def pool(self) -> dict:
        """The user pool as DescribeUserPool tells it: what to ask for and which ways are open."""
        return self.call("DescribeUserPool", UserPoolId=self.request.pool_id)["UserPool"]

    @property
    def can_sign_up(self) -> bool:
        """Whether people may make their own account here."""
        return not self.pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly", False)

    @property
    def can_recover(self) -> bool:
        """Whether people may reset their own password here (AccountRecoverySetting)."""
        ways = self.pool.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", [])
        return [way["Name"] for way in ways] != ["admin_only"]

    # What was typed

    def field(self, name: str) -> str:
        """A field without the spaces that keyboards and copying put around it."""
        return request.form.get(name, "").strip()

    @property
    def password(self) -> str:
        """The password, exactly as typed (P2)."""
        return request.form.get("password", "")

    def new_password(self) -> str:
        """The new password; the second typing, where the form has one, guards against a slip."""
        if request.form.get("password_again", self.password) != self.password:
            raise CognitoError("PasswordsDiffer", "The two passwords are not the same.")  # the pages' own
        return self.password

    @property
    def code(self) -> str:
        """A code without the spaces that apps and messages group its digits by."""
        return "".join(self.field("code").split())

    @property
    def typed_name(self) -> str:
        """The name typed to sign up or in; where it may be a phone number, as E.164 has it."""
        names = [*self.pool.get("UsernameAttributes", []), *self.pool.get("AliasAttributes", [])]
        typed = self.field("username")[:LONGEST_NAME]
        return fields.without_separators(typed) if "phone_number" in names else typed

    @property
    def username(self) -> str:
        """The name to show in a form: typed here or on the page before, else the one the app suggests."""
        return self.field("username") or self.held("username") or self.request.login_hint or ""

    # What is held from page to page

    def hold(self, name: str, value, seconds: int = HELD_SECONDS) -> None:
        browser.keep(name, [self.request.client_id, value], seconds)

    def held(self, name: str):
        """What the page before left here for the same app client, or None."""
        client_id, value = browser.kept(name) or (None, None)
        return value if client_id == self.request.client_id else None

    @property
    def challenge(self) -> dict | None:
        """The open challenge: its name, session, username and parameters."""
        return self.held("challenge")


def caller() -> Caller:
    """Our pages, for whoever is at the browser."""
    return Caller("hosted", address=request.remote_addr)


def outcome_of(refusal: CognitoError) -> tuple[int, dict]:
    """Status and headers of a page that tells a refusal: 429 (RFC 6585) for too many requests, else 400."""
    status = 429 if refusal.code == "TooManyRequestsException" else 400
    return status, {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}


def is_session_over(error: CognitoError) -> bool:
    """Whether a challenge's Session has expired or was used: then only a new sign-in helps."""
    return error.code == "NotAuthorizedException" and error.message.startswith("Invalid session")
