"""A browser on its way to a page, and the tag that lists the pages.

Fields and links are found by name and address, not by their text, which changes with the language. Knows no
page: hosted.py and demo.py do.
"""

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page

FIELD_NOTES = "fieldnotes0000000000000001"  # the usual application of seed.toml
PASSWORD, TEMPORARY = "Demo-Passw0rd!", "Temporary-Pw-1"


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
