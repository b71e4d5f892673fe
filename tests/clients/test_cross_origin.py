"""Scripts of another origin, in Chromium: what they may ask the endpoints, and what they may read.

Here are no libraries, but fetch: the browser decides, by our headers.
"""

import json
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from tests.clients.issuer import signed_in
from tests.clients.spa import fill_in

VERIFIER = "a-verifier-of-at-least-forty-three-characters"
AS_AMPLIFY = {"x-amz-user-agent": "aws-amplify/6 framework/1"}
"""No simple header: the browser asks beforehand (OPTIONS) whether it may be sent."""
FETCH = """async ([url, options]) => {
    if (options.form) options = { ...options, method: 'POST', body: new URLSearchParams(options.form) };
    const answer = await fetch(url, options).catch((error) => error);
    if (answer instanceof Error) return { error: answer.name };
    const { status, type } = answer;
    return { status, type, text: await answer.text(), challenge: answer.headers.get('www-authenticate') };
}"""
UNREADABLE = {"error": "TypeError"}


@pytest.fixture
def fetch(page, served):
    """fetch(url, options) as a script of the application calls it; `form` among the options is what it posts."""
    page.goto(f"{served.url}/app.js")  # a document of its origin that does nothing by itself
    return lambda url, **options: page.evaluate(FETCH, [url, options])


@pytest.fixture
def client(issuer, served):
    client_id = issuer.app(served.callback, LogoutURLs=[served.signed_out])["ClientId"]
    return OAuth2Session(client_id, scope="openid email", redirect_uri=served.callback,
                         code_challenge_method="S256", token_endpoint_auth_method="none")


@pytest.fixture
def metadata(issuer) -> dict:
    return requests.get(f"{issuer.url}/.well-known/openid-configuration", timeout=20).json()


def authorization(client, metadata) -> str:
    return client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)[0]


def redemption(client, metadata) -> dict:
    """The form that redeems a fresh code."""
    _, answer = signed_in(authorization(client, metadata), client.redirect_uri)
    return {"grant_type": "authorization_code", "client_id": client.client_id, "code_verifier": VERIFIER,
            "redirect_uri": client.redirect_uri, "code": dict(parse_qsl(urlsplit(answer).query))["code"]}


def test_a_script_redeems_a_code_and_reads_why_not(fetch, client, metadata, page):
    form = redemption(client, metadata)
    answer = fetch(metadata["token_endpoint"], form=form, headers=AS_AMPLIFY)
    assert (answer["status"], answer["type"]) == (200, "cors") and json.loads(answer["text"])["id_token"]
    again = fetch(metadata["token_endpoint"], form={**form, "code": "unknown"}, headers=AS_AMPLIFY)
    assert again["status"] == 400 and json.loads(again["text"])["error"] == "invalid_grant"
    assert not [text for text in page.complaints if "CORS" in text]


def test_a_script_reads_who_the_user_is_and_why_not(fetch, client, metadata, issuer):
    tokens = json.loads(fetch(metadata["token_endpoint"], form=redemption(client, metadata))["text"])
    bearer = {**AS_AMPLIFY, "authorization": f"Bearer {tokens['access_token']}"}
    answer = fetch(metadata["userinfo_endpoint"], headers=bearer)
    assert answer["status"] == 200 and json.loads(answer["text"])["sub"] == issuer.sub
    posted = fetch(metadata["userinfo_endpoint"], form={"access_token": tokens["access_token"]})
    assert posted["status"] == 200 and json.loads(posted["text"])["sub"] == issuer.sub
    refused = fetch(metadata["userinfo_endpoint"], headers={"authorization": "Bearer none"})
    assert refused["status"] == 401 and 'error="invalid_token"' in refused["challenge"]


def test_a_script_revokes_and_reads_why_not(fetch, client, metadata):
    tokens = json.loads(fetch(metadata["token_endpoint"], form=redemption(client, metadata))["text"])
    form = {"client_id": client.client_id, "token": tokens["refresh_token"]}
    answer = fetch(metadata["revocation_endpoint"], form=form, headers=AS_AMPLIFY)
    assert (answer["status"], answer["text"]) == (200, "")
    refused = fetch(metadata["revocation_endpoint"], form={**form, "client_id": "unknown"}, headers=AS_AMPLIFY)
    assert refused["status"] == 401 and json.loads(refused["text"])["error"] == "invalid_client"


def test_a_script_reads_discovery_and_keys(fetch, issuer, metadata):
    found = fetch(f"{issuer.url}/.well-known/openid-configuration", headers=AS_AMPLIFY)
    assert found["status"] == 200 and json.loads(found["text"]) == metadata
    keys = fetch(metadata["jwks_uri"], headers=AS_AMPLIFY)
    assert keys["status"] == 200 and json.loads(keys["text"])["keys"]
    absent = fetch(f"{issuer.service.url}/us-east-1_Unknown/.well-known/jwks.json")
    assert absent["status"] == 404 and "does not exist" in absent["text"]


def test_other_headers_and_cookies_are_not_sent_along(fetch, metadata):
    for endpoint in ("token_endpoint", "userinfo_endpoint", "revocation_endpoint", "jwks_uri"):
        assert fetch(metadata[endpoint], headers={"x-of-its-own": "1"}) == UNREADABLE, endpoint
        assert fetch(metadata[endpoint], credentials="include") == UNREADABLE, endpoint
        assert fetch(metadata[endpoint], method="DELETE") == UNREADABLE, endpoint


def test_no_script_reads_what_people_are_sent_to(fetch, client, metadata, page):
    """Not even with the user signed in, and though the application's own pages, where they end, may be read."""
    asked, here = authorization(client, metadata), page.url
    leave = (f"{metadata['end_session_endpoint']}?client_id={client.client_id}"
             f"&logout_uri={quote(urljoin(here, '/signed-out'))}")
    page.goto(asked)
    fill_in(page)
    page.wait_for_url(f"{client.redirect_uri}?code=*")
    page.goto(here)
    assert fetch(client.redirect_uri)["status"] == 200
    for url in (asked, f"{asked}&prompt=none", leave):
        for credentials in ("omit", "include"):
            assert fetch(url, credentials=credentials) == UNREADABLE, url
        hidden = fetch(url, redirect="manual")
        assert hidden == UNREADABLE or (hidden["type"], hidden["text"]) == ("opaqueredirect", ""), url
