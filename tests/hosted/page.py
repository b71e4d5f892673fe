"""An HTML page as a person or a screen reader meets it: title, heading, links, and fields by their labels.

Owns reading the page only; who goes from page to page is guest.py.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "path"}


@dataclass
class Element:
    """One element with its attributes, its children and the text around them."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name) or default

    @property
    def text(self) -> str:
        words = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(words).split())

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        """Every element below of one of these tags (any, if none is named) with these attributes."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if (not tags or child.tag in tags) and attributes.items() <= child.attributes.items():
                    found.append(child)
                found += child.all(*tags, **attributes)
        return found


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("", {})
        self.path = [self.root]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes))
        self.path[-1].children.append(element)
        if tag not in VOID:
            self.path.append(element)

    def handle_startendtag(self, tag, attributes):
        self.path[-1].children.append(Element(tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.path[-1].tag == tag, f"</{tag}> closes <{self.path[-1].tag}>"
        self.path.pop()

    def handle_data(self, text):
        self.path[-1].children.append(text)


class Page:
    """A page that was answered, with its status and headers."""

    def __init__(self, status: int, headers, html: str):
        reader = _Reader()
        reader.feed(html)
        assert reader.path == [reader.root], f"<{reader.path[-1].tag}> is not closed"
        self.status, self.headers, self.html, self.root = status, headers, html, reader.root

    @property
    def title(self) -> str:
        return self.root.all("title")[0].text

    @property
    def heading(self) -> str:
        [heading] = self.root.all("h1")
        return heading.text

    @property
    def text(self) -> str:
        return self.root.all("body")[0].text

    @property
    def alert(self) -> str:
        """What a screen reader says at once: the refusal, or nothing."""
        return " ".join(element.text for element in self.root.all(role="alert"))

    @property
    def notice(self) -> str:
        return " ".join(element.text for element in self.root.all(role="status"))

    @property
    def links(self) -> dict[str, str]:
        return {link.text: link.get("href") for link in self.root.all("a")}

    @property
    def labels(self) -> dict[str, Element]:
        """Every field a person can fill in, by its label."""
        fields = {element.get("id"): element for element in self.root.all("input")}
        return {label.text: fields[label.get("for")] for label in self.root.all("label")}

    def form_of(self, button: str) -> Element:
        """The form that the button of this name sends."""
        forms = [form for form in self.root.all("form") for each in form.all("button") if each.text == button]
        assert len(forms) == 1, f"{len(forms)} buttons {button!r} on the page {self.heading!r}"
        return forms[0]
