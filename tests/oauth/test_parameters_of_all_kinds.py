"""Whatever a parameter says: no fault of ours, no redirect to an unregistered place, no markup."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authservice import create_app
from authservice.contract import HOSTED
from authservice.local.backend import LocalBackend
from tests.conftest import Clock, make_settings
from tests.oauth.provider import (
    APP_CALLBACK,
    CALLBACK,
    NAME,
    OTHER_CALLBACK,
    PASSWORD,
    PKCE,
    SIGNED_OUT,
    Provider,
    populate,
)

NASTY = ["", " ", "\0", "\r\nX: y", "<script>alert(1)</script>", "'\"`;--", "%00%ff", "é漢🔑\u202e", "a" * 3000,
         "none login", "-1", "0", "[]", "{}", "null", CALLBACK, SIGNED_OUT, "code", "token", "openid",
         "\ud7ff\ufffd"]
TEXT = st.text(max_size=60, alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(st.sampled_from(NASTY), TEXT)
KNOWN = (CALLBACK, OTHER_CALLBACK, APP_CALLBACK, SIGNED_OUT)
NAMES = {
    "/oauth2/authorize": ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
                          "code_challenge", "code_challenge_method", "prompt", "max_age", "id_token_hint",
                          "login_hint", "resource", "request", "request_uri", "identity_provider",
                          "lang", "x"],
    "/logout": ["client_id", "logout_uri", "redirect_uri", "response_type", "id_token_hint", "state",
                "post_logout_redirect_uri"],
    "/oauth2/token": ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier",
                      "refresh_token", "scope", "aws_client_metadata"],
    "/oauth2/revoke": ["token", "client_id", "client_secret", "token_type_hint"],
    "/oauth2/userInfo": ["access_token"],
}


@pytest.fixture(scope="module")
def service(tmp_path_factory, request):
    """The service in this process, with somebody signed in at its browser."""
    backend = LocalBackend(make_settings(tmp_path_factory.mktemp("fuzzed")), Clock())
    populate(backend)
    request.addfinalizer(backend.close)
    app = create_app(backend.settings, backend=backend)
    browser = app.test_client()  # and not app.testing: a fault must become a 500, as for a guest
    provider = Provider("http://localhost:8400", backend, backend.tools.clock)
    answer = backend.call("InitiateAuth", {
        "ClientId": provider.web["ClientId"], "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": NAME, "PASSWORD": PASSWORD}}, HOSTED)
    browser.set_cookie(f"cognito.{provider.pool_id}", answer["AuthenticationResult"]["AccessToken"])
    return browser, provider


@pytest.mark.parametrize("path", NAMES)
def test_no_parameter_breaks_an_endpoint_or_leads_astray(service, path):
    browser, provider = service
    good = {"client_id": provider.web["ClientId"], "redirect_uri": CALLBACK, "response_type": "code",
            "grant_type": "authorization_code", "scope": "openid", **PKCE}

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(changed=st.dictionaries(st.sampled_from(NAMES[path]), VALUES, max_size=4),
           doubled=st.lists(st.tuples(st.sampled_from(NAMES[path]), VALUES), max_size=1))
    def ask(changed, doubled):
        pairs = [*{**{name: good[name] for name in NAMES[path] if name in good}, **changed}.items(), *doubled]
        if path in ("/oauth2/authorize", "/logout"):
            response = browser.get(path + "?" + urlencode(pairs))
        else:
            response = browser.post(path, data=urlencode(pairs),
                                    content_type="application/x-www-form-urlencoded")
        assert response.status_code < 500
        assert "<script" not in response.text and "X" not in response.headers
        location = response.headers.get("Location", "/")
        assert location.startswith(KNOWN) or location[:1] == "/" != location[1:2], location

    ask()


@pytest.mark.parametrize("name", ["Host", "Authorization", "Cookie", "Content-Type", "X-Forwarded-Host"])
def test_no_header_breaks_an_endpoint(service, name):
    browser, provider = service

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(value=st.text(max_size=60, alphabet=st.characters(min_codepoint=32, max_codepoint=255)))
    def ask(value):
        for path in NAMES:
            for method in ("GET", "POST"):
                response = browser.open(path, method=method, headers={name: value},
                                        data="client_id=x" if method == "POST" else None)
                assert response.status_code < 500

    ask()
