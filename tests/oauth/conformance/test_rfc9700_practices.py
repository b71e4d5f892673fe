"""RFC 9700 (OAuth 2.0 security best current practice) section 2: what it asks of an authorization server.

One group for each subsection, in both modes. Where the cognito mode departs, the test says what it answers and
that the log advises. The attacks of section 4 are in test_rfc9700_attacks.py and test_rfc9700_pages.py.
"""

import logging

import pytest
import requests

from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from tests.oauth.provider import CALLBACK, CHALLENGE, PKCE, SIGNED_OUT, VERIFIER, answer_of, error_page, refusal

HOST, PATH = "http://localhost:3000", "/callback"
VARIANTS = [
    # nothing, or something else
    "", " ", "/", "callback", PATH, "//localhost:3000/callback", "localhost:3000/callback", "*", "http://*/callback",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)//" + CALLBACK, "data:text/html,x", "file:///etc/passwd", "about:blank",
    "urn:ietf:wg:oauth:2.0:oob", "oob", "null", "undefined", "None", "[]", "{}", SIGNED_OUT, "http://localhost:3000",
    # scheme
    "https://localhost:3000/callback", "HTTP://localhost:3000/callback", "ftp://localhost:3000/callback",
    "http:localhost:3000/callback", "http:/localhost:3000/callback", "http:///localhost:3000/callback",
    "http:\\\\localhost:3000\\callback", "hxxp://localhost:3000/callback", "http ://localhost:3000/callback",
    # host
    "http://LOCALHOST:3000/callback", "http://localhost.:3000/callback", "http://127.0.0.1:3000/callback",
    "http://[::1]:3000/callback", "http://0:3000/callback", "http://2130706433:3000/callback",
    "http://127.1:3000/callback", "http://0x7f000001:3000/callback", "http://localhost.evil.example:3000/callback",
    "http://evil.example/callback", "http://evil.example:3000/callback", "http://evillocalhost:3000/callback",
    "http://x.localhost:3000/callback", "http://lоcalhost:3000/callback", "http://ｌocalhost:3000/callback",
    "http://localhost%2eevil.example:3000/callback", "http://localhost%00.evil.example:3000/callback",
    "http://localhost\u200b:3000/callback", "http://localhost%E2%80%8B:3000/callback", "http://xn--:3000/callback",
    # userinfo
    "http://localhost:3000@evil.example/callback", "http://user@localhost:3000/callback",
    "http://user:password@localhost:3000/callback", "http://@localhost:3000/callback",
    "http://localhost:3000%40evil.example/callback", "http://localhost:3000%2540evil.example/callback",
    "http://evil.example@localhost:3000@evil.example/callback", "http://localhost:3000\\@evil.example/callback",
    "http://localhost:3000#@evil.example/callback", "http://localhost:3000?@evil.example/callback",
    "http://evil.example#@localhost:3000/callback", "http://evil.example\\@localhost:3000/callback",
    # port
    "http://localhost/callback", "http://localhost:/callback", "http://localhost:80/callback",
    "http://localhost:3001/callback", "http://localhost:03000/callback", "http://localhost:30000/callback",
    "http://localhost:300/callback", "http://localhost:3000:3000/callback", "http://localhost:+3000/callback",
    "http://localhost:3000 /callback", "http://localhost:x/callback", "http://localhost:-1/callback",
    # path
    *(HOST + path for path in (
        "/Callback", "/CALLBACK", "/callback/", "/callback//", "//callback", "/./callback", "/callback/.",
        "/../callback", "/callback/..", "/x/../callback", "/callback/../x", "/callback/%2e%2e/x", "/callback/..%2fx",
        "/callback/..;/x", "/callback;x", "/callback;/..", "/callback;jsessionid=1", "/callbackx", "/callback.html",
        "/callback%00", "/callback%20", "/callback%0a", "/callback%0d%0aX:%20y", "/callback%2f", "/callback%252f",
        "/%63allback", "/call%62ack", "/callbac%6B", "/callback%3F", "/callback%23", "\\callback", "/\\callback",
        "/callback\\", "/callback\\..\\x", "/callbаck", "/cällback", "/callback\u202e", "/", "", "/*", "/call*",
        "/callback*", "/.*", "/callback/x", "/callback/https://evil.example", "/callback/@evil.example")),
    # query and fragment
    *(CALLBACK + more for more in (
        "?", "?x", "?x=y", "?step=1", "&step=1", "?code=evil", "?code=evil&state=s-1", "?error=x", "?&", "??", "?#",
        "#", "#x", "#code=evil", "#?x", "?redirect_uri=http://evil.example", "%3Fx=y", "&x=y", ";x=y")),
    "http://localhost:3000/other", "http://localhost:3000/other?step=2", "http://localhost:3000/other?step=1&x=y",
    "http://localhost:3000/other?step=1#", "http://localhost:3000/other?STEP=1", "http://localhost:3000/other?step=%31",
    # an app's own scheme
    "com.example.app:/callback", "com.example.app://callback", "com.example.app:///callback/", "com.example.app:",
    "com.example.app:///Callback", "COM.EXAMPLE.APP:///callback", "com.example.evil:///callback",
    # white space, control characters, size, several
    " " + CALLBACK, CALLBACK + " ", "\t" + CALLBACK, CALLBACK + "\t", CALLBACK + "\n", CALLBACK + "\r\n",
    CALLBACK + "\r\nLocation: http://evil.example/", CALLBACK + "\0", CALLBACK + "\x7f", CALLBACK + "\x85",
    CALLBACK + "\u2028", "\ufeff" + CALLBACK, CALLBACK + ",http://evil.example", CALLBACK + " http://evil.example",
    CALLBACK + "|http://evil.example", CALLBACK + "/" + "x" * 4000, CALLBACK * 2, f"[{CALLBACK}]", f'"{CALLBACK}"',
    f"<{CALLBACK}>", CALLBACK.replace(":", "%3A"), CALLBACK.replace("/", "%2F"), CALLBACK.encode().hex(),
]


def advised(caplog, client: dict, about: str) -> bool:
    """Whether the log has a warning about this client, naming the section. It is given once, so to a new client."""
    told = [getattr(record, "fields", {}) for record in caplog.records if record.levelno == logging.WARNING]
    return any(client["ClientId"] == fields.get("client") and about in str(fields) for fields in told)


# 2.1 Protecting redirect-based flows

def test_2_1_redirect_uris_are_compared_byte_for_byte(provider):
    """A1, and 4.1.3: no redirect there, no sign-in page, no fault, whoever is signed in."""
    nobody, somebody = requests.Session(), provider.browser()
    assert len(set(VARIANTS)) >= 156
    for uri in VARIANTS:
        for browser in (nobody, somebody):
            assert error_page(provider.authorize(browser, redirect_uri=uri)) in ("redirect_mismatch", "invalid_request")
    page = provider.get("/error?error=redirect_mismatch", nobody)
    assert page.status_code == 400


def test_2_1_an_address_that_is_no_text_is_none(provider):
    for raw in ("%ED%A0%80", "%FF", "%C0%AF", "%", "%%", "%u0000", "+", "%00"):
        query = f"response_type=code&client_id={provider.web['ClientId']}&redirect_uri={CALLBACK}{raw}"
        assert error_page(provider.get(f"/oauth2/authorize?{query}")) == "redirect_mismatch"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_2_1_only_the_port_of_an_app_on_the_persons_machine_may_vary(provider, host):
    """RFC 8252 section 7.3, in strict mode. Differs in Cognito: byte for byte here too."""
    registered, asked = f"http://{host}/callback", f"http://{host}:51004/callback"
    public, secret = (provider.new_client(CallbackURLs=[registered, CALLBACK], GenerateSecret=has_secret)
                      for has_secret in (False, True))
    browser = provider.browser()
    response = provider.authorize(browser, public, redirect_uri=asked, **PKCE)
    if provider.strict:
        code = answer_of(response, asked)["code"]
        for uri, outcome in ((registered, 400), (asked, 200)):
            answer = provider.redeem(code, public, redirect_uri=uri, code_verifier=VERIFIER)
            assert answer.status_code == outcome
    else:
        assert error_page(response) == "redirect_mismatch"
    for client, uri in ((secret, asked), (public, asked + "/x"), (public, asked.replace("http", "https", 1)),
                        (public, asked.replace(":51004", ":51004x")), (public, asked.replace("//", "//user@")),
                        (public, f"http://{host}:51004@evil.example/callback"),
                        (public, "http://localhost:3001/callback")):
        wrong = provider.authorize(browser, client, redirect_uri=uri, **PKCE)
        if uri == "http://localhost:3001/callback" and host == "localhost" and provider.strict:
            assert wrong.headers["Location"].startswith(uri)
        else:
            assert error_page(wrong) == "redirect_mismatch", uri


# 2.1.1 Authorization code grant

def test_2_1_1_clients_without_a_secret_must_use_pkce(provider, caplog):
    """Differs in Cognito: they need not, and the log advises."""
    client = provider.new_client()
    answer = answer_of(provider.authorize(provider.browser(), client))
    if provider.strict:
        assert answer["error"] == "invalid_request" and "code" not in answer
    else:
        assert "code" in answer and advised(caplog, client, "2.1.1")
    with_proof = answer_of(provider.authorize(provider.browser(), client, **PKCE))
    assert provider.redeem(with_proof["code"], client, code_verifier=VERIFIER).status_code == 200


def test_2_1_1_a_client_with_a_secret_may_do_without_and_is_held_to_it_if_it_does(provider):
    server = provider.clients["server"]
    assert provider.tokens(server)
    assert refusal(provider.redeem(provider.code(server, **PKCE), server)) == "invalid_grant"


def test_2_1_1_the_verifier_is_enforced_where_a_challenge_was(provider):
    code = provider.code(**PKCE)
    for verifier in (None, VERIFIER[:-1], CHALLENGE, VERIFIER.upper(), VERIFIER + " ", VERIFIER + "\0"):
        assert refusal(provider.redeem(code, code_verifier=verifier)) == "invalid_grant"
    assert provider.redeem(code, code_verifier=VERIFIER).status_code == 200, "a wrong guess spends nothing"


def test_2_1_1_a_challenge_that_shows_the_verifier_is_not_taken(provider):
    browser = provider.browser()
    for method in ("plain", "", "S512", "s256", "none", None):
        for challenge in (CHALLENGE, VERIFIER):
            response = provider.authorize(browser, code_challenge=challenge, code_challenge_method=method)
            assert answer_of(response)["error"] == "invalid_request"


def test_2_1_1_a_client_can_find_out_that_pkce_is_supported(rp):
    assert rp.metadata["code_challenge_methods_supported"] == ["S256"]


# 2.1.2 Implicit grant

def test_2_1_2_no_token_is_put_into_an_address(provider, caplog):
    """A6. Differs in Cognito: `token` works for a client that is set to it, and the log advises."""
    client = provider.new_client(AllowedOAuthFlows=["implicit"])
    for response_type in ("token", "id_token", "id_token token", "token id_token", "code token"):
        response = provider.authorize(provider.browser(), client, response_type=response_type, **PKCE)
        location = response.headers["Location"]
        assert "access_token" not in location.partition("#")[0]
        if response_type == "token" and not provider.strict:
            assert "access_token" in answer_of(response, mark="#") and advised(caplog, client, "2.1.2")
        else:
            assert "access_token" not in location and "error=unsupported_response_type" in location


def test_2_1_2_a_client_that_is_not_set_to_it_gets_none(provider):
    location = provider.authorize(provider.browser(), response_type="token").headers["Location"]
    assert "error=un" in location and "access_token" not in location


# 2.2 Token replay prevention

def test_2_2_1_tokens_are_bearer_tokens_and_nothing_else_is_promised(rp):
    """Sender-constrained tokens (DPoP, mutual TLS) are recommended; they are not offered, in no mode."""
    assert rp.flow().tokens["token_type"] == "Bearer"
    assert not {"dpop_signing_alg_values_supported", "tls_client_certificate_bound_access_tokens",
                "mtls_endpoint_aliases"} & rp.metadata.keys()


def test_2_2_2_refresh_tokens_of_clients_without_a_secret_rotate(provider, caplog):
    """T4, and 4.14.2. Differs in Cognito: where the client is set to it; else the log advises."""
    client = provider.new_client()
    first = provider.redeem(provider.code(client, **PKCE), client, code_verifier=VERIFIER).json()
    second = provider.refresh(first, client).json()
    if not provider.strict:
        assert "refresh_token" not in second and advised(caplog, client, "2.2.2")
        assert provider.refresh(first, client).status_code == 200
        return
    assert second["refresh_token"] != first["refresh_token"]
    provider.clock.advance(seconds=5)
    assert refusal(provider.refresh(first, client)) == "invalid_grant"
    assert refusal(provider.refresh(second, client)) == "invalid_grant", "the whole family ends"
    assert provider.user_info(second).status_code == 401


def test_2_2_2_a_client_with_a_secret_is_bound_by_it(provider):
    server = provider.clients["server"]
    token = provider.tokens(server)["refresh_token"]
    thief = {"ClientId": server["ClientId"]}
    assert refusal(provider.refresh(token, thief)) == "invalid_client"
    assert provider.refresh(token, server).status_code == 200


# 2.3 Access token privilege restriction

def test_2_3_a_token_does_no_more_than_was_asked_for(provider):
    tokens = provider.redeem(provider.code(scope="openid", **PKCE), code_verifier=VERIFIER).json()
    assert provider.claims(tokens["access_token"])["scope"] == "openid"
    with pytest.raises(CognitoError, match="required scopes"):
        provider.backend.call("GetUser", {"AccessToken": tokens["access_token"]}, OPERATOR)


def test_2_3_a_token_can_be_for_one_resource_server(provider):
    """RFC 8707: `aud`; and only one."""
    code = provider.code(resource="https://api.example/orders", **PKCE)
    tokens = provider.redeem(code, code_verifier=VERIFIER).json()
    assert provider.claims(tokens["access_token"], "https://api.example/orders")
    two = provider.get("/oauth2/authorize?resource=https://a.example&resource=https://b.example",
                       provider.browser(), params=provider.request_of(**PKCE))
    assert answer_of(two)["error"] == "invalid_request"


# 2.4 Resource owner password credentials grant

def test_2_4_passwords_are_no_grant(provider, rp):
    """A6: for no client, whatever it is set to."""
    client = provider.new_client(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    for each in (client, provider.clients["server"], provider.clients["machine"]):
        response = provider.token(each, grant_type="password", username="user-1@example.com", password="x")
        assert refusal(response) == "unsupported_grant_type"
    assert "password" not in rp.metadata["grant_types_supported"]


# 2.5 Client authentication

def test_2_5_a_client_with_a_secret_must_prove_itself_everywhere(provider):
    server = provider.clients["server"]
    code, unproven = provider.code(server), {"ClientId": server["ClientId"]}
    for client in (unproven, {**unproven, "ClientSecret": "x"}):
        for response in (provider.redeem(code, client), provider.refresh("x", client),
                         provider.token(client, grant_type="client_credentials")):
            assert refusal(response, 401 if "ClientSecret" in client else 400) == "invalid_client"
    assert provider.redeem(code, server).status_code == 200


def test_2_5_only_what_is_there_is_offered(rp):
    """Private keys and mutual TLS are recommended; a pool's clients have secrets, as in Cognito."""
    methods = ["client_secret_basic", "client_secret_post", "none"]
    assert rp.metadata["token_endpoint_auth_methods_supported"] == methods
    assertion = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                 "client_assertion": "x.y.z", "client_id": rp.client["ClientId"]}
    response = requests.post(rp.metadata["token_endpoint"], data={"grant_type": "client_credentials", **assertion})
    assert rp.token_refusal(response) == "invalid_client"


# 2.6 Other recommendations

def test_2_6_the_configuration_is_published(rp):
    assert rp.metadata["issuer"] == rp.provider.issuer


def test_2_6_no_script_of_another_origin_reads_what_people_are_sent_to(provider):
    """A10: no CORS there, for no origin and no method."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for path in ("/oauth2/authorize", "/logout", "/login", "/signout", "/error", "/signedout"):
        for method in ("GET", "OPTIONS", "POST"):
            response = requests.request(method, provider.url + path, params=provider.request_of(), headers=headers,
                                        allow_redirects=False)
            assert not [name for name in response.headers if name.lower().startswith("access-control-")], path


def test_2_6_scripts_may_ask_the_other_endpoints_and_never_with_cookies(rp):
    """A10: any origin, but no credentials of the browser."""
    for name, methods in (("token_endpoint", ["POST"]), ("userinfo_endpoint", ["GET", "POST"]),
                          ("revocation_endpoint", ["POST"]), ("jwks_uri", ["GET"])):
        for method in ("OPTIONS", *methods):
            response = requests.request(method, rp.metadata[name], headers={"Origin": "https://app.example"})
            assert response.headers["Access-Control-Allow-Origin"] == "*", (name, method)
            assert "Access-Control-Allow-Credentials" not in response.headers
