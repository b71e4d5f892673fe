"""RFC 9700 (OAuth 2.0 security best current practice) section 4: the attacks on codes, tokens and redirects.

One group for each subsection that concerns an authorization server, in both modes; section 4.1 is tested with
section 2.1 in test_rfc9700_practices.py, what concerns pages and leaks is in test_rfc9700_pages.py.
"""

import re

import pytest
import requests

from authservice.errors import CognitoError
from authservice.local.messaging import outbox
from tests.oauth.conformance.relying_party import PERSON, half_hash
from tests.oauth.provider import PASSWORD, PKCE, VERIFIER, add_user, answer_of, error_page, refusal

EVIL = "http://evil.example/"


def redeemed(provider, code: str, client: dict | None = None, **form):
    return provider.redeem(code, client, code_verifier=VERIFIER, **form)


def tokens_of(provider, **given) -> dict:
    """The tokens of the public client, with PKCE, which strict mode demands."""
    response = redeemed(provider, provider.code(**PKCE, **given))
    assert response.status_code == 200, response.text
    return response.json()


# 4.1 Insufficient redirection URI validation (the rest: section 2.1)

@pytest.mark.parametrize("uri", ["http://evil.example/callback", "https://app.example/#x", "javascript:alert(1)",
                                 "data:text/html,x", "/callback", "app.example/callback"])
def test_4_1_an_address_that_leaks_or_leads_nowhere_is_not_registered(provider, uri):
    with pytest.raises(CognitoError):
        provider.new_client(CallbackURLs=[uri])


def test_4_1_a_pattern_is_only_itself(provider):
    client = provider.new_client(CallbackURLs=["https://*.app.example/*"])
    response = provider.authorize(provider.browser(), client, redirect_uri="https://x.app.example/y", **PKCE)
    assert error_page(response) == "redirect_mismatch"


# 4.2, 4.3 Credential leakage: a code is worth little to whoever finds it later

def test_4_2_a_code_that_leaked_was_used_already_or_is_too_old(provider):
    """T1. Differs in Cognito: five minutes instead of one."""
    lifetime = 60 if provider.strict else 300
    early, late = provider.code(**PKCE), provider.code(**PKCE)
    provider.clock.advance(seconds=lifetime - 1)
    assert redeemed(provider, early).status_code == 200
    assert refusal(redeemed(provider, early)) == "invalid_grant"
    provider.clock.advance(seconds=1)
    assert refusal(redeemed(provider, late)) == "invalid_grant"


def test_4_3_no_token_is_taken_from_an_address(provider):
    """T11: it would stand in histories and logs."""
    tokens, server = tokens_of(provider), provider.clients["server"]
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    query = {"access_token": tokens["access_token"]}
    for response in (provider.get("/oauth2/userInfo", params=query),
                     provider.get("/oauth2/userInfo", params=query, headers=header)):
        assert response.status_code == 400 and response.json()["error"] == "invalid_request"
    secret = {"client_id": server["ClientId"], "client_secret": server["ClientSecret"], "token": "x",
              "grant_type": "client_credentials"}
    for path in ("/oauth2/token", "/oauth2/revoke"):
        response = requests.post(provider.url + path, params=secret)
        assert response.status_code == 400 and response.json()["error"] == "invalid_request"


def test_4_3_no_response_mode_puts_a_token_into_the_query(provider):
    client, browser = provider.new_client(AllowedOAuthFlows=["implicit"]), provider.browser()
    for mode in ("query", "fragment", "form_post", "web_message", "query.jwt", "x", ""):
        response = provider.authorize(browser, client, response_type="token", response_mode=mode)
        assert response.status_code == 302
        query, _, fragment = response.headers["Location"].partition("#")
        assert "access_token" not in query and ("access_token" in fragment) <= (not provider.strict)


# 4.4 Mix-up attacks

def test_4_4_every_answer_says_whose_it_is(provider, rp):
    """A7, RFC 9207: success and error, and metadata says so."""
    assert rp.metadata["authorization_response_iss_parameter_supported"] is True
    for given in ({}, {"scope": "none-such"}, {"prompt": "none login"}, {"response_type": "x"}, {"request": "x"}):
        answer = answer_of(provider.authorize(provider.browser(), **{**PKCE, **given}))
        assert answer["iss"] == rp.metadata["issuer"] and ("code" in answer) is (given == {})


def test_4_4_a_code_of_another_pools_issuer_is_none_here(provider):
    """S12: what one issuer gave is nothing to another's client."""
    code, elsewhere = provider.code(**PKCE), provider.clients["elsewhere"]
    assert refusal(redeemed(provider, code, elsewhere)) == "invalid_grant"
    assert redeemed(provider, code).status_code == 200


# 4.5 Authorization code injection

def test_4_5_a_stolen_code_fits_no_other_session_client_or_address(provider):
    stolen, other = provider.code(**PKCE), provider.new_client()
    assert refusal(provider.redeem(stolen, code_verifier="another-" + VERIFIER)) == "invalid_grant"
    assert refusal(redeemed(provider, stolen, other)) == "invalid_grant"
    assert refusal(redeemed(provider, stolen, redirect_uri=EVIL)) == "invalid_grant"
    claims = provider.claims(redeemed(provider, stolen).json()["id_token"], provider.web["ClientId"])
    assert claims["nonce"] == "n-1", "the other protection: the nonce of the request that got the code"


def test_4_5_a_second_use_takes_back_what_the_first_gave(provider):
    """T2: access and refresh tokens, wherever they are by then."""
    code = provider.code(**PKCE)
    first = redeemed(provider, code).json()
    second = provider.refresh(first).json()
    provider.clock.advance(seconds=2)
    assert refusal(redeemed(provider, code)) == "invalid_grant"
    for tokens in (first, second):
        assert provider.user_info(tokens).status_code == 401
        assert "refresh_token" not in tokens or refusal(provider.refresh(tokens)) == "invalid_grant"


# 4.6 Access token injection

def test_4_6_the_id_token_is_tied_to_the_access_token(provider):
    tokens = tokens_of(provider)
    claims = provider.claims(tokens["id_token"], provider.web["ClientId"])
    assert claims["at_hash"] == half_hash(tokens["access_token"])
    assert claims["sub"] == provider.user_info(tokens).json()["sub"]


# 4.7 Cross-site request forgery (forms: test_rfc9700_pages.py)

def test_4_7_state_and_nonce_come_back_as_they_were(provider):
    """A8."""
    for text in ("s", "ünïcode 漢字 🔑", "&code=evil&iss=x", "a b+c%20d", "x" * 2000, '{"a":["<b>"]}'):
        answer = answer_of(provider.authorize(provider.browser(), state=text, nonce=text, **PKCE))
        assert answer.keys() == {"code", "state", "iss"} and answer["state"] == text
        id_token = redeemed(provider, answer["code"]).json()["id_token"]
        assert provider.claims(id_token, provider.web["ClientId"])["nonce"] == text


# 4.8 PKCE downgrade attack

@pytest.mark.parametrize("name", ["web", "server"])
def test_4_8_a_verifier_without_a_challenge_is_refused(provider, name):
    """A5: who stripped the challenge from the request gains nothing; in strict mode a public client gets no code."""
    client = provider.clients[name]
    answer = answer_of(provider.authorize(provider.browser(), client))
    if name == "web" and provider.strict:
        assert answer["error"] == "invalid_request"
    else:
        assert refusal(redeemed(provider, answer["code"], client)) == "invalid_grant"


# 4.9, 4.10 Leaked and misused access tokens

def test_4_9_a_token_of_one_kind_or_pool_is_no_other(provider):
    """T10, S12: ID, refresh and machine tokens, codes and hints are no access token; another pool's is none here."""
    tokens = tokens_of(provider)
    machine = provider.token(provider.clients["machine"], grant_type="client_credentials").json()["access_token"]
    for other in (tokens["id_token"], tokens["refresh_token"], machine, provider.code(**PKCE)):
        assert provider.user_info({"access_token": other}).status_code == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}", "Host": "bank.localhost"}
    assert provider.get("/oauth2/userInfo", headers=bearer).status_code == 401


def test_4_10_a_token_says_for_whom_it_is_and_not_for_long(provider):
    """T8: and nothing of the person."""
    claims = provider.claims(tokens_of(provider)["access_token"])
    assert not {*PERSON, "email", "nonce"} & claims.keys()
    assert claims["iss"] == provider.issuer and claims["client_id"] == provider.web["ClientId"]
    assert claims["token_use"] == "access" and claims["exp"] - claims["iat"] <= 86_400


# 4.11 Open redirection

@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/signup", "/forgotPassword"])
def test_4_11_nobody_is_sent_where_no_client_is_registered(provider, path):
    """A2: neither the endpoint nor the pages redirect before client and address are known good."""
    for given in ({"client_id": "unknown"}, {"client_id": None}, {"redirect_uri": EVIL}, {"redirect_uri": None},
                  {"redirect_uri": EVIL, "response_type": "x"}, {"redirect_uri": EVIL, "prompt": "none"},
                  {"redirect_uri": EVIL, "request": "x"}):
        response = provider.get(path, params=provider.request_of(**PKCE, **given))
        assert error_page(response) in ("invalid_client", "redirect_mismatch")


def test_4_11_nobody_is_sent_away_by_signing_out(provider):
    """S5."""
    for name in ("logout_uri", "redirect_uri", "post_logout_redirect_uri"):
        given = {"client_id": provider.web["ClientId"], "response_type": "code", name: EVIL}
        assert error_page(provider.get("/logout", provider.browser(), params=given)) == "redirect_mismatch"


def test_4_11_errors_are_told_to_apps_that_an_administrator_registered(provider):
    """Differs from section 4.11.2 in both modes: not only once the person has signed in.

    Who registers clients here is the pool's administrator, so a registered address is trusted; an
    attacker cannot register one.
    """
    assert answer_of(provider.authorize(scope="none-such", **PKCE))["error"] == "invalid_scope"


# 4.13 TLS-terminating reverse proxies

FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
          "X-Forwarded-Prefix": "//evil.example", "X-Forwarded-Port": "1", "X-Original-URL": "//evil.example/",
          "X-Rewrite-URL": "//evil.example/", "Forwarded": "host=evil.example;proto=https",
          "X-Forwarded-For": "127.0.0.1", "X-HTTP-Method-Override": "DELETE"}


def cookies_of(browser: requests.Session) -> str:
    """Its Cookie header, which requests would not send to another Host."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


def test_4_13_no_header_decides_where_the_service_is(provider):
    """S8: issuer, redirects, pages and cookies follow the public URL alone."""
    cookies = {"Cookie": cookies_of(provider.browser())}
    for forged in ({name: value} for name, value in FORGED.items()):
        for path, headers in ((f"/{provider.pool_id}/.well-known/openid-configuration", forged), ("/login", forged),
                              ("/oauth2/authorize", forged), ("/oauth2/authorize", forged | cookies),
                              ("/logout", forged | cookies), ("/error", forged), ("/signedout", forged)):
            asked = provider.request_of(**PKCE) if path in ("/login", "/oauth2/authorize") else {}
            response = provider.get(path, headers=headers, params=asked)
            assert response.status_code < 500
            assert "evil" not in response.text and "evil" not in str(response.headers), (path, forged)


def test_4_13_a_mailed_link_leads_where_the_service_is(own_provider):
    """S8: who asks for a message with a forged Host does not write what is in it."""
    provider = own_provider
    provider.call("UpdateUserPool", UserPoolId=provider.pool_id, AutoVerifiedAttributes=["email"],
                  VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_LINK"})
    browser, query = requests.Session(), provider.request_of(**PKCE)
    page = browser.get(provider.url + "/signup", params=query)
    typed = {"_csrf": re.search(r'name="_csrf" value="([^"]+)"', page.text)[1], "username": "user-3@example.com"}
    form = {name: typed.get(name, PASSWORD) for name in re.findall(r'<input[^>]* name="([^"]+)"', page.text)}
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Cookie": cookies_of(browser)}
    sent = requests.post(provider.url + "/signup", params=query, data=form, headers=forged, allow_redirects=False)
    assert sent.status_code == 303, sent.text
    [mail] = outbox.recent(provider.backend, "user-3@example.com")
    assert f"{provider.url}/confirmUser?" in str(mail) and "evil" not in str(mail)


# 4.14 Refresh token protection

def test_4_14_a_refresh_token_is_bound_to_client_and_scope(provider):
    """T4."""
    tokens = tokens_of(provider, scope="openid")
    assert refusal(provider.refresh(tokens, provider.clients["server"])) == "invalid_grant"
    assert refusal(provider.refresh(tokens, scope="openid email")) == "invalid_scope"
    renewed = provider.refresh(tokens).json()
    assert provider.claims(renewed["access_token"])["scope"] == "openid"


def test_4_14_a_refresh_token_ends_with_what_ends_the_users_sign_ins(provider):
    password = {"Password": "Another-1-password!", "Permanent": True}
    for operation, given in (("AdminSetUserPassword", password), ("AdminDisableUser", {}), ("AdminDeleteUser", {}),
                             ("AdminUserGlobalSignOut", {}), ("AdminResetUserPassword", {})):
        name = f"{operation.lower()}@example.com"
        add_user(provider.backend, provider.pool_id, name, email_verified="true")
        tokens = tokens_of(provider, browser=provider.browser(name))
        provider.call(operation, UserPoolId=provider.pool_id, Username=name, **given)
        assert refusal(provider.refresh(tokens)) == "invalid_grant", operation


def test_4_14_a_refresh_token_expires_however_often_it_was_renewed(provider):
    """T4: the family's life is absolute."""
    latest = tokens_of(provider)["refresh_token"]
    for _ in range(3):
        provider.clock.advance(days=9)
        latest = provider.refresh(latest).json().get("refresh_token", latest)
    provider.clock.advance(days=3)
    assert refusal(provider.refresh(latest)) == "invalid_grant"


# 4.15 Client impersonating resource owner

def test_4_15_a_machine_cannot_pass_for_a_person(provider):
    """Its sub is its client id, which has not the form of a person's, and it has no scope of one."""
    machine = provider.clients["machine"]
    token = provider.token(machine, grant_type="client_credentials").json()["access_token"]
    claims = provider.claims(token)
    assert claims["sub"] == claims["client_id"] == machine["ClientId"] and "username" not in claims
    person = provider.claims(tokens_of(provider)["access_token"])["sub"]
    assert re.fullmatch(r"[0-9a-f-]{36}", person) and not re.fullmatch(r"[0-9a-f-]{36}", claims["sub"])
    assert not {"openid", "aws.cognito.signin.user.admin"} & set(claims["scope"].split())


def test_4_15_a_person_cannot_take_a_clients_id_as_a_name_and_pass_for_it(provider):
    machine = provider.clients["machine"]["ClientId"]
    other = provider.pools["other"]
    add_user(provider.backend, other, machine)
    sub = provider.call("AdminGetUser", UserPoolId=other, Username=machine)["UserAttributes"]
    assert {"Name": "sub", "Value": machine} not in sub
