"""A browser without a window: cookies, redirects, links and forms of real pages over real HTTP.

Does not own: what the pages should say. Scripts are not run: no page here needs any.
"""
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import requests


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)
    actions: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page as a person meets it: `text`, `links` by their text, `forms` by their buttons."""

    def __init__(self, response: requests.Response):
        super().__init__()
        self.status, self.url, self.html, self.headers = (response.status_code, response.url, response.text,
                                                          response.headers)
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self.refresh = ""
        self._texts: list[str] = []
        self._open: list[list] = []     # [tag, attributes, texts] of links and buttons being read
        self._form: Form | None = None
        self.feed(response.text)
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self._form = Form(urljoin(self.url, given.get("action") or self.url))
            self.forms.append(self._form)
        elif tag == "input" and self._form and given.get("name"):
            self._form.fields[given["name"]] = given.get("value") or ""
        elif tag in ("a", "button"):
            self._open.append([tag, given, []])
        elif tag == "meta" and given.get("http-equiv") == "refresh":
            self.refresh = unescape(given["content"].partition("url=")[2])

    def handle_data(self, data):
        self._texts.append(data)
        for each in self._open:
            each[2].append(data)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif self._open and self._open[-1][0] == tag:
            _, given, texts = self._open.pop()
            name = " ".join("".join(texts).split())
            if tag == "a":
                self.links.setdefault(name, urljoin(self.url, given.get("href", "")))
            elif self._form:
                self._form.buttons.append(name)
                if "formaction" in given:
                    self._form.actions[name] = urljoin(self.url, given["formaction"])


class Browser:
    """One profile: `page` is what it shows now, `visited` every address on the way there.

    With `stay_out_of` it stops before a redirect to an address that begins so; `stopped_at` is that address.
    """

    def __init__(self):
        self.http = requests.Session()
        self.http.trust_env = False
        self.page: Page | None = None
        self.visited: list[str] = []
        self.stay_out_of = self.stopped_at = ""

    def open(self, url: str) -> Page:
        return self._show("GET", url)

    def follow(self, link: str) -> Page:
        return self.open(self.page.links[link])

    def press(self, button: str, **typed: str) -> Page:
        """Fill the form that has this button and send it."""
        form = next(form for form in self.page.forms if button in form.buttons)
        unknown = set(typed) - set(form.fields)
        assert not unknown, f"no field {unknown} beside {button!r} at {self.page.url}"
        return self._show("POST", form.actions.get(button, form.action), {**form.fields, **typed})

    def redirect_of(self, url: str) -> str:
        """Where `url` would send this browser, without going there."""
        answer = self.http.get(url, allow_redirects=False, timeout=20)
        assert answer.status_code in (302, 303), f"{answer.status_code} {answer.text[:500]}"
        return urljoin(url, answer.headers["Location"])

    def _show(self, method: str, url: str, form: dict | None = None) -> Page:
        answer = self.http.request(method, url, data=form, timeout=20, allow_redirects=False)
        self.visited = [answer.url]
        while onward := self._onward(answer):
            if self.stay_out_of and onward.startswith(self.stay_out_of):
                self.stopped_at = onward
                break
            assert len(self.visited) < 20, f"no end of redirects: {self.visited}"
            answer = self.http.get(onward, timeout=20, allow_redirects=False)
            self.visited.append(answer.url)
        self.page = Page(answer)
        return self.page

    @staticmethod
    def _onward(answer: requests.Response) -> str:
        """Where an answer leads by itself: a redirect, or a page that only goes on."""
        if answer.status_code in (302, 303):
            return urljoin(answer.url, answer.headers["Location"])
        return urljoin(answer.url, Page(answer).refresh) if "http-equiv" in answer.text else ""


def with_parameter(url: str, **changed: str) -> str:
    """`url` with some of its query parameters changed."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **changed})))
