"""A person at a browser: opens addresses, follows links and redirects, fills in forms by their labels.

Runs no script, as the pages need none. Over Flask's test client: the whole service, without a socket.
"""
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient

from tests.hosted.page import Page


class Guest:
    """One browser profile. `page` is what it shows; `left_to` is the address outside the service it was sent
    to.
    """

    def __init__(self, client: FlaskClient, service: str = "http://localhost:8400"):
        self.client, self.service = client, service
        self.url, self.page, self.left_to = service, None, None

    def open(self, address: str, method: str = "GET", form: dict | None = None) -> Page | None:
        """Go to an address of the service and wherever it redirects; None once that is outside."""
        url = urljoin(self.url, address)
        for _ in range(10):
            if not url.startswith(self.service + "/"):
                self.left_to, self.page = url, None
                return None
            answer = self.client.open(url.removeprefix(self.service), method=method, data=form,
                                      base_url=self.service)
            if answer.status_code not in (301, 302, 303):
                self.url, self.page = url, Page(answer.status_code, answer.headers, answer.text)
                return self.page
            url, method, form = urljoin(url, answer.headers["Location"]), "GET", None
        raise AssertionError(f"the service redirects in a circle: {url}")

    def follow(self, link: str) -> Page | None:
        return self.open(self.page.links[link])

    def press(self, button: str, **changed: str) -> Page | None:
        """Send the button's form as it stands; `changed` replaces fields by name, as no person could."""
        form = self.page.form_of(button)
        values = {element.get("name"): element.get("value") for element in form.all("input")}
        return self.open(form.get("action"), "POST", {**values, **changed})

    def fill_in(self, button: str, typed: dict[str, str]) -> Page | None:
        """Type into the fields of these labels and press the button."""
        labels = self.page.labels
        assert typed.keys() <= labels.keys(), f"no field {typed.keys() - labels.keys()}, only {list(labels)}"
        readonly = [label for label in typed if "readonly" in labels[label].attributes]
        assert not readonly, f"{readonly} cannot be typed into"
        return self.press(button, **{labels[label].get("name"): text for label, text in typed.items()})

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def cookie(self, name: str):
        return self.client.get_cookie(name, domain=urlsplit(self.service).hostname)
