"""The demo site's own form, which calls the JSON API, against the running service."""
import re

from tests.demo.conftest import PASSWORD, Authenticator


def sign_in(site, browser, address, password=PASSWORD):
    browser.open(f"{site.url}/api")
    return browser.press("Sign in", username=address, password=password)


def test_an_account_is_made_confirmed_and_signed_in(site, browser):
    address = site.new_address()
    browser.open(f"{site.url}/api/sign-up")
    page = browser.press("Create the account", username=address, name="New User", password=PASSWORD)
    assert page.url == f"{site.url}/api/confirm" and "A code is on its way" in page.text
    page = browser.press("Confirm", username=address, code=site.mailed_code(address))
    assert page.url == f"{site.url}/api" and "The address is confirmed" in page.text
    page = browser.press("Sign in", username=address, password=PASSWORD)
    assert page.url == f"{site.url}/account" and "Hello, New User" in page.text
    assert "Audience aud is demositeownform00000000001" in page.text
    for operation in ("SignUp", "ConfirmSignUp", "InitiateAuth", "GetUser"):
        assert operation in page.text
    assert PASSWORD not in page.html


def test_a_fresh_code_replaces_the_first(site, browser):
    address = site.new_address()
    browser.open(f"{site.url}/api/sign-up")
    browser.press("Create the account", username=address, password=PASSWORD)
    first = site.mailed_code(address)
    browser.press("Send a new code", username=address)
    second = site.mailed_code(address)
    assert first != second
    assert "CodeMismatchException" in browser.press("Confirm", username=address, code=first).text
    assert "confirmed" in browser.press("Confirm", username=address, code=second).text


def test_refusals_are_shown_in_the_services_own_words(site, browser):
    page = sign_in(site, browser, site.new_user(), "Wrong-Password-1")
    assert page.status == 400
    assert "NotAuthorizedException Incorrect username or password." in page.text
    browser.open(f"{site.url}/api/sign-up")
    page = browser.press("Create the account", username=site.new_address(), password="Tiny-1")
    assert "InvalidPasswordException" in page.text and "Tiny-1" not in page.html


def test_an_unconfirmed_address_leads_to_its_code(site, browser):
    address = site.new_address()
    browser.open(f"{site.url}/api/sign-up")
    browser.press("Create the account", username=address, password=PASSWORD)
    page = sign_in(site, browser, address)
    assert page.url == f"{site.url}/api/confirm" and "UserNotConfirmedException" in page.text


def test_a_sign_in_goes_on_with_a_code_of_the_authenticator_app(site, browser):
    address = site.new_user()
    sign_in(site, browser, address)
    page = browser.press("Set up an authenticator app")
    app = Authenticator(re.search(r'id="secret">([A-Z2-7 ]+)<', page.html)[1])
    spent = app.code()
    browser.press("Turn it on", code=spent)
    browser.press("Sign out")

    page = sign_in(site, browser, address)
    assert page.url == f"{site.url}/api/challenge" and "SOFTWARE_TOKEN_MFA" in page.text
    page = browser.press("Go on", code=app.wrong_code())
    assert page.status == 400 and "CodeMismatchException" in page.text
    sign_in(site, browser, address)
    assert browser.press("Go on", code=spent).status == 400, "a used code is refused"
    sign_in(site, browser, address)
    assert browser.press("Go on", code=app.code()).url == f"{site.url}/account"


def test_a_pool_that_demands_a_second_factor_sets_it_up_in_the_sign_in(site, browser):
    address = site.new_user()
    factor = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
    site.call("SetUserPoolMfaConfig", MfaConfiguration="ON", **factor)
    try:
        page = sign_in(site, browser, address)
        assert "MFA_SETUP" in page.text and "<svg" in page.html
        app = Authenticator(re.search(r'id="secret">([A-Z2-7 ]+)<', page.html)[1])
        assert browser.press("Go on", code=app.wrong_code()).status == 400
        assert browser.press("Go on", code=app.code()).url == f"{site.url}/account"
    finally:
        site.call("SetUserPoolMfaConfig", MfaConfiguration="OPTIONAL", **factor)


def test_a_temporary_password_is_replaced_in_the_sign_in(site, browser):
    address = site.new_address()
    site.call("AdminCreateUser", Username=address, TemporaryPassword="Temporary-Pw-1",
              MessageAction="SUPPRESS", UserAttributes=[{"Name": "email", "Value": address}])
    page = sign_in(site, browser, address, "Temporary-Pw-1")
    assert "NEW_PASSWORD_REQUIRED" in page.text
    assert browser.press("Go on", password=PASSWORD).url == f"{site.url}/account"


def test_a_forgotten_password_is_replaced_by_mailed_code(site, browser):
    address = site.new_user()
    browser.open(f"{site.url}/api/forgot")
    browser.press("Send the code", username=address)
    page = browser.press("Set the password", code=site.mailed_code(address), password="Another-Horse-8")
    assert page.url == f"{site.url}/api" and "The new password is set" in page.text
    assert sign_in(site, browser, address).status == 400
    assert sign_in(site, browser, address, "Another-Horse-8").url == f"{site.url}/account"


def test_refreshing_and_signing_out_everywhere_work_by_the_api_alone(site, browser):
    sign_in(site, browser, site.new_user())
    assert "New tokens" in browser.press("Refresh").text
    page = browser.press("Sign out everywhere")
    assert page.text.count("is refused") == 2 and page.text.count("NotAuthorizedException") >= 2


def test_signing_out_revokes_the_refresh_token(site, browser):
    sign_in(site, browser, site.new_user())
    page = browser.press("Sign out")
    assert page.url == f"{site.url}/" and "RevokeToken" in page.text and "200 OK" in page.text
    assert browser.open(f"{site.url}/account").url == f"{site.url}/"
