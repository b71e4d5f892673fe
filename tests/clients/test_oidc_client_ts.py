"""oidc-client-ts in Chromium: a single-page application of another origin, which is given the issuer alone."""

import re

from tests.clients.issuer import ADDRESS
from tests.clients.spa import arrived, fill_in, open_app, sign_in, user

AT_ONCE = {"automaticSilentRenew": True, "accessTokenExpiringNotificationTimeInSeconds": 299}
"""Renew by itself as soon as a second of the access token's five minutes is over."""
BY_FRAME = "manager.signinSilent({forceIframeAuth: true}).then((user) => user.profile.sub, (error) => error.error)"
FORGET_REFRESH_TOKEN = """async () => {
    const user = await manager.getUser();
    delete user.refresh_token;
    await manager.storeUser(user);
}"""

GIVE_REFRESH_TOKEN = """async (refresh_token) => {
    await manager.storeUser(Object.assign(await manager.getUser(), { refresh_token }));
}"""


def test_a_user_signs_in_and_the_application_knows_who_it_is(page, app, issuer):
    assert sign_in(page, app) == issuer.sub
    assert page.evaluate("shown") == {"renewals": 1, "failures": [], "state": {"page": "/orders"}}
    tokens = user(page)
    assert tokens["scope"] == "openid email phone profile" and tokens["refresh_token"]
    profile = tokens["profile"]
    known = {"iss": issuer.url, "aud": app.settings["client_id"], "sub": issuer.sub, "name": "User One",
             "email": ADDRESS, "phone_number": "+442079460018"}
    assert profile.items() >= known.items()
    verified = profile["email_verified"], profile["phone_number_verified"]  # userInfo is laid over the ID token
    assert verified == ((True, False) if issuer.mode == "strict" else ("true", "false"))
    assert page.complaints == []


def test_signing_in_in_a_window_of_its_own(page, app, issuer):
    open_app(page, app)
    with page.expect_popup() as window:
        page.get_by_role("button", name="Sign in in a window").click()
    fill_in(window.value)
    page.wait_for_function("shown.renewals === 1")
    assert user(page)["profile"]["sub"] == issuer.sub
    assert window.value.is_closed() or window.value.wait_for_event("close")
    assert page.complaints == []


def test_tokens_renew_by_themselves_with_the_refresh_token(page, app, issuer):
    sign_in(page, app)
    before = user(page)
    app.settings |= AT_ONCE
    with page.expect_request(f"{issuer.service.url}/oauth2/token") as asked:
        open_app(page, app)
    assert "grant_type=refresh_token" in asked.value.post_data
    page.wait_for_function("shown.renewals > 1")
    page.evaluate("manager.stopSilentRenew()")
    after = user(page)
    assert after["access_token"] != before["access_token"] and after["profile"]["sub"] == issuer.sub
    assert (after["refresh_token"] != before["refresh_token"]) == (issuer.mode == "strict")
    assert page.evaluate("shown.failures") == [] and page.complaints == []


def test_tokens_renew_by_themselves_in_a_hidden_frame(page, app, issuer):
    sign_in(page, app)
    page.evaluate(FORGET_REFRESH_TOKEN)
    before = user(page)
    app.settings |= AT_ONCE
    with page.expect_request(re.compile(f"^{issuer.service.url}/oauth2/authorize")) as asked:
        open_app(page, app)
    assert "prompt=none" in asked.value.url and asked.value.frame.parent_frame == page.main_frame
    page.wait_for_function("shown.renewals > 1")
    page.evaluate("manager.stopSilentRenew()")
    after = user(page)
    assert after["access_token"] != before["access_token"] and after["profile"]["sub"] == issuer.sub
    assert page.evaluate("shown.failures") == [] and page.complaints == []


def test_a_user_who_was_signed_in_elsewhere_comes_in_silently(page, app, issuer):
    sign_in(page, app)
    page.evaluate("manager.removeUser()")
    assert open_app(page, app) == "nobody"
    assert page.evaluate(BY_FRAME) == issuer.sub
    assert page.complaints == []


def test_signing_out_ends_at_the_application_and_nothing_renews_any_more(page, app):
    sign_in(page, app)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{app.signed_out}?state=*")
    assert arrived(page) == "nobody"
    assert page.evaluate("shown.state") == {"page": "/farewell"}
    assert page.evaluate(BY_FRAME) == "login_required"
    assert page.complaints == []


def test_a_revoked_refresh_token_renews_nothing(page, app):
    sign_in(page, app)
    token = user(page)["refresh_token"]
    page.evaluate("manager.revokeTokens(['refresh_token'])")
    assert user(page)["refresh_token"] is None
    page.evaluate(GIVE_REFRESH_TOKEN, token)
    assert page.evaluate("manager.signinSilent().catch((error) => error.error)") == "invalid_grant"


def test_in_a_frame_of_another_site_the_answer_is_login_required(page, app, issuer):
    """The session's cookie is SameSite=Lax: a frame of another site goes without, and is told at once."""
    elsewhere = app.url.replace("//localhost:", "//127.0.0.1:")
    app.settings["client_id"] = issuer.app(f"{elsewhere}/callback")["ClientId"]
    page.goto(elsewhere)
    assert arrived(page) == "nobody"
    page.get_by_role("button", name="Sign in", exact=True).click()
    fill_in(page)
    page.wait_for_url(f"{elsewhere}/callback?*")
    assert arrived(page) == issuer.sub
    assert page.evaluate(BY_FRAME) == "login_required"
    assert page.complaints == []
