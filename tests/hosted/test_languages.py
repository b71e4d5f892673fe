"""The language of the pages: which is chosen, that it stays, that every text is translated and fits."""
import re
import shutil
import subprocess
import sys

import pytest

from authservice.hosted import languages
from authservice.oauth import discovery
from tests.hosted.conftest import CALLBACK, NAME, PASSWORD
from tests.hosted.guest import Guest
from tests.services.server import ROOT

SIGN_IN = {"de": "Anmelden", "en": "Sign in", "es": "Iniciar sesión", "fr": "Se connecter", "id": "Masuk", "it": "Accedi",
           "ja": "サインイン", "ko": "로그인", "nl": "Inloggen", "pt-BR": "Entrar", "zh-CN": "登录", "zh-TW": "登入"}


def language_of(page) -> str:
    return page.root.all("html")[0].get("lang")


def command(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "scripts" / "translations.py", *arguments], capture_output=True,
                          text=True)


@pytest.mark.parametrize("tag", languages.LANGUAGES)
def test_the_sign_in_page_speaks_every_language(guest, site, tag):
    page = guest.open(f"{site.door}&lang={tag}")
    assert (language_of(page), page.heading) == (tag, SIGN_IN[tag])
    assert page.title == f"{SIGN_IN[tag]} · Field notes"


def test_discovery_names_the_languages_of_the_pages():
    assert discovery.LANGUAGES == list(languages.LANGUAGES)


def test_a_whole_journey_is_in_the_language_it_began_in(guest, site):
    page = guest.open(f"{site.door}&lang=de")
    page = guest.follow("Konto erstellen")
    page = guest.fill_in("Konto erstellen", {"E-Mail-Adresse": NAME, "Passwort": "x", "Passwort wiederholen": "x"})
    assert page.alert == "Dieses Passwort erfüllt die Regeln unten nicht: Es ist zu kurz."
    assert page.title == "Fehler: Konto erstellen · Field notes"
    page = guest.fill_in("Konto erstellen", {"E-Mail-Adresse": NAME, "Passwort": PASSWORD,
                                             "Passwort wiederholen": PASSWORD})
    assert "per E-Mail an u***@e*** gesendet. Er ist 24 Stunden gültig." in page.text
    guest.fill_in("Konto bestätigen", {"Bestätigungscode": site.mail()["code"]})
    assert guest.left_to.startswith(CALLBACK)


@pytest.mark.parametrize("asked, accepted, expected", [
    ("", "", "en"), ("lang=de", "en", "de"), ("lang=de&ui_locales=en", "", "de"), ("lang=xx&ui_locales=de", "", "de"),
    ("ui_locales=xx+de-CH+en", "en", "de"), ("ui_locales=xx", "de", "de"), ("", "sv, de;q=0.8, en;q=0.7", "de"),
    ("", "en;q=0.2, de;q=0.3", "de"), ("", "de;q=0, en", "en"), ("", "*", "en"), ("lang=", "de", "de"),
    ("lang=%00%F0%9F%92%A9", "de", "de")])
def test_the_address_goes_before_the_browser(client, asked, accepted, expected):
    """Without a cookie; on a page that serves no authorize request, which obeys the same."""
    answer = client.get(f"/signedout?{asked}", headers={"Accept-Language": accepted})
    assert f'<html lang="{expected}">' in answer.text


def test_a_language_once_named_is_remembered(client, guest, site):
    guest.open(f"{site.door}&lang=de")
    cookie = guest.cookie("lang")
    assert (cookie.value, cookie.http_only, cookie.same_site, cookie.path) == ("de", True, "Lax", "/")
    assert language_of(guest.open(site.door)) == language_of(guest.open("/signedout")) == "de"
    accepted = guest.client.get("/signedout", headers={"Accept-Language": "en"}).text
    assert '<html lang="de">' in accepted
    assert language_of(guest.open(f"{site.door}&ui_locales=en")) == "en" and guest.cookie("lang").value == "de"
    guest.open(f"{site.door}&lang=en")
    assert guest.cookie("lang").value == "en"


@pytest.mark.parametrize("value", ["xx", "", "../../de", "<b>"])
def test_an_unknown_language_is_not_remembered_and_a_planted_one_does_nothing(guest, site, value):
    assert language_of(guest.open(f"{site.door}&lang={value}")) == "en" and guest.cookie("lang") is None
    guest.client.set_cookie("lang", value)
    assert language_of(guest.open(site.door)) == "en"


@pytest.mark.parametrize("tag, expected", [
    ("de", "de"), ("DE-at", "de"), ("pt", "pt-BR"), ("pt-PT", "pt-BR"), ("zh", "zh-CN"), ("zh-Hant", "zh-TW"), ("zh-HK", "zh-TW"),
    ("zh-Hans-TW", "zh-CN"), ("zh-cn", "zh-CN"), ("ja-JP", "ja"), ("in", None), ("de_CH", "de"), ("de-Latn-DE", "de"), ("en-GB", "en"), ("xx", None), ("", None),
    ("d", None), ("de;q=1", None), ("deutsch", None), ("de/..", None)])
def test_a_tag_finds_its_language(tag, expected):
    assert languages.match(tag) == expected


def test_every_language_is_one_link_away_and_the_request_comes_along(guest, site, app):
    site.add_user()
    page = guest.open(f"{site.door}&lang=en&prompt=login")
    names = [link.text for link in page.root.all("a") if link.get("hreflang")]
    assert names == list(languages.LANGUAGES.values())
    [here] = page.root.all("a", **{"aria-current": "true"})
    assert here.text == "English"
    page = guest.follow("Deutsch")
    assert guest.path == "/login" and language_of(page) == "de" and guest.url.count("lang=") == 1
    guest.fill_in("Anmelden", {"E-Mail-Adresse": NAME, "Passwort": PASSWORD})
    assert guest.left_to.startswith(CALLBACK) and "state=a%2Bb%2Fc" in guest.left_to


def test_a_page_in_the_middle_of_a_journey_can_change_its_language(guest, site, sign_in):
    site.add_user(permanent=False)
    sign_in()
    page = guest.follow("Deutsch")
    assert (guest.path, page.heading) == ("/changePassword", "Neues Passwort wählen")
    guest.fill_in("Speichern und weiter", {"Neues Passwort": "Battery-staple-7",
                                           "Neues Passwort wiederholen": "Battery-staple-7"})
    assert guest.left_to.startswith(CALLBACK)


@pytest.mark.parametrize("name, password, english, german", [
    (NAME, "wrong", "Incorrect username or password.", "Benutzername oder Passwort ist falsch."),
    ("", "wrong", "Email address is missing.", "E-Mail-Adresse: Bitte füllen Sie dieses Feld aus."),
    (NAME, PASSWORD, "This account is disabled.", "Dieses Konto ist gesperrt.")])
def test_a_refusal_is_told_in_the_language_of_the_page(app, site, name, password, english, german):
    site.add_user()
    site.call("AdminDisableUser", UserPoolId=site.pool_id, Username=NAME)
    for tag, button, labels, told in (("en", "Sign in", ("Email address", "Password"), english),
                                      ("de", "Anmelden", ("E-Mail-Adresse", "Passwort"), german)):
        guest = Guest(app.test_client())
        guest.open(f"{site.door}&lang={tag}")
        page = guest.fill_in(button, dict(zip(labels, (name, password))))
        assert page.status == 400 and page.alert.startswith(told)


def test_what_the_backend_says_in_english_alone_is_not_shown_to_others(app):
    """A refusal no text is known for: English guests read it as it is, others one they can read."""
    from authservice.errors import CognitoError
    refusal = CognitoError("InvalidParameterException", "Only in <English>.")
    for tag, told in (("en", "Only in &lt;English&gt;."), ("de", "Das hat nicht geklappt.")):
        with app.test_request_context(f"/login?lang={tag}"):
            texts = app.jinja_env.get_template("hosted/texts.html").module
            assert str(texts.refusal(refusal, None, None, tag)).startswith(told)


def test_every_text_of_the_pages_is_in_every_catalogue():
    done = command("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"in {len(languages.LANGUAGES) - 1} languages" in done.stdout


@pytest.mark.parametrize("broken, by, told", [
    ('msgstr "Anmelden"', 'msgstr ""', "'Sign in' is not translated"),
    ('msgid "Sign in"', 'msgid "Log in"', "'Log in' is said by no page"),
    ('msgid "Sign in"', '#, fuzzy\nmsgid "Sign in"', "'Sign in' is fuzzy"),
    ("per E-Mail an <strong>%(to)s</strong>", "per E-Mail an <strong>%(whom)s</strong>", "has not the placeholders"),
    ("per E-Mail an <strong>%(to)s</strong>", "per E-Mail an <b>%(to)s</b>", "has not the markup"),
    ('msgstr "Anmelden"', 'msgstr "100 % anmelden"', "has a stray %")])
def test_a_catalogue_that_does_not_fit_the_pages_is_told(tmp_path, broken, by, told):
    shutil.copytree(languages.FOLDER, tmp_path / "translations")
    path = languages.path_of("de", tmp_path / "translations")
    text = path.read_text()
    assert text.count(broken) == 1 or "Link" in text
    path.write_text(text.replace(broken, by))
    done = command("--check", "--folder", tmp_path / "translations")
    assert done.returncode == 1 and re.search(f"^de: .*{re.escape(told)}", done.stdout, re.MULTILINE)


def test_new_texts_reach_the_catalogues_and_nothing_else_changes(tmp_path):
    shutil.copytree(languages.FOLDER, tmp_path / "translations")
    path = languages.path_of("de", tmp_path / "translations")
    whole = path.read_text()
    path.write_text(re.sub(r'#: [^\n]*\nmsgid "Sign in"\nmsgstr [^\n]*\n\n', "", whole) + '\nmsgid "Old"\nmsgstr "Alt"\n')
    done = command("--folder", tmp_path / "translations")
    assert done.returncode == 1 and done.stdout == "de: 'Sign in' is not translated\n"
    assert path.read_text() == whole.replace('msgid "Sign in"\nmsgstr "Anmelden"', 'msgid "Sign in"\nmsgstr ""')
