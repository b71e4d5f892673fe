"""Which language a page speaks, and the catalogues with its texts: the twelve languages of Cognito's pages.

Owns the choice (address, cookie, browser) and translations/. A catalogue is the readable messages.po itself, read
once, when the first page needs it; nothing is compiled at installation. English texts stand in the templates.
To add a text: write it in English inside `_()` or `{% trans %}`, run scripts/translations.py, fill what is empty.
Source: Developer Guide, "Managed login localization"; OpenID Connect Core section 3.1.2.1 (ui_locales); BCP 47.
"""
import re
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel, Domain

from authservice import browser

LANGUAGES = {"de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "id": "Bahasa Indonesia",
             "it": "Italiano", "ja": "日本語", "ko": "한국어", "nl": "Nederlands", "pt-BR": "Português (Brasil)",
             "zh-CN": "简体中文", "zh-TW": "繁體中文"}
"""Each by its tag, with its own name."""
SOURCE = "en"
"""The language of the templates."""
FOLDER = Path(__file__).parent / "translations"


def match(tag: str) -> str | None:
    """The language of ours that a tag asks for, or None: `de-AT` is German, `zh-Hant` the Chinese of Taiwan."""
    language, *more = tag.strip().lower().replace("_", "-").split("-")
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", "-".join([language, *more])):
        return None
    if language == "zh":
        language = "zh-TW" if {"hant", "tw", "hk", "mo"} & set(more) and "hans" not in more else "zh-CN"
    language = {"pt": "pt-BR"}.get(language, language)
    return language if language in LANGUAGES else None


def current() -> str:
    """The tag of the language this request is answered in.

    What the address names (`lang`, then the best of `ui_locales`), what the guest chose before, what the browser
    prefers, English: the first of these that is one of ours.
    """
    if "language" not in g:
        accepted = [tag for tag, quality in request.accept_languages if quality > 0]
        wanted = [request.args.get("lang", ""), *request.args.get("ui_locales", "").split(),
                  browser.language(), *accepted]
        g.language = next(filter(None, map(match, wanted)), SOURCE)
    return g.language


def remember() -> None:
    """For before_request: keep the language that the address names for the next time, as Cognito does."""
    chosen = match(request.args.get("lang", ""))
    if chosen and chosen != browser.language():
        browser.remember_language(chosen)


def choices() -> list[tuple[str, str, str]]:
    """Tag, own name, and the address of this same page in it, of every language."""
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    here = request.script_root + request.path
    return [(tag, name, f"{here}?{urlencode([*others, ('lang', tag)])}") for tag, name in LANGUAGES.items()]


@cache
def catalogue(tag: str) -> NullTranslations:
    """The texts of a language; the source's own is empty."""
    if tag == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    with open(path_of(tag), "rb") as file:
        write_mo(compiled, read_po(file, tag.replace("-", "_")))
    compiled.seek(0)
    return Translations(compiled)


def path_of(tag: str, folder: Path = FOLDER) -> Path:
    """Where the catalogue of a language is."""
    return folder / tag.replace("-", "_") / "LC_MESSAGES" / "messages.po"


class Catalogues(Domain):
    """Flask-Babel's texts, straight from our readable files."""

    def get_translations(self) -> NullTranslations:
        return catalogue(current())


def set_up(app: Flask) -> None:
    """Give the app's templates gettext in the language of each request."""
    babel = Babel(app, locale_selector=lambda: current().replace("-", "_"))
    babel.domain_instance = Catalogues()
    app.jinja_env.policies["ext.i18n.trimmed"] = True
