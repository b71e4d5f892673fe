"""A forgotten password: the code, the new password, and nothing that tells who has an account."""
import pytest

from tests.hosted.conftest import CALLBACK, NAME, PASSWORD

NEW = {"New password": "Battery-staple-7", "New password again": "Battery-staple-7"}


def forget(guest, site, name: str = NAME):
    guest.open(site.door)
    guest.follow("Forgot your password?")
    return guest.fill_in("Send the code", {"Email address": name})


def test_a_forgotten_password_is_replaced_by_a_mailed_code(guest, site):
    site.add_user()
    page = forget(guest, site)
    assert (guest.path, page.heading) == ("/confirmforgotPassword", "Choose a new password")
    assert "by email to u***@e***" in page.text
    page = guest.fill_in("Change password", {"Code": site.mail()["code"], **NEW})
    assert guest.path == "/login" and page.notice.startswith("Your password is changed.")
    assert page.labels["Email address"].get("value") == NAME

    assert guest.fill_in("Sign in", {"Password": PASSWORD}).status == 400
    guest.fill_in("Sign in", {"Password": NEW["New password"]})
    assert guest.left_to.startswith(CALLBACK)


def test_wrong_codes_weak_and_different_passwords_are_refused(guest, site):
    site.add_user()
    forget(guest, site)
    code = site.mail()["code"]
    page = guest.fill_in("Change password", {"Code": f"{(int(code) + 1) % 10**6:06d}", **NEW})
    assert page.status == 400 and page.alert.startswith("That code is not right.")
    page = guest.fill_in("Change password", {"Code": code, **NEW, "New password again": "Battery-staple-8"})
    assert page.status == 400 and page.alert.startswith("The two passwords")
    weak = {"New password": "weak", "New password again": "weak"}
    page = guest.fill_in("Change password", {"Code": code, **weak})
    assert page.status == 400 and "does not meet the rules" in page.alert
    page = guest.fill_in("Change password", {"Code": code, **NEW})
    assert page.notice.startswith("Your password is changed.")


def test_the_way_is_the_same_for_known_and_unknown_names(guest, make_site):
    site = make_site(client={"PreventUserExistenceErrors": "ENABLED"})
    site.add_user()
    pages = []
    for name in (NAME, "unknown@example.com"):
        page = forget(guest, site, name)
        wrong = guest.fill_in("Change password", {"Code": "000000", **NEW})
        pages.append((guest.path, page.status, page.heading, wrong.status, sorted(wrong.labels)))
    assert pages[0] == pages[1]
    assert "u***@e***" in page.text


def test_someone_with_a_code_can_go_straight_to_it(guest, site):
    site.add_user()
    forget(guest, site)
    guest.client.delete_cookie("login")
    guest.open(site.page("/forgotPassword"))
    guest.follow("I already have a code")
    page = guest.fill_in("Change password", {"Email address": NAME, "Code": site.mail()["code"], **NEW})
    assert page.notice.startswith("Your password is changed.")


def test_a_pool_that_lets_only_administrators_reset_offers_nothing(guest, make_site):
    site = make_site(AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]})
    assert "Forgot your password?" not in guest.open(site.door).links
    page = guest.open(site.page("/forgotPassword"))
    assert "reset by an administrator" in page.text and not page.root.all("form")


@pytest.mark.parametrize("name", ["", "a b"])
def test_what_cannot_be_a_name_is_refused_in_plain_words(guest, site, name):
    page = forget(guest, site, name)
    assert page.status == 400 and "please check what you entered" in page.alert
    assert "validation error" not in page.text and "regular expression" not in page.text
