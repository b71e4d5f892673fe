"""Choosing an account, and signing out from the application, as a person at Chromium sees them.

The application is that of oidc-client-ts.
"""

import pytest
from playwright.sync_api import expect

from tests.clients.issuer import ADDRESS
from tests.clients.spa import arrived, fill_in, open_app, sign_in, user

OTHER = "user-2@example.com"
IN_A_FRAME = """manager.signinSilent({forceIframeAuth: true})
    .then((user) => user.profile.sub, (error) => error.error)"""


@pytest.fixture(scope="module")
def other(issuer) -> str:
    """The sub of a second user."""
    return issuer.add_user(OTHER, email_verified="true", name="User Two")


def heading(page):
    return page.get_by_role("heading", level=1)


def back_at(page, address: str) -> str:
    page.wait_for_url(f"{address}?*")
    return arrived(page)


def choose(page, app) -> None:
    open_app(page, app)
    page.get_by_role("button", name="Choose an account").click()
    expect(heading(page)).to_have_text("Choose an account")


def leave(page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()


# prompt=select_account

def test_going_on_as_who_is_signed_in(page, app, issuer):
    sign_in(page, app)
    choose(page, app)
    page.get_by_role("button", name=f"Continue as {ADDRESS}").click()
    assert back_at(page, app.callback) == issuer.sub
    assert page.complaints == []


def test_going_on_as_somebody_else(page, app, issuer, other):
    assert sign_in(page, app) == issuer.sub
    choose(page, app)
    page.get_by_role("link", name="Use another account").click()
    fill_in(page, OTHER)
    assert back_at(page, app.callback) == other
    assert page.evaluate(IN_A_FRAME) == other  # the browser is the other's now
    assert page.complaints == []


def test_there_is_nothing_to_choose_when_nobody_is_signed_in(page, app, issuer):
    open_app(page, app)
    page.get_by_role("button", name="Choose an account").click()
    fill_in(page)
    assert back_at(page, app.callback) == issuer.sub


# RP-Initiated Logout

def test_the_application_signs_out_whom_it_signed_in(page, app):
    sign_in(page, app)
    with page.expect_request(lambda asked: "/logout?" in asked.url) as asked:
        leave(page)
    assert "id_token_hint=" in asked.value.url
    assert back_at(page, app.signed_out) == "nobody"
    assert page.evaluate("shown.state") == {"page": "/farewell"}
    assert page.evaluate(IN_A_FRAME) == "login_required"
    assert page.complaints == []


def test_an_application_that_has_forgotten_the_user_makes_the_service_ask(page, app, issuer):
    sign_in(page, app)
    page.evaluate("manager.removeUser()")
    leave(page)
    expect(heading(page)).to_have_text("Sign out?")
    open_app(page, app)
    assert page.evaluate(IN_A_FRAME) == issuer.sub  # to go away is no answer
    page.evaluate("manager.removeUser()")
    leave(page)
    leave(page)
    assert back_at(page, app.signed_out) == "nobody"
    assert page.evaluate("shown.state") == {"page": "/farewell"}
    assert page.evaluate(IN_A_FRAME) == "login_required"
    assert page.complaints == []


def test_an_id_token_of_somebody_else_makes_the_service_ask(page, app, issuer, other):
    sign_in(page, app)
    hint = user(page)["id_token"]
    choose(page, app)
    page.get_by_role("link", name="Use another account").click()
    fill_in(page, OTHER)
    assert back_at(page, app.callback) == other
    page.evaluate("(id_token_hint) => { manager.signoutRedirect({ id_token_hint }) }", hint)
    expect(heading(page)).to_have_text("Sign out?")
    open_app(page, app)
    assert page.evaluate(IN_A_FRAME) == other


def test_an_address_that_is_not_registered_ends_nothing(page, app, issuer):
    sign_in(page, app)
    app.settings["post_logout_redirect_uri"] = f"{app.url}/elsewhere"
    open_app(page, app)
    leave(page)
    expect(page.locator("dd").first).to_have_text("redirect_mismatch")
    assert page.url.startswith(issuer.service.url)
    open_app(page, app)
    assert page.evaluate(IN_A_FRAME) == issuer.sub


def test_an_application_without_an_address_leaves_the_person_on_our_page(page, app):
    sign_in(page, app)
    app.settings["post_logout_redirect_uri"] = None
    open_app(page, app)
    leave(page)
    expect(heading(page)).to_have_text("You are signed out")
    open_app(page, app)
    assert page.evaluate(IN_A_FRAME) == "login_required"


def test_signing_out_in_a_window_of_its_own(page, app):
    sign_in(page, app)
    app.settings["popup_post_logout_redirect_uri"] = app.signed_out
    open_app(page, app)
    page.evaluate("manager.signoutPopup()")
    assert page.evaluate(IN_A_FRAME) == "login_required"
    assert page.complaints == []


def test_signing_out_in_a_hidden_frame(page, app):
    sign_in(page, app)
    app.settings["popup_post_logout_redirect_uri"] = app.signed_out
    open_app(page, app)
    page.evaluate("manager.signoutSilent({ state: {} })")  # by the state alone its callback knows what it is
    assert page.evaluate(IN_A_FRAME) == "login_required"
    assert page.complaints == []


def test_a_hidden_frame_is_not_where_the_service_asks(page, app, issuer):
    """Else a page over it could lead the person's click to the button."""
    sign_in(page, app)
    app.settings["popup_post_logout_redirect_uri"] = app.signed_out
    open_app(page, app)
    page.evaluate("manager.removeUser()")
    silently = "manager.signoutSilent({ silentRequestTimeoutInSeconds: 1 }).catch((error) => error.name)"
    assert page.evaluate(silently) == "ErrorTimeout"
    assert any("frame-ancestors 'none'" in text for text in page.complaints)
    assert page.evaluate(IN_A_FRAME) == issuer.sub
