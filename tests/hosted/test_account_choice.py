"""Choosing an account and consenting: pages between who is signed in and the app that wants to know."""
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.hosted.conftest import CALLBACK, NAME, PASSWORD
from tests.hosted.guest import Guest

OTHER = "user-2@example.com"


def told(guest: Guest) -> dict:
    """What the application was answered."""
    assert guest.left_to.startswith(f"{CALLBACK}?")
    return {name: value for name, [value] in parse_qs(urlsplit(guest.left_to).query).items()}


@pytest.fixture
def known(guest, site, sign_in) -> Guest:
    """A guest who is signed in."""
    site.add_user()
    sign_in()
    guest.left_to = None
    return guest


def test_the_application_can_have_the_account_chosen(known, site):
    page = known.open(f"{site.door}&prompt=select_account")
    assert (known.path, page.heading) == ("/selectAccount", "Choose an account")
    known.press(f"Continue as {NAME}")
    assert "code" in told(known) and told(known)["state"] == "a+b/c"
    assert known.open(f"{site.door}&prompt=select_account").heading == "Choose an account"


def test_somebody_else_signs_in_from_there_and_is_then_who_is_signed_in(known, site):
    site.add_user(OTHER)
    known.open(f"{site.door}&prompt=select_account")
    assert known.follow("Use another account").heading == "Sign in"
    known.fill_in("Sign in", {"Email address": OTHER, "Password": PASSWORD})
    assert "code" in told(known)
    page = known.open(f"{site.door}&prompt=select_account")
    assert f"Continue as {OTHER}" in page.text


def test_who_is_not_signed_in_has_no_account_to_choose(guest, site):
    site.add_user()
    assert guest.open(f"{site.door}&prompt=select_account").heading == "Sign in"
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert "code" in told(guest)
    assert Guest(guest.client.application.test_client()).open(
        site.page("/selectAccount") + "&prompt=select_account").heading == "Sign in"


def test_a_choice_counts_for_its_own_request_alone_and_is_no_new_sign_in(known, site):
    asked = f"{site.door}&prompt=select_account+login"
    assert known.open(asked).heading == "Sign in"
    known.open(f"{site.door}&prompt=select_account")
    known.press(f"Continue as {NAME}")
    known.left_to = None
    assert known.open(f"{site.door}&prompt=select_account&x=1").heading == "Choose an account"
    assert known.open(asked).heading == "Sign in"


def test_who_is_signed_in_well_enough_needs_no_form(known, site):
    known.open(site.page("/login"))
    assert "code" in told(known)
    assert known.open(site.page("/login") + "&prompt=login").heading == "Sign in"


def test_consent_is_nothing_to_ask_for_in_cognitos_way(known, site):
    known.open(f"{site.door}&prompt=consent")
    assert "code" in told(known)


class TestStrictly:
    @pytest.fixture
    def settings(self, settings):
        return replace(settings, oidc="strict")

    def test_the_application_can_have_the_person_agree(self, known, site):
        page = known.open(f"{site.door}&prompt=consent")
        assert (known.path, page.heading) == ("/consent", "Allow access?")
        assert NAME in page.text and "See your email address" in page.text
        known.press("Allow", decision="allow")
        assert "code" in told(known)
        assert known.open(f"{site.door}&prompt=consent").heading == "Allow access?"

    def test_the_person_is_told_what_the_application_asks_for_by_name(self, known, site):
        asked = '{"userinfo": {"email": null, "birthdate": null, "unheard_of": null}, "id_token": {"sub": null, "picture": null}}'
        page = known.open(f"{site.door}&prompt=consent&{urlencode({'claims': asked})}")
        assert "See: Date of birth" in page.text and "See: Address of your picture" in page.text
        assert page.text.count("See") == 3 and "Unheard of" not in page.text  # the scope email shows the third

    def test_another_language_on_the_way_asks_for_no_new_sign_in(self, known, site):
        known.open(f"{site.door}&prompt=consent+login")
        known.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
        assert known.follow("Deutsch").heading == "Zugriff erlauben?"
        known.press("Erlauben", decision="allow")
        assert "code" in told(known)

    @pytest.mark.parametrize("decision", ["deny", "", "allow "])
    def test_anything_but_yes_is_no(self, known, site, decision):
        known.open(f"{site.door}&prompt=consent")
        known.press("Deny", decision=decision)
        answer = told(known)
        assert answer["error"] == "access_denied" and answer["state"] == "a+b/c" and "code" not in answer

    def test_a_new_sign_in_is_followed_by_the_question(self, known, site):
        assert known.open(f"{site.door}&prompt=consent+login").heading == "Sign in"
        page = known.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
        assert page.heading == "Allow access?"
        known.press("Allow", decision="allow")
        assert "code" in told(known)

    def test_a_yes_that_is_sent_without_the_page_is_not_one(self, known, site):
        known.open(f"{site.door}&prompt=consent")
        assert known.press("Allow", decision="allow", _csrf="forged").status == 403
        assert known.left_to is None
