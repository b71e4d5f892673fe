"""Signing up by the pages: what is asked, the code or link that confirms, and going on signed in."""
import pytest

from authservice.crypto.secret_hash import secret_hash
from tests.hosted.conftest import CALLBACK, NAME, PASSWORD

TYPED = {"Email address": NAME, "Password": PASSWORD, "Password again": PASSWORD}
VERIFIED = {"Name": "email_verified", "Value": "true"}


def sign_up(guest, site, **typed):
    guest.open(site.door)
    guest.follow("Create an account")
    return guest.fill_in("Create account", {**TYPED, **typed})


def test_a_newcomer_signs_up_and_is_back_signed_in(guest, site):
    page = sign_up(guest, site)
    assert (guest.path, page.heading) == ("/confirm", "Confirm your account")
    assert "by email to u***@e***" in page.text and NAME == page.labels["Email address"].get("value")

    guest.fill_in("Confirm account", {"Confirmation code": site.mail()["code"]})
    assert guest.left_to.startswith(CALLBACK) and "code=" in guest.left_to
    assert site.user()["UserStatus"] == "CONFIRMED" and VERIFIED in site.user()["UserAttributes"]


def test_a_code_may_be_typed_in_groups(guest, site):
    sign_up(guest, site)
    code = site.mail()["code"]
    guest.fill_in("Confirm account", {"Confirmation code": f" {code[:3]} {code[3:]} "})
    assert guest.left_to.startswith(CALLBACK)


def test_a_wrong_code_is_refused_and_the_right_one_still_works(guest, site):
    sign_up(guest, site)
    right = site.mail()["code"]
    page = guest.fill_in("Confirm account", {"Confirmation code": f"{(int(right) + 1) % 10**6:06d}"})
    assert page.status == 400 and page.alert.startswith("That code is not right.")
    assert page.labels["Confirmation code"].get("aria-invalid") == "true"
    guest.fill_in("Confirm account", {"Confirmation code": right})
    assert guest.left_to.startswith(CALLBACK)


def test_a_new_code_replaces_the_old_one(guest, site):
    sign_up(guest, site)
    old = site.mail()["code"]
    page = guest.press("Send a new code")
    assert guest.path == "/confirm" and page.notice.startswith("We sent a new code.")
    new = site.mail()["code"]
    if old != new:
        assert guest.fill_in("Confirm account", {"Confirmation code": old}).status == 400
    guest.fill_in("Confirm account", {"Confirmation code": new})
    assert guest.left_to.startswith(CALLBACK)


@pytest.mark.filterwarnings("error:The 'login' cookie is too large")
def test_the_longest_names_and_passwords_have_room_in_the_journeys_cookie(guest, make_site):
    site = make_site(UsernameAttributes=None)
    site.call("SetUserPoolMfaConfig", UserPoolId=site.pool_id, MfaConfiguration="ON",
              SoftwareTokenMfaConfiguration={"Enabled": True})
    one, two, password = "\U0001f600" * 128, "\U0001f601" * 128, PASSWORD + "\U0001f602" * (256 - len(PASSWORD))
    site.add_user(one, email=NAME)
    guest.open(site.door)
    guest.fill_in("Sign in", {"Username": one, "Password": PASSWORD})
    assert guest.path == "/mfa/setup"
    guest.open(site.page("/signup"))
    guest.fill_in("Create account", {"Username": two, "Email address": "user-2@example.com",
                                     "Password": password, "Password again": password})
    guest.fill_in("Confirm account", {"Confirmation code": site.mail("user-2@example.com")["code"]})
    assert guest.path == "/mfa/setup"


def test_the_password_is_kept_for_a_quarter_of_an_hour_and_then_asked_for(guest, site, clock):
    sign_up(guest, site)
    clock.advance(minutes=15)
    page = guest.fill_in("Confirm account", {"Confirmation code": site.mail()["code"]})
    assert guest.path == "/login" and page.notice == "Your account is confirmed. You can sign in now."
    guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert guest.left_to.startswith(CALLBACK)


def test_the_kept_password_signs_in_nobody_else(guest, site):
    sign_up(guest, site)
    site.call("AdminConfirmSignUp", UserPoolId=site.pool_id, Username=NAME)
    other = "user-2@example.com"
    site.call("SignUp", ClientId=site.client["ClientId"], Username=other, Password=PASSWORD,
              SecretHash=secret_hash(site.client["ClientSecret"], other, site.client["ClientId"]))
    guest.press("Confirm account", username=other, code=site.mail(other)["code"])
    assert guest.path == "/login" and guest.left_to is None


def test_someone_who_left_before_the_code_is_led_back_to_it(guest, site, clock):
    sign_up(guest, site)
    clock.advance(hours=2)
    guest.client.delete_cookie("login")
    guest.open(site.door)
    page = guest.fill_in("Sign in", {"Email address": NAME, "Password": PASSWORD})
    assert guest.path == "/confirm" and page.notice.startswith("This account is not confirmed yet.")
    guest.press("Send a new code")
    guest.fill_in("Confirm account", {"Confirmation code": site.mail()["code"]})
    assert guest.left_to.startswith(CALLBACK)


def test_a_code_can_be_typed_at_another_device(guest, site, app):
    sign_up(guest, site)
    guest.client = app.test_client()
    page = guest.open(site.page("/confirm"))
    assert "readonly" not in page.labels["Email address"].attributes
    page = guest.fill_in("Confirm account", {"Email address": NAME, "Confirmation code": site.mail()["code"]})
    assert guest.path == "/login" and "confirmed" in page.notice


def test_two_different_passwords_are_refused_before_anything_is_made(guest, site):
    page = sign_up(guest, site, **{"Password again": PASSWORD + "!"})
    assert page.status == 400 and page.alert.startswith("The two passwords are not the same.")
    assert page.labels["Password again"].get("aria-invalid") == "true"
    assert site.call("ListUsers", UserPoolId=site.pool_id).get("Users", []) == []


def test_the_policy_is_told_before_it_is_broken_and_when_it_is(guest, make_site):
    policy = {"MinimumLength": 14, "RequireUppercase": True, "RequireNumbers": True,
              "RequireLowercase": False, "RequireSymbols": False}
    site = make_site(Policies={"PasswordPolicy": policy})
    page = guest.open(site.page("/signup"))
    [box] = page.root.all("div", **{"class": "rules"})
    rules = [rule.text for rule in box.all("li")]
    assert rules == ["at least 14 characters", "an upper-case letter", "a digit"]
    assert page.labels["Password"].get("minlength") == "14"
    page = guest.fill_in("Create account", {**TYPED, "Password": "Short1", "Password again": "Short1"})
    assert page.status == 400 and "not long enough" in page.alert
    assert page.labels["Password"].get("aria-describedby").split() == ["refusal", "rules"]


def test_a_name_in_use_is_refused(guest, site):
    site.add_user()
    page = sign_up(guest, site)
    assert page.status == 400 and page.alert.startswith("There is already an account with this name.")
    assert page.labels["Email address"].get("aria-invalid") == "true"


def test_exactly_the_required_attributes_are_asked_for_each_in_its_own_kind_of_field(guest, make_site):
    wanted = ["email", "given_name", "birthdate", "phone_number", "website"]
    site = make_site(Schema=[{"Name": name, "Required": True} for name in wanted])
    page = guest.open(site.page("/signup"))
    fields = {label: (field.get("type"), field.get("autocomplete")) for label, field in page.labels.items()}
    assert fields == {
        "Email address": ("email", "username"), "First name": ("text", "given-name"),
        "Date of birth": ("date", "bday"),
        "Phone number": ("tel", "tel"), "Website": ("url", "url"),
        "Password": ("password", "new-password"), "Password again": ("password", "new-password")}
    typed = {"First name": "Demo", "Date of birth": "1990-12-10", "Phone number": "+44 20 7946 0018",
             "Website": "https://example.com"}
    guest.fill_in("Create account", {**TYPED, **typed})
    attributes = {each["Name"]: each["Value"] for each in site.user()["UserAttributes"]}
    assert attributes["phone_number"] == "+442079460018" and attributes["given_name"] == "Demo"
    assert attributes["email"] == NAME


def test_a_missing_attribute_is_named(guest, make_site):
    site = make_site(Schema=[{"Name": "given_name", "Required": True}])
    guest.open(site.page("/signup"))
    page = guest.fill_in("Create account", TYPED)
    assert page.status == 400 and page.alert == "First name is missing."
    assert page.labels["First name"].get("aria-invalid") == "true"


def test_an_address_is_asked_for_where_only_its_code_can_confirm(guest, make_site):
    site = make_site(UsernameAttributes=None)
    page = guest.open(site.page("/signup"))
    assert list(page.labels) == ["Username", "Email address", "Password", "Password again"]
    guest.fill_in("Create account", {**TYPED, "Username": "user-1"})
    guest.fill_in("Confirm account", {"Confirmation code": site.mail()["code"]})
    assert guest.left_to.startswith(CALLBACK)


def test_where_no_code_is_sent_the_page_says_so(guest, make_site):
    site = make_site(AutoVerifiedAttributes=None)
    page = sign_up(guest, site)
    assert guest.path == "/login" and "no confirmation code is sent here" in page.notice
    assert site.user()["UserStatus"] == "UNCONFIRMED"


def test_a_pool_of_invited_users_offers_no_sign_up_and_refuses_it(guest, make_site):
    site = make_site(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})
    page = guest.open(site.door)
    assert "Create an account" not in page.links
    token = page.form_of("Sign in").all("input", name="_csrf")[0].get("value")
    page = guest.open(site.page("/signup"))
    assert "made by an administrator" in page.text and not page.root.all("form")
    page = guest.open(site.page("/signup"), "POST", {"_csrf": token, "username": NAME, "password": PASSWORD})
    assert page.status == 400 and page.alert == "Accounts are made by an administrator here. Ask yours for one."


def test_a_mailed_link_confirms_once_and_the_journey_goes_on(guest, make_site, app):
    site = make_site(VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_LINK"})
    page = sign_up(guest, site)
    assert "a link by email to u***@e***" in page.text and "Confirmation code" not in page.labels
    page = guest.press("I have opened the link")
    assert page.status == 400 and page.alert == "This account is not confirmed yet."

    mailbox = app.test_client()
    link = site.mail()["link"]
    assert link.startswith("http://localhost:8400/confirmUser?")
    opened = mailbox.get(link.removeprefix("http://localhost:8400"))
    assert opened.status_code == 200 and "Your account is confirmed" in opened.text
    assert mailbox.get(link.removeprefix("http://localhost:8400")).status_code == 400
    assert not [cookie for cookie in opened.headers.getlist("Set-Cookie") if cookie.startswith("cognito.")]

    guest.press("I have opened the link")
    assert guest.left_to.startswith(CALLBACK)


@pytest.mark.parametrize("query", ["", "client_id=x", "client_id=x&user_name=y&confirmation_code=z",
                                   "user_name=%00"])
def test_a_broken_link_is_a_page(client, query):
    answer = client.get(f"/confirmUser?{query}")
    assert answer.status_code == 400 and "This link does not work" in answer.text
