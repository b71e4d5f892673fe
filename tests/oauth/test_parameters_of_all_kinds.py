"""Whatever a parameter says, in both modes: no fault of ours, nobody led astray, no markup, no header of its own.

A bounded, repeatable Hypothesis run over every parameter of the OAuth endpoints and of the pages: left out, empty,
doubled, huge, of any Unicode, with control characters, bytes that are no UTF-8, markup.
"""

import re
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authservice import create_app
from authservice.contract import HOSTED
from authservice.hosted.journey import PAGES
from authservice.local.backend import LocalBackend
from tests.conftest import Clock, make_settings
from tests.hosted.page import Page
from tests.oauth.provider import (
    APP_CALLBACK,
    CALLBACK,
    NAME,
    OTHER_CALLBACK,
    PASSWORD,
    PKCE,
    SIGNED_OUT,
    Provider,
    add_user,
    populate,
)

MARK = "zq9"
"""Of our own, so that an element or attribute of this name can only come from what was sent."""
MARKUP = [f"<{MARK}>", f'"><{MARK} {MARK}="1">', f"'><{MARK}>", f'" {MARK}="', f"' {MARK}='", f" {MARK}=1 ",
          f"</title><{MARK}>", f"</p></form><{MARK}>", f"<!--<{MARK}>", f"&lt;{MARK}&gt;", f"{{{{'<{MARK}>'}}}}",
          f"{{% raw %}}<{MARK}>", f"\0<{MARK}>", f"<script {MARK}>alert(1)</script>", f"javascript:{MARK}"]
NASTY = ["", " ", "\0", "\r\nX: y", "\r\n\r\n<html>", "'\"`;--", "%00%ff", "é漢🔑\u202e", "a" * 3000, "none login",
         "none", "login", "select_account", "consent", "-1", "0", "1", "[]", "{}", "null", '{"userinfo":{"name":null}}',
         '{"id_token":{"acr":{"essential":true,"values":["x"]}}}', '{"userinfo":{"\\u0000":{"value":"\\ud800"}}}',
         "[" * 2000, '{"a":' * 500, "1e999", CALLBACK, SIGNED_OUT, "code", "token", "openid", "openid address",
         "query", "fragment", "form_post", "urn:cognito:loa:1", "urn:cognito:loa:4", "//evil.example/",
         "http://evil.example/", "javascript:alert(1)", "../../etc/passwd", "\ud7ff\ufffd",
         "&state=evil&code=evil", "?code=evil#code=evil", *MARKUP]
RAW = ["%ED%A0%80", "%FF%FE", "%C0%AF", "%", "%%", "%zz", "%u0041", "+%2B+", "%E2%80%AE", ";", "%0d%0aX:%20y", "=", "#"]
"""As they stand in an address or a body: lone surrogates, bytes that are no UTF-8, broken escapes."""
TEXT = st.text(max_size=60, alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(st.sampled_from([quote(each, safe="") for each in NASTY]),
                   TEXT.map(lambda text: quote(text, safe="")), st.sampled_from(RAW))
KNOWN = (CALLBACK, OTHER_CALLBACK, APP_CALLBACK, SIGNED_OUT)
ALONE = [*(quote(each, safe="") for each in [*MARKUP, "", "\0", "\r\nX: y", "a" * 3000, "é漢🔑\u202e", "[" * 2000,
                                             "&state=evil&code=evil", "//evil.example/", "http://evil.example/"]), *RAW]
"""What every single parameter is given, once each."""
OUR_SCRIPT = {"src": "/hosted/static/pages.js", "defer": None}
ERROR_TEXT = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
"""What error and error_description may consist of: RFC 6749 sections 4.1.2.1 and 5.2."""
AUTHORIZE = ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
             "code_challenge_method", "prompt", "max_age", "id_token_hint", "login_hint", "resource", "request",
             "request_uri", "identity_provider", "idp_identifier", "lang", "ui_locales", "claims", "claims_locales",
             "acr_values", "response_mode", "display", "x"]
LOGOUT = ["client_id", "logout_uri", "redirect_uri", "response_type", "id_token_hint", "state",
          "post_logout_redirect_uri", "ui_locales", "x"]
NAMES = {
    "GET /oauth2/authorize": AUTHORIZE, "POST /oauth2/authorize": AUTHORIZE,
    "GET /logout": LOGOUT, "POST /logout": LOGOUT,
    "POST /oauth2/token": ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier",
                           "refresh_token", "scope", "aws_client_metadata", "client_assertion"],
    "POST /oauth2/revoke": ["token", "client_id", "client_secret", "token_type_hint"],
    "GET /oauth2/userInfo": ["access_token"], "POST /oauth2/userInfo": ["access_token"],
}
OFFERED = {"grant_type": "authorization_code"}
BESIDE = ["logout_uri", "post_logout_redirect_uri", "error", "error_description", "user_name", "confirmation_code"]
"""What the pages beside the journey read."""
FORMS = [page.path for page in PAGES]
PLAIN = ["/signedout", "/signout", "/error", "/confirmUser", "/oauth2/authorize", "/logout"]
"""Pages beside the journey, and the two endpoints that lead to pages."""
FIELDS = ["username", "password", "new_password", "password_again", "code", "email", "name", "phone_number", "secret",
          "decision", "again", "birthdate", "x"]
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


class Service:
    """The service in this process, in one mode, with a browser at which somebody is signed in and one without."""

    def __init__(self, backend: LocalBackend):
        self.app = create_app(backend.settings, backend=backend)  # not .testing: a fault becomes a 500, as for a guest
        self.provider = Provider("http://localhost:8400", backend, backend.tools.clock)
        self.good = self.provider.request_of(**PKCE)
        self.nobody, self.somebody = self.app.test_client(), self.app.test_client()
        self.is_signed_in = False
        self.csrf = {client: self._csrf(client) for client in (self.nobody, self.somebody)}
        add_user(backend, self.provider.pool_id, "user-2@example.com")

    def _csrf(self, client) -> str:
        page = client.get("/login", query_string=self.good).text
        return page.split('name="_csrf" value="')[1].split('"')[0]

    def _sign_in(self) -> None:
        answer = self.provider.backend.call("InitiateAuth", {
            "ClientId": self.provider.web["ClientId"], "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": NAME, "PASSWORD": PASSWORD}}, HOSTED)
        self.somebody.set_cookie(f"cognito.{self.provider.pool_id}", answer["AuthenticationResult"]["AccessToken"])

    def ask(self, path: str, query: str = "", method: str = "GET", body: str | None = None, signed_in: bool = True):
        """Send it and hold the answer to what must be true of every one."""
        client = self.somebody if signed_in else self.nobody
        if signed_in and not self.is_signed_in:
            self._sign_in()
        response = client.open(f"{path}?{query}" if query else path, method=method, data=body,
                               content_type="application/x-www-form-urlencoded" if body is not None else None)
        if signed_in:  # signing out, or in as somebody else, ends it
            self.is_signed_in = path != "/logout" and (method == "GET" or path.startswith("/oauth2"))
        check(response)
        check_page(response)
        if path == "/oauth2/authorize" and method == "GET":
            check_state(response, query)
        return response


def check(response) -> None:
    """What must be true of every answer."""
    assert response.status_code < 500 and "server_error" not in response.headers.get("Location", "")
    assert "X" not in response.headers and not any(c in value for _, value in response.headers for c in "\r\n")
    location = response.headers.get("Location", "/")
    assert location.startswith(KNOWN) or location[:1] == "/" != location[1:2] != "\\", location
    if location.startswith(KNOWN):
        told = parse_qsl(re.split(r"[?#]", location.replace(OTHER_CALLBACK, CALLBACK + "?"), maxsplit=1)[-1])
        assert len(told) == len(dict(told)), "a parameter that was injected"
        assert all(ERROR_TEXT.fullmatch(value) for name, value in told if name.startswith("error"))
    if response.mimetype == "application/json":
        body = response.json
        assert all(ERROR_TEXT.fullmatch(str(body.get(name, ""))) for name in ("error", "error_description"))


def check_state(response, query: str) -> None:
    """The app is told its own state, if it sent one that is text."""
    location = response.headers.get("Location", "")
    states = [value for name, value in parse_qsl(query.partition("#")[0], keep_blank_values=True,
                                               errors="replace") if name == "state"]
    if location.startswith(KNOWN) and len(states) == 1 and states[0] and "\ufffd" not in states[0]:
        told = parse_qsl(re.split(r"[?#]", location, maxsplit=1)[1], keep_blank_values=True)
        assert [value for name, value in told if name == "state"] == states


def check_page(response) -> None:
    """No element, no attribute and no address on the page came from what was sent."""
    if response.mimetype != "text/html" or "Location" in response.headers:
        return
    for element in Page(response.status_code, response.headers, response.text).root.all():
        assert MARK not in element.tag and (element.tag != "script" or element.attributes == OUR_SCRIPT), element
        assert not [name for name in element.attributes if MARK in name or name.startswith("on")], element
        target = element.get("href")
        assert not target or re.match(r"/(?!/)|data:,|otpauth:", target) or target.startswith(KNOWN), target
        assert re.match(r"/(?!/)", element.get("action", "/")), element


@pytest.fixture(scope="module", params=["cognito", "strict"])
def service(request, tmp_path_factory):
    backend = LocalBackend(make_settings(tmp_path_factory.mktemp("fuzzed"), oidc=request.param), Clock())
    request.addfinalizer(backend.close)
    populate(backend)
    return Service(backend)


def written(good: dict, changed: dict, doubled: list[tuple], left_out: set[str] = frozenset()) -> str:
    """A query or form: the good values with some of them changed, doubled or left out."""
    pairs = {name: quote(value, safe="") for name, value in good.items() if name not in left_out} | changed
    return "&".join(f"{name}={value}" for name, value in [*pairs.items(), *doubled])


@pytest.mark.parametrize("endpoint", [name for name in NAMES if name not in ("POST /oauth2/authorize", "POST /logout")])
def test_each_parameter_alone_takes_anything(service, endpoint):
    method, path = endpoint.split()
    good = {name: value for name, value in {**service.good, **OFFERED}.items() if name in NAMES[endpoint]}
    for name in NAMES[endpoint]:
        for value in ALONE:
            sent = written(good, {name: value}, [])
            service.ask(path, sent) if method == "GET" else service.ask(path, "", method, sent)
    assert "code=" in service.ask("/oauth2/authorize", urlencode(service.good)).headers["Location"], "still signed in"


@pytest.mark.parametrize("signed_in", [False, True])
def test_no_page_shows_markup_that_was_sent(service, signed_in):
    """Every page, with the same markup in everything that does not decide whether there is a page."""
    decides = {"response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method",
               "request", "request_uri", "identity_provider", "idp_identifier", "resource", "max_age", "prompt",
               "claims", "response_mode"}
    free = {*AUTHORIZE, *BESIDE} - decides - {"logout_uri", "post_logout_redirect_uri"}
    token = service.csrf[service.somebody if signed_in else service.nobody]
    for path in [*FORMS, *PLAIN]:
        for markup in MARKUP:
            sent = quote(markup, safe="")
            service.ask(path, written(service.good, dict.fromkeys(free, sent), []), signed_in=signed_in)
            if path in FORMS:
                form = written({"_csrf": token}, dict.fromkeys(FIELDS, sent), [])
                service.ask(path, urlencode(service.good), "POST", form, signed_in)


@pytest.mark.parametrize("endpoint", NAMES)
def test_no_combination_breaks_an_endpoint_or_leads_astray(service, endpoint):
    method, path = endpoint.split()
    names = st.sampled_from(NAMES[endpoint])
    offered = {**service.good, **OFFERED}

    @settings(max_examples=20, **SETTINGS)
    @given(changed=st.dictionaries(names, VALUES, max_size=4), doubled=st.lists(st.tuples(names, VALUES), max_size=1),
           left_out=st.sets(names, max_size=1), beside=st.booleans())
    def ask(changed, doubled, left_out, beside):
        good = {name: offered[name] for name in NAMES[endpoint] if name in offered}
        sent = written(good, changed, doubled, left_out)
        if method == "GET":
            service.ask(path, sent, signed_in=not beside)
        else:
            service.ask(path, "x=y" if beside and changed else "", "POST", sent)

    ask()


def test_no_query_breaks_a_page_or_writes_on_it(service):
    names = st.sampled_from([*AUTHORIZE, *BESIDE])

    @settings(max_examples=50, **SETTINGS)
    @given(path=st.sampled_from([*FORMS, *PLAIN]), changed=st.dictionaries(names, VALUES, max_size=3),
           doubled=st.lists(st.tuples(names, VALUES), max_size=1), signed_in=st.booleans())
    def ask(path, changed, doubled, signed_in):
        response = service.ask(path, written(service.good, changed, doubled), signed_in=signed_in)
        location = response.headers.get("Location", "")
        if location.startswith("/"):  # what the guest is shown next
            service.ask(*location.partition("?")[::2], signed_in=signed_in)

    ask()


def test_no_form_breaks_a_page_or_writes_on_it(service):
    names = st.sampled_from(FIELDS)

    @settings(max_examples=50, **SETTINGS)
    @given(path=st.sampled_from([*FORMS, "/logout"]), typed=st.dictionaries(names, VALUES, max_size=5),
           doubled=st.lists(st.tuples(names, VALUES), max_size=1), signed_in=st.booleans(),
           csrf=st.one_of(st.none(), VALUES))
    def send(path, typed, doubled, signed_in, csrf):
        token = service.csrf[service.somebody if signed_in else service.nobody] if csrf is None else csrf
        body = written({"username": "user-2@example.com", "password": PASSWORD}, {**typed, "_csrf": token}, doubled)
        query = urlencode(service.good if path != "/logout" else {"client_id": service.good["client_id"]})
        service.ask(path, query, "POST", body, signed_in)

    send()


@pytest.mark.parametrize("name", ["Host", "Authorization", "Cookie", "Content-Type", "X-Forwarded-Host"])
def test_no_header_breaks_an_endpoint(service, name):
    @settings(max_examples=20, **SETTINGS)
    @given(value=st.text(max_size=60, alphabet=st.characters(min_codepoint=32, max_codepoint=255)))
    def ask(value):
        for endpoint in NAMES:
            method, path = endpoint.split()
            check(service.nobody.open(path, method=method, headers={name: value},
                                      data="client_id=x" if method == "POST" else None))

    ask()
