"""Amplify's signInWithRedirect in Chromium: an application of another origin, and the hosted pages by https.

Amplify takes https for granted, so the service serves it (--tls), and Chromium trusts the pin of its key, as the
README tells, and no other certificate.
"""

import re

import pytest

from tests.clients import issuer as issuers
from tests.clients import node, spa
from tests.clients.issuer import ADDRESS
from tests.services import browser as browsers
from tests.services import unavailable

SCOPES = ["openid", "email", "profile", "aws.cognito.signin.user.admin"]


@pytest.fixture(scope="module", params=issuers.MODES)
def issuer(request, tmp_path_factory):
    with issuers.running(tmp_path_factory.mktemp(request.param), request.param, tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(issuer):
    if reason := browsers.missing():
        unavailable("BROWSER", reason)
    with browsers.running(f"--ignore-certificate-errors-spki-list={issuer.service.pin}") as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    if reason := node.missing():
        unavailable("NODE", reason)
    folder = node.SCRIPTS / "amplify_redirect"
    script = node.bundle(folder / "app.js", tmp_path_factory.mktemp("bundle") / "app.js")
    with spa.running({"/app.js": script}, folder / "index.html") as application:
        yield application


@pytest.fixture
def app(served, issuer):
    """The application, as one more app client of the issuer."""
    client = issuer.app(served.callback, LogoutURLs=[served.signed_out], AllowedOAuthScopes=SCOPES)
    served.settings = {
        "userPoolId": issuer.pool_id, "userPoolClientId": client["ClientId"],
        "userPoolEndpoint": issuer.service.url,
        "loginWith": {"oauth": {"domain": issuer.service.url.removeprefix("https://"), "scopes": SCOPES,
                                "redirectSignIn": [served.callback], "redirectSignOut": [served.signed_out],
                                "responseType": "code"}}}
    return served


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def sign_in(page, app) -> str:
    """Sign in from the application's page: who it shows then."""
    press(page, "Sign in")
    spa.fill_in(page)
    return came_back(page, app)


def came_back(page, app) -> str:
    """Who is shown at the redirect URI, out of which Amplify takes the answer."""
    page.wait_for_url(re.compile(f"^{app.callback}"))
    return spa.arrived(page)


def test_a_user_signs_in_at_the_hosted_pages_and_lands_signed_in(page, app, issuer):
    assert spa.open_app(page, app) == "nobody"
    with page.expect_request(f"{issuer.service.url}/oauth2/token") as asked:
        assert sign_in(page, app) == issuer.sub
    assert "code_verifier=" in asked.value.post_data
    assert "x-amz-user-agent" in asked.value.headers, "Amplify's own header, which CORS has to let pass"
    assert page.url == app.callback, "Amplify has taken code and state out of the address"
    page.wait_for_function("told.includes('signedIn')")
    assert page.evaluate("told") == [["customOAuthState", "/orders?page=2"], "signInWithRedirect", "signedIn"]
    assert page.complaints == []


def test_its_session_has_the_claims(page, app, issuer):
    spa.open_app(page, app)
    sign_in(page, app)
    tokens = page.evaluate("session()")
    client = app.settings["userPoolClientId"]
    identity = {"iss": issuer.url, "aud": client, "sub": issuer.sub, "token_use": "id", "email": ADDRESS,
                "cognito:username": issuer.sub}
    access = {"iss": issuer.url, "client_id": client, "sub": issuer.sub, "token_use": "access"}
    assert tokens["id"].items() >= identity.items() and tokens["access"].items() >= access.items()
    assert sorted(tokens["access"]["scope"].split()) == sorted(SCOPES)
    renewed = page.evaluate("session({ forceRefresh: true })")
    assert renewed["access"]["jti"] != tokens["access"]["jti"] and renewed["id"]["sub"] == issuer.sub
    assert page.complaints == []


def test_a_user_who_is_signed_in_elsewhere_comes_in_without_a_page(page, app, issuer):
    spa.open_app(page, app)
    sign_in(page, app)
    page.evaluate("localStorage.clear()")
    assert spa.open_app(page, app) == "nobody"
    press(page, "Sign in silently")
    assert came_back(page, app) == issuer.sub


def test_signing_out_ends_at_the_application_and_the_password_is_asked_for_again(page, app, issuer):
    spa.open_app(page, app)
    sign_in(page, app)
    token = page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith('.refreshToken'))[1]")
    press(page, "Sign out")
    if issuer.mode == "strict":  # without an ID token as a hint, the user is asked
        page.wait_for_url("**/signout?**")
        press(page, "Sign out")
    page.wait_for_url(app.signed_out)
    assert spa.arrived(page) == "nobody"
    with pytest.raises(issuer.cognito.exceptions.NotAuthorizedException, match="revoked"):
        issuer.cognito.get_tokens_from_refresh_token(ClientId=app.settings["userPoolClientId"], RefreshToken=token)

    press(page, "Sign in silently")
    assert came_back(page, app) == "nobody"
    assert page.evaluate("told") == ["signInWithRedirect_failure", "login_required"]
    assert sign_in(page, app) == issuer.sub
    assert page.complaints == []
