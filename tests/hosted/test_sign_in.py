"""Signing in by the pages: the form, what is refused, where challenges lead, one sign-in for the pool."""
import pytest

from tests.hosted.conftest import CALLBACK, NAME, PASSWORD
from tests.hosted.guest import Guest

NEW = {"New password": "Battery-staple-7", "New password again": "Battery-staple-7"}


def test_an_application_sends_a_guest_to_the_sign_in_page_and_gets_a_code(guest, site, sign_in):
    site.add_user()
    page = guest.open(site.door)
    assert (guest.path, page.title, page.heading) == ("/login", "Sign in · Field notes", "Sign in")
    sign_in()
    assert guest.left_to.startswith(f"{CALLBACK}?") and "code=" in guest.left_to


@pytest.mark.parametrize("name, password", [(NAME, "wrong"), ("nobody@example.com", PASSWORD),
                                            (NAME, PASSWORD.lower())])
def test_a_wrong_name_or_password_is_refused_on_the_page_itself(guest, site, sign_in, name, password):
    site.add_user()
    page = sign_in(name, password)
    assert (page.status, guest.path, page.alert) == (400, "/login", "Incorrect username or password.")
    assert page.title == "Error: Sign in · Field notes"
    assert page.labels["Email address"].get("value") == name and page.labels["Password"].get("value") == ""


def test_a_refused_page_is_the_same_for_known_and_unknown_names(guest, make_site):
    site = make_site(client={"PreventUserExistenceErrors": "ENABLED"})
    site.add_user()
    bodies = []
    for name in (NAME, "user-2@example.com"):
        guest.open(site.door)
        page = guest.fill_in("Sign in", {"Email address": name, "Password": "wrong"})
        bodies.append(page.html.replace(name, "NAME"))
    assert bodies[0] == bodies[1]


def test_after_many_failures_the_page_says_to_wait(guest, site, sign_in):
    site.add_user()
    for _ in range(5):
        sign_in(NAME, "wrong")
    assert sign_in().alert == "Too many attempts. Wait a few minutes, then try again."


def test_one_sign_in_serves_every_application_of_the_pool_for_an_hour(guest, site, sign_in, clock):
    site.add_user()
    sign_in()
    first, guest.left_to = guest.left_to, None
    guest.open(site.door)
    assert guest.left_to.startswith(CALLBACK) and guest.left_to != first
    clock.advance(minutes=61)
    assert guest.open(site.door).heading == "Sign in"


def test_a_demanded_sign_in_asks_once_and_does_not_go_in_circles(guest, site, sign_in):
    site.add_user()
    sign_in()
    guest.left_to = None
    for _ in range(2):
        page = guest.open(f"{site.door}&prompt=login")
        assert page.heading == "Sign in" and guest.left_to is None
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert guest.left_to.startswith(CALLBACK)


def test_the_browser_session_is_new_at_every_sign_in(guest, site, sign_in):
    """S1: whatever a browser brought along is worth nothing after the sign-in."""
    site.add_user()
    name = f"cognito.{site.pool_id}"
    guest.client.set_cookie(name, "planted")
    sign_in()
    first = guest.cookie(name).value
    guest.open(f"{site.door}&prompt=login")
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert first != "planted" and guest.cookie(name).value not in (first, "planted")
    assert len(first) >= 32


def test_a_sign_in_counts_for_its_own_pool_only(guest, site, make_site, sign_in):
    other = make_site()
    site.add_user()
    sign_in()
    guest.client.set_cookie(f"cognito.{other.pool_id}", guest.cookie(f"cognito.{site.pool_id}").value)
    assert guest.open(other.door).heading == "Sign in"


def test_the_name_an_application_suggests_is_filled_in(guest, site):
    page = guest.open(f"{site.door}&login_hint=user-9%40example.com")
    assert page.labels["Email address"].get("value") == "user-9@example.com"


@pytest.mark.parametrize("members, label, kind", [
    ({"UsernameAttributes": ["email"]}, "Email address", "email"),
    ({"UsernameAttributes": ["phone_number"], "AutoVerifiedAttributes": None}, "Phone number", "tel"),
    ({"UsernameAttributes": ["email", "phone_number"]}, "Email address or phone number", "text"),
    ({"UsernameAttributes": None}, "Username", "text"),
    ({"UsernameAttributes": None, "AliasAttributes": ["email"]}, "Username or email address", "text")])
def test_the_field_for_the_name_is_what_the_pool_takes(guest, make_site, members, label, kind):
    field = guest.open(make_site(**members).door).labels[label]
    assert (field.get("type"), field.get("autocomplete")) == (kind, "username")


def test_a_phone_number_may_be_typed_in_groups(guest, make_site):
    site = make_site(UsernameAttributes=["phone_number"], AutoVerifiedAttributes=None)
    site.add_user("+442079460018", email_verified="false")
    guest.open(site.door)
    guest.fill_in("Sign in", {"Phone number": " +44 (20) 7946-0018 ", "Password": PASSWORD})
    assert guest.left_to.startswith(CALLBACK)


def test_a_password_that_must_be_reset_leads_to_the_code(guest, site, sign_in):
    site.add_user()
    site.call("AdminResetUserPassword", UserPoolId=site.pool_id, Username=NAME)
    page = sign_in()
    assert guest.path == "/forgotPassword" and "must be reset" in page.notice
    assert page.labels["Email address"].get("value") == NAME


def test_a_disabled_user_is_told(guest, site, sign_in):
    site.add_user()
    site.call("AdminDisableUser", UserPoolId=site.pool_id, Username=NAME)
    page = sign_in()
    assert page.status == 400 and page.alert == "This account is disabled. Ask an administrator for help."


def test_a_temporary_password_is_replaced_and_the_profile_completed(guest, make_site):
    site = make_site(Schema=[{"Name": name, "Required": True} for name in ("given_name", "birthdate")])
    site.add_user(permanent=False)
    guest.open(site.door)
    page = guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert (guest.path, page.heading) == ("/changePassword", "Choose a new password")
    assert page.labels["Date of birth"].get("type") == "date"
    assert "readonly" in page.labels["Account"].attributes and page.labels["Account"].get("value") == NAME

    profile = {"First name": "Demo", "Date of birth": "1990-12-10"}
    short = {"New password": "short", "New password again": "short"}
    page = guest.fill_in("Save and continue", {**profile, **short})
    assert page.status == 400 and "password does not meet the rules" in page.alert
    assert page.labels["First name"].get("value") == "Demo" and page.labels["New password"].get("value") == ""

    guest.fill_in("Save and continue", {**profile, **NEW})
    assert guest.left_to.startswith(CALLBACK)
    user = site.user()
    attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
    assert user["UserStatus"] == "CONFIRMED"
    assert (attributes["given_name"], attributes["birthdate"]) == ("Demo", "1990-12-10")


@pytest.mark.parametrize("path", ["/mfa", "/mfa/setup", "/changePassword"])
def test_a_page_of_a_challenge_opens_only_while_it_is_asked(guest, site, path):
    page = guest.open(site.page(path))
    assert guest.path == "/login" and "sign in again" in page.notice


def test_a_challenge_of_one_application_is_nothing_at_another(guest, site, make_site):
    other = make_site()
    site.add_user(permanent=False)
    guest.open(site.door)
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert guest.path == "/changePassword"
    guest.open(other.page("/changePassword"))
    assert guest.path == "/login"


def test_a_challenge_whose_time_is_over_begins_again(guest, site, sign_in, clock):
    site.add_user(permanent=False)
    sign_in()
    clock.advance(minutes=16)
    page = guest.fill_in("Save and continue", NEW)
    assert guest.path == "/login" and "took too long" in page.notice
    assert guest.open(guest.url).notice == "", "a notice is told once"


def test_two_guests_do_not_share_a_sign_in(app, site, guest, sign_in):
    site.add_user()
    sign_in()
    assert Guest(app.test_client()).open(site.door).heading == "Sign in"
