"""/oauth2/authorize: what it refuses and where it says so, who gets a code, who must sign in again."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from tests.oauth.conftest import BOTH_DATABASES
from tests.oauth.provider import (
    APP_CALLBACK,
    CALLBACK,
    CHALLENGE,
    NAME,
    OTHER_CALLBACK,
    PASSWORD,
    PKCE,
    SIGNED_OUT,
    add_user,
    answer_of,
    error_page,
)


def sent_to_sign_in(response) -> bool:
    return response.status_code == 302 and response.headers["Location"].startswith("/login?")


# A good request

def test_who_is_signed_in_comes_back_with_a_code_and_the_state_and_the_issuer(provider):
    answer = answer_of(provider.authorize(provider.browser()))
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("s-1", provider.issuer)


def test_who_is_not_signed_in_goes_to_the_sign_in_page_with_the_same_query(provider):
    response = provider.authorize()
    assert sent_to_sign_in(response)
    query = urlsplit(response.headers["Location"]).query
    assert dict(parse_qsl(query)) == provider.request_of()


def sign_in_on_the_page(provider, browser, **given):
    """Go the whole way from the app's request over the sign-in page; gives the answer to the app."""
    page = browser.get(provider.url + "/oauth2/authorize", params=provider.request_of(**given))
    assert urlsplit(page.url).path == "/login"
    csrf = page.text.split('name="_csrf" value="')[1].split('"')[0]
    form = {"_csrf": csrf, "username": NAME, "password": PASSWORD}
    signed_in = browser.post(page.url, data=form, allow_redirects=False)
    assert signed_in.status_code == 303
    return answer_of(provider.get(signed_in.headers["Location"], browser))


def test_a_person_who_signs_in_on_the_page_comes_back_with_a_code(provider):
    answer = sign_in_on_the_page(provider, requests.Session())
    assert provider.redeem(answer["code"]).status_code == 200


@pytest.mark.parametrize("demand", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login", "state": ""}])
def test_a_new_sign_in_that_is_demanded_is_asked_for_once_a_request(provider, demand):
    browser = requests.Session()
    assert sign_in_on_the_page(provider, browser)
    for _ in range(2):
        provider.clock.advance(minutes=5)
        tokens = provider.redeem(sign_in_on_the_page(provider, browser, **demand)["code"]).json()
        claims = provider.claims(tokens["id_token"], provider.web["ClientId"])
        assert claims["auth_time"] == int(provider.clock.now.timestamp())


def test_a_new_sign_in_ends_the_one_before_at_this_browser(provider):
    browser = requests.Session()
    sign_in_on_the_page(provider, browser)
    [before] = [cookie for cookie in browser.cookies if cookie.name.startswith("cognito.")]
    sign_in_on_the_page(provider, browser, prompt="login")
    copy = requests.Session()
    copy.cookies.set(before.name, before.value)
    assert answer_of(provider.authorize(copy, prompt="none"))["error"] == "login_required"
    assert "code" in answer_of(provider.authorize(browser, prompt="none"))


def test_who_signs_in_as_another_than_the_hint_names_gets_no_code(provider):
    add_user(provider.backend, provider.pool_id, "user-2@example.com")
    hint = provider.tokens(browser=provider.browser("user-2@example.com"))["id_token"]
    answer = sign_in_on_the_page(provider, requests.Session(), id_token_hint=hint)
    assert answer["error"] == "login_required" and "code" not in answer


def test_a_new_sign_in_ends_the_one_before_even_where_the_app_gets_no_code(provider):
    add_user(provider.backend, provider.pool_id, "user-2@example.com")
    hint = provider.tokens(browser=provider.browser("user-2@example.com"))["id_token"]
    browser = requests.Session()
    sign_in_on_the_page(provider, browser)
    [before] = [cookie for cookie in browser.cookies if cookie.name.startswith("cognito.")]
    assert sign_in_on_the_page(provider, browser, id_token_hint=hint)["error"] == "login_required"
    copy = requests.Session()
    copy.cookies.set(before.name, before.value)
    assert answer_of(provider.authorize(copy, prompt="none"))["error"] == "login_required"


@pytest.mark.filterwarnings("error:The 'login' cookie is too large")
def test_a_cookie_that_is_not_ours_leaves_room_for_the_journeys_state(provider):
    browser = requests.Session()
    browser.cookies.set(f"cognito.{provider.pool_id}", "x" * 3500, domain="localhost.local")
    assert "code" in sign_in_on_the_page(provider, browser, prompt="login")


@pytest.mark.parametrize("path", ["/login", "/signup", "/forgotPassword"])
def test_the_pages_are_doors_of_their_own_with_the_same_parameters_and_the_same_checks(provider, path):
    assert provider.get(path, params=provider.request_of()).status_code == 200
    astray = provider.get(path, params=provider.request_of(redirect_uri="http://localhost:3000/evil"))
    assert error_page(astray) == "redirect_mismatch"
    greedy = provider.get(path, params=provider.request_of(scope="secrets"))
    assert answer_of(greedy)["error"] == "invalid_scope"


def test_post_works_like_get(provider):
    browser = provider.browser()
    response = browser.post(provider.url + "/oauth2/authorize", data=provider.request_of(),
                            allow_redirects=False)
    assert response.status_code == 303
    assert "code" in answer_of(provider.get(response.headers["Location"], browser))


def test_a_redirect_uri_comes_back_as_it_was_registered(provider):
    browser = provider.browser()
    location = provider.authorize(browser, redirect_uri=OTHER_CALLBACK).headers["Location"]
    assert location.startswith(OTHER_CALLBACK + "&code=")
    location = provider.authorize(browser, redirect_uri=APP_CALLBACK).headers["Location"]
    assert location.startswith(APP_CALLBACK + "?code=")


@pytest.mark.parametrize("state", ["a b+c%20d", "&code=evil&state=x", "#fragment?", "ünïcode 漢字 🔑",
                                   '{"a": "b"}', "x" * 3000, "line\r\nSet-Cookie: a=b",
                                   "<script>alert(1)</script>"])
def test_state_comes_back_unchanged_and_adds_nothing_else(provider, state):
    answer = answer_of(provider.authorize(provider.browser(), state=state))
    assert answer.keys() == {"code", "state", "iss"} and answer["state"] == state
    refused = answer_of(provider.authorize(provider.browser(), state=state, scope="none-such"))
    assert (refused["state"], refused["iss"]) == (state, provider.issuer)


@pytest.mark.parametrize("nonce", ["ünïcode 漢字", "a b+c%20d&x=y", '"quoted"\\', "n" * 2048])
def test_a_nonce_arrives_in_the_id_token_unchanged(provider, nonce):
    id_token = provider.tokens(nonce=nonce)["id_token"]
    assert provider.claims(id_token, provider.web["ClientId"])["nonce"] == nonce


def test_no_scope_means_all_scopes_of_the_client(provider):
    tokens = provider.tokens(scope=None)
    assert provider.claims(tokens["access_token"])["scope"].split() == provider.web["AllowedOAuthScopes"]
    assert tokens["scope"].split() == provider.web["AllowedOAuthScopes"]


def test_unknown_parameters_are_ignored(provider):
    unknown = {"display": "popup", "acr_values": "1", "claims": "{}", "x": "y"}
    assert "code" in answer_of(provider.authorize(provider.browser(), **unknown))


# Nobody is sent to an address that is not known good

@pytest.mark.parametrize("uri", [
    None, "", CALLBACK + "/", CALLBACK + "?", CALLBACK + "#", CALLBACK.upper(), CALLBACK + "/../callback",
    " " + CALLBACK, CALLBACK + "%20", CALLBACK + "\n", "http://localhost:3001/callback",
    "http://localhost:3000@evil.example/callback",
    "http://evil.example/callback", "https://localhost:3000/callback", "http://127.0.0.1:3000/callback",
    "http://localhost:3000/callback;/..", "http://localhost:3000/%63allback", "//localhost:3000/callback",
    "/callback", "javascript:alert(1)", "http://localhost:3000/callback?step=1", SIGNED_OUT, "é", "x" * 4000])
def test_an_address_that_is_not_registered_is_never_redirected_to(provider, uri):
    for browser in (None, provider.browser()):
        assert error_page(provider.authorize(browser, redirect_uri=uri)) == "redirect_mismatch"


@pytest.mark.parametrize("client_id", [None, "", "unknown", "a b", "x\0y", "é", "x" * 3000, "<script>"])
def test_a_client_that_is_not_known_is_told_nothing_of_anybodys_address(provider, client_id):
    assert error_page(provider.authorize(provider.browser(), client_id=client_id)) == "invalid_client"


def test_the_error_page_shows_none_of_what_was_sent(provider):
    browser = requests.Session()
    evil = {"client_id": "<script>alert(1)</script>", "redirect_uri": "http://evil.example/"}
    page = browser.get(provider.url + "/oauth2/authorize", params=provider.request_of(**evil))
    assert (page.status_code, urlsplit(page.url).path) == (400, "/error")
    assert "<script>" not in page.text and "evil" not in page.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_two_clients_or_two_addresses_are_nowhere_to_go(provider, name):
    given = provider.request_of()
    for pair in ((name, given[name]), (name, "evil")):
        for query in ([*given.items(), pair], [pair, *given.items()]):
            response = provider.get("/oauth2/authorize?" + urlencode(query), provider.browser())
            assert error_page(response) in ("invalid_request", "invalid_client", "redirect_mismatch")


@pytest.mark.parametrize("name", ["response_type", "scope", "state", "nonce", "code_challenge", "prompt",
                                  "whatever"])
def test_a_parameter_that_is_there_twice_is_refused(provider, name):
    given = provider.request_of(**PKCE, prompt="none", whatever="1")
    for pair in ((name, given[name]), (name, "other"), (name, "")):
        response = provider.get("/oauth2/authorize?" + urlencode([*given.items(), pair]), provider.browser())
        assert answer_of(response)["error"] == "invalid_request"


def test_a_parameter_in_the_address_and_again_in_the_body_is_refused(provider):
    browser = provider.browser()
    response = browser.post(provider.url + "/oauth2/authorize?scope=openid", data=provider.request_of(),
                            allow_redirects=False)
    assert response.status_code == 303
    assert answer_of(provider.get(response.headers["Location"], browser))["error"] == "invalid_request"


def test_a_request_that_is_too_long_is_refused(provider):
    assert error_page(provider.authorize(provider.browser(), state="x" * 9000)) == "invalid_request"


# What the app is told

@pytest.mark.parametrize("given, error", [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": 'c"ö\n'}, "unsupported_response_type"),
    ({"response_type": "code", "scope": "openid secrets"}, "invalid_scope"),
    ({"scope": "OPENID"}, "invalid_scope"),
    ({"code_challenge": CHALLENGE}, "invalid_request"),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "s256"}, "invalid_request"),
    ({"code_challenge_method": "S256"}, "invalid_request"),
    ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ({"code_challenge": CHALLENGE + "\n", "code_challenge_method": "S256"}, "invalid_request"),
    ({"code_challenge": CHALLENGE * 2, "code_challenge_method": "S256"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"max_age": "soon"}, "invalid_request"), ({"max_age": "-1"}, "invalid_request"),
    ({"nonce": "n" * 2049}, "invalid_request"), ({"nonce": "n\0"}, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "http://localhost:1/"}, "request_uri_not_supported"),
    ({"identity_provider": "Elsewhere"}, "invalid_request"), ({"idp_identifier": "x"}, "invalid_request"),
    ({"resource": "http://api.example"}, "invalid_target"),
    ({"resource": "https://a.example/#x"}, "invalid_target"),
    ({"resource": "orders"}, "invalid_target")])
def test_a_bad_request_is_refused_to_the_app(provider, given, error):
    for browser in (None, provider.browser()):
        answer = answer_of(provider.authorize(browser, **given))
        assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-1", provider.issuer)
        assert "code" not in answer


def test_a_client_without_oauth_is_refused_in_cognitos_words(provider):
    client = provider.change(provider.web, AllowedOAuthFlowsUserPoolClient=False)
    answer = answer_of(provider.authorize(provider.browser(), client))
    assert (answer["error"], answer["error_description"]) == ("invalid_request",
                                                              "Client is not enabled for OAuth2.0 flows")


def test_implicit_is_refused_where_the_client_does_not_allow_it(provider):
    answer = answer_of(provider.authorize(provider.browser(), response_type="token"), mark="#")
    assert answer["error"] == "unauthorized_client"


def test_code_is_refused_where_the_client_allows_only_implicit(provider):
    client = provider.change(provider.web, AllowedOAuthFlows=["implicit"])
    assert answer_of(provider.authorize(provider.browser(), client))["error"] == "unauthorized_client"


def test_implicit_gives_tokens_in_the_fragment_and_no_refresh_token(provider):
    client = provider.change(provider.web, AllowedOAuthFlows=["implicit"])
    answer = answer_of(provider.authorize(provider.browser(), client, response_type="token"), mark="#")
    assert answer.keys() == {"access_token", "id_token", "token_type", "expires_in", "state", "iss"}
    claims = provider.claims(answer["id_token"], client["ClientId"])
    assert claims["nonce"] == "n-1" and provider.user_info(answer).status_code == 200


# Signed in, and freshly enough

def test_prompt_none_answers_at_once_or_not_at_all(provider):
    assert "code" in answer_of(provider.authorize(provider.browser(), prompt="none"))
    assert answer_of(provider.authorize(prompt="none"))["error"] == "login_required"


def test_prompt_login_asks_although_somebody_is_signed_in(provider):
    assert sent_to_sign_in(provider.authorize(provider.browser(), prompt="login"))


def test_max_age_asks_again_once_the_sign_in_is_older(provider):
    browser = provider.browser()
    assert "code" in answer_of(provider.authorize(browser, max_age="100"))
    provider.clock.advance(seconds=101)
    assert sent_to_sign_in(provider.authorize(browser, max_age="100"))
    assert answer_of(provider.authorize(browser, max_age="100", prompt="none"))["error"] == "login_required"
    assert "code" in answer_of(provider.authorize(browser, max_age="1000"))
    assert sent_to_sign_in(provider.authorize(browser, max_age="0"))


def test_auth_time_tells_when_the_person_signed_in_not_when_the_code_was_given(provider):
    browser, signed_in_at = provider.browser(), int(provider.clock.now.timestamp())
    provider.clock.advance(minutes=20)
    tokens = provider.redeem(provider.code(browser=browser)).json()
    claims = provider.claims(tokens["id_token"], provider.web["ClientId"])
    assert (claims["auth_time"], claims["iat"]) == (signed_in_at, signed_in_at + 1200)


def test_a_hint_of_another_user_never_gets_a_code_for_this_one(provider):
    add_user(provider.backend, provider.pool_id, "user-2@example.com")
    hint = provider.tokens(browser=provider.browser("user-2@example.com"))["id_token"]
    browser = provider.browser()
    assert sent_to_sign_in(provider.authorize(browser, id_token_hint=hint))
    silent = provider.authorize(browser, prompt="none", id_token_hint=hint)
    assert answer_of(silent)["error"] == "login_required"


@pytest.mark.parametrize("oidc", ["cognito", "strict"])
def test_a_hint_that_means_nobody_is_overlooked_or_strictly_refused(provider, oidc):
    answer = answer_of(provider.authorize(provider.browser(), id_token_hint="forged", **PKCE))
    assert answer.get("error") == ("invalid_request" if oidc == "strict" else None)
    silent = provider.authorize(provider.browser(), id_token_hint="forged", prompt="none", **PKCE)
    assert answer_of(silent)["error"] == "login_required"


def test_a_hint_of_the_same_user_is_obeyed_even_when_it_has_expired(provider):
    hint = provider.tokens()["id_token"]
    provider.clock.advance(hours=2)
    assert "code" in answer_of(provider.authorize(provider.browser(), prompt="none", id_token_hint=hint))


def test_a_sign_in_ends_after_an_hour_however_often_it_was_used(provider):
    browser = provider.browser()
    provider.clock.advance(minutes=59)
    assert "code" in answer_of(provider.authorize(browser))
    provider.clock.advance(minutes=1)
    assert sent_to_sign_in(provider.authorize(browser))


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminDeleteUser", "AdminUserGlobalSignOut",
                                       "AdminResetUserPassword"])
def test_a_user_who_may_not_sign_in_any_more_is_not_signed_in(provider, operation):
    browser = provider.browser()
    provider.call(operation, UserPoolId=provider.pool_id, Username=NAME)
    assert sent_to_sign_in(provider.authorize(browser))


def test_one_sign_in_serves_every_client_of_the_pool_and_no_other_pool(provider):
    browser = provider.browser()
    assert "code" in answer_of(provider.authorize(browser, provider.clients["server"]))
    session = browser.cookies.get(f"cognito.{provider.pool_id}")
    browser.cookies.set(f"cognito.{provider.pools['other']}", session)
    assert sent_to_sign_in(provider.authorize(browser, provider.clients["elsewhere"]))


@pytest.mark.parametrize("cookie", ["", "forged", "é", "x" * 3000])
def test_a_cookie_that_is_not_ours_signs_nobody_in(provider, cookie):
    browser = requests.Session()
    browser.headers["Cookie"] = f"cognito.{provider.pool_id}={cookie}".encode()
    assert sent_to_sign_in(provider.authorize(browser))


# Hosts and headers

def test_a_pools_own_host_serves_its_clients_and_no_others(provider):
    browser = provider.browser()
    browser.headers["Host"] = f"shop.localhost:{urlsplit(provider.url).port}"
    answer = answer_of(provider.authorize(browser))
    assert answer["iss"] == provider.issuer and "code" in answer
    assert error_page(provider.authorize(browser, provider.clients["elsewhere"])) == "invalid_client"
    browser.headers["Host"] = "nobodys.localhost"
    assert error_page(provider.authorize(browser)) == "invalid_client"


def test_no_host_that_a_request_claims_is_redirected_to(provider):
    for host in ("evil.example", "shop.localhost.evil.example", "[::1", "a b", "localhost:99999999"):
        response = provider.get("/oauth2/authorize", params=provider.request_of(),
                                headers={"Host": host, "X-Forwarded-Host": "evil.example"})
        assert "evil" not in response.headers.get("Location", "")


def test_what_a_browser_gets_is_not_cached_framed_read_by_scripts_or_passed_on_as_referrer(provider):
    for response in (provider.authorize(), provider.authorize(provider.browser()),
                     provider.authorize(scope="x")):
        headers = response.headers
        assert "no-store" in headers["Cache-Control"] and headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name in headers if name.startswith("Access-Control-")]
        assert headers["x-amz-cognito-request-id"] and response.content == b""


@BOTH_DATABASES
def test_no_text_in_a_parameter_upsets_the_database(provider, database):
    for name in provider.request_of(**PKCE, resource="https://api.example"):
        for text in ("\0", "a\0b", "\ufffe", "😀", "'; --"):
            response = provider.authorize(provider.browser(), **{**PKCE, name: text})
            assert response.status_code == 302, (name, text)
