"""How strongly somebody signed in: acr_values asks, the second factor answers, the tokens tell."""

from urllib.parse import urlencode

import pyotp
import pytest
import requests

from authservice.contract import ANONYMOUS
from tests.hosted.page import Page
from tests.oauth.provider import NAME, PASSWORD, PKCE, VERIFIER, answer_of

PASSWORD_ALONE, WITH_APP = "urn:cognito:loa:1", "urn:cognito:loa:4"


def set_up_app(provider) -> pyotp.TOTP:
    """Give the user a verified authenticator app, which no sign-in asks for by itself."""
    provider.call("SetUserPoolMfaConfig", UserPoolId=provider.pool_id, MfaConfiguration="OPTIONAL",
                  SoftwareTokenMfaConfiguration={"Enabled": True})
    code = provider.code(scope="openid aws.cognito.signin.user.admin", **PKCE)
    tokens = provider.redeem(code, code_verifier=VERIFIER).json()

    def call(operation, **members):
        return provider.backend.call(operation, {"AccessToken": tokens["access_token"], **members}, ANONYMOUS)

    app = pyotp.TOTP(call("AssociateSoftwareToken")["SecretCode"])
    call("VerifySoftwareToken", UserCode=app.at(provider.clock.now))
    provider.clock.advance(minutes=1)
    return app


def claims_of(provider, answer: dict) -> tuple[dict, dict]:
    """The claims of the ID and the access token that an answer's code gives."""
    tokens = provider.redeem(answer["code"], code_verifier=VERIFIER).json()
    return provider.claims(tokens["id_token"]), provider.claims(tokens["access_token"])


def ask(provider, browser, acr_values: str, **given):
    return provider.authorize(browser, acr_values=acr_values, **PKCE, **given)


def fill_in(provider, browser, page: requests.Response, button: str, **typed) -> requests.Response:
    form = Page(page.status_code, page.headers, page.text).form_of(button)
    values = {element.get("name"): element.get("value") for element in form.all("input")}
    return browser.post(provider.url + form.get("action"), data={**values, **typed})


@pytest.mark.parametrize("oidc", ["cognito", "strict"])
def test_the_tokens_tell_the_level_only_where_the_app_asked(provider):
    for claims in claims_of(provider, answer_of(ask(provider, provider.browser(), PASSWORD_ALONE))):
        assert (claims["acr"], claims["amr"]) == (PASSWORD_ALONE, ["pwd"])
    for claims in claims_of(provider, answer_of(provider.authorize(provider.browser(), **PKCE))):
        assert not {"acr", "amr"} & claims.keys()


def test_a_stronger_level_asks_who_is_signed_in_for_the_app_and_then_goes_on(provider):
    app = set_up_app(provider)
    browser = requests.Session()
    [cookie] = provider.browser().cookies
    browser.cookies.set(cookie.name, cookie.value, domain="localhost.local")  # where the page's own will replace it
    assert answer_of(ask(provider, browser, WITH_APP, prompt="none"))["error"] == "login_required"
    page = browser.get(provider.url + ask(provider, browser, WITH_APP).headers["Location"])
    page = fill_in(provider, browser, page, "Sign in", username=NAME, password=PASSWORD)
    assert page.url.startswith(f"{provider.url}/mfa?")
    form = Page(page.status_code, page.headers, page.text).form_of("Continue")
    values = {element.get("name"): element.get("value") for element in form.all("input")}
    done = browser.post(provider.url + form.get("action"), allow_redirects=False,
                        data={**values, "code": app.at(provider.clock.now)})
    answer = answer_of(provider.get(done.headers["Location"], browser))
    for claims in claims_of(provider, answer):
        assert (claims["acr"], claims["amr"]) == (WITH_APP, ["pwd", "otp", "mfa"])
    for claims in claims_of(provider, answer_of(ask(provider, browser, WITH_APP, prompt="none"))):
        assert claims["acr"] == WITH_APP


def test_a_sign_in_begun_for_a_weaker_request_does_not_pass_for_a_stronger_one(provider):
    set_up_app(provider)
    temporary, new = "Temporary-horse-9", "Another-horse-9"
    provider.call("AdminSetUserPassword", UserPoolId=provider.pool_id, Username=NAME, Password=temporary)
    browser = requests.Session()
    page = browser.get(provider.url + provider.authorize(browser).headers["Location"])
    page = fill_in(provider, browser, page, "Sign in", username=NAME, password=temporary)
    weaker = provider.url + "/changePassword?"
    assert page.url.startswith(weaker)
    page = browser.get(weaker + urlencode(provider.request_of(acr_values=WITH_APP)))
    page = fill_in(provider, browser, page, "Save and continue", password=new, password_again=new)
    assert page.url.startswith(f"{provider.url}/login?")
    page = fill_in(provider, browser, page, "Sign in", username=NAME, password=new)
    assert page.url.startswith(f"{provider.url}/mfa?")


def test_the_level_is_kept_on_refresh(provider):
    code = answer_of(ask(provider, provider.browser(), PASSWORD_ALONE))["code"]
    tokens = provider.redeem(code, code_verifier=VERIFIER).json()
    provider.clock.advance(minutes=30)
    refreshed = provider.refresh(tokens).json()
    assert provider.claims(refreshed["id_token"])["acr"] == PASSWORD_ALONE


@pytest.mark.parametrize("acr_values", [WITH_APP, f"{WITH_APP} {PASSWORD_ALONE}", "urn:cognito:loa:3 unknown", "x" * 500])
def test_a_level_that_is_unknown_or_out_of_the_users_reach_is_no_obstacle(provider, acr_values):
    for claims in claims_of(provider, answer_of(ask(provider, provider.browser(), acr_values, prompt="none"))):
        assert claims["acr"] == PASSWORD_ALONE


def test_a_pool_names_its_levels_itself(provider):
    provider.call("UpdateUserPool", UserPoolId=provider.pool_id, AcrConfiguration={"Level1": {"AcrValue": "basic"}})
    for claims in claims_of(provider, answer_of(ask(provider, provider.browser(), "basic"))):
        assert claims["acr"] == "basic"
    document = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration").json()
    assert document["acr_values_supported"] == ["basic", WITH_APP]


def test_a_lite_pool_has_no_levels(provider):
    provider.call("UpdateUserPool", UserPoolId=provider.pool_id, UserPoolTier="LITE")
    for claims in claims_of(provider, answer_of(ask(provider, provider.browser(), WITH_APP))):
        assert "acr" not in claims
    document = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration").json()
    assert "acr_values_supported" not in document


@pytest.mark.parametrize("oidc", ["strict"])
def test_an_essential_level_that_is_not_reached_is_an_error(provider):
    wanted = '{"id_token": {"acr": {"essential": true, "values": ["%s"]}}}' % WITH_APP
    answer = answer_of(provider.authorize(provider.browser(), claims=wanted, **PKCE))
    assert answer["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("oidc", ["strict"])
def test_an_essential_level_is_asked_for_before_one_that_would_be_nice(provider):
    set_up_app(provider)
    wanted = '{"id_token": {"acr": {"essential": true, "values": ["%s"]}}}' % WITH_APP
    response = ask(provider, provider.browser(), PASSWORD_ALONE, claims=wanted)
    assert response.headers["Location"].startswith("/login?")


@pytest.mark.parametrize("oidc", ["strict"])
@pytest.mark.parametrize("acr", ['{"essential": true}', '{"essential": true, "values": []}', "null"])
def test_whoever_names_no_level_gets_to_know_any(provider, acr):
    answer = answer_of(provider.authorize(provider.browser(), claims='{"id_token": {"acr": %s}}' % acr, **PKCE))
    assert claims_of(provider, answer)[0]["acr"] == PASSWORD_ALONE


@pytest.mark.parametrize("oidc", ["strict"])
@pytest.mark.parametrize("name", [r"\ud800", r"\u0000", r"\n"])
def test_a_level_that_nobody_could_name_is_refused_before_anybody_signs_in(provider, name):
    answer = answer_of(provider.authorize(claims='{"id_token": {"acr": {"value": "%s"}}}' % name, **PKCE))
    assert answer["error"] == "invalid_request"


def test_an_api_sign_in_asks_by_target_acr_values(provider):
    app = set_up_app(provider)
    client = provider.new_client(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])["ClientId"]

    def sign_in(**more):
        return provider.backend.call("InitiateAuth", {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
            "USERNAME": NAME, "PASSWORD": PASSWORD, **more}}, ANONYMOUS)

    assert "acr" not in provider.claims(sign_in()["AuthenticationResult"]["IdToken"])
    asked = sign_in(TARGET_ACR_VALUES=f"unknown {WITH_APP}")
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    answer = provider.backend.call("RespondToAuthChallenge", {
        "ClientId": client, "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": asked["Session"],
        "ChallengeResponses": {"USERNAME": NAME, "SOFTWARE_TOKEN_MFA_CODE": app.at(provider.clock.now)}}, ANONYMOUS)
    claims = provider.claims(answer["AuthenticationResult"]["IdToken"])
    assert (claims["acr"], claims["amr"]) == (WITH_APP, ["pwd", "otp", "mfa"])
