"""How JSON and tokens look on a page: marked up by what each part is, so that the stylesheet can colour it."""
import re

from markupsafe import Markup, escape

JSON = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")(?P<name>\s*:)?|(?P<value>\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*)')
SHOWN = 12          # characters of each part of a token: enough to recognise it, never enough to use it


def json(text: str) -> Markup:
    """JSON text with its names, texts and other values told apart; what is no JSON comes out as it is."""
    marked, end = Markup(), 0
    for found in JSON.finditer(text):
        kind = "name" if found["name"] else "text" if found["text"] else "value"
        marked += text[end:found.start()] + Markup('<span class="json-{}">{}</span>').format(kind, found[0])
        end = found.end()
    return marked + escape(text[end:])


def token(raw: str) -> Markup:
    """The beginning of each of a token's three parts: header, claims, signature."""
    names = ("header", "claims", "signature")
    return Markup(".").join(Markup('<span class="part-{}">{}…</span>').format(name, part[:SHOWN])
                            for name, part in zip(names, raw.split(".")))
