"""With backend cognito browser flows go to the pool's domain; another running service stands in for it."""

import threading
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from werkzeug.serving import make_server

from authservice import create_app
from authservice.cognito.backend import CognitoBackend
from tests.conftest import make_settings
from tests.oauth.conftest import database, oidc, populated, provider  # noqa: F401  what is stood in for
from tests.oauth.provider import CALLBACK, NAME


@pytest.fixture
def make_front(tmp_path):
    """Start the service with backend cognito and these settings; gives its URL."""
    servers = []

    def make(**given) -> str:
        given = {"cognito_endpoint_url": "http://127.0.0.1:9", **given}
        settings = make_settings(tmp_path, backend="cognito", **given)
        app = create_app(settings, backend=CognitoBackend(settings, credentials=("local", "local")))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.port}"

    yield make
    for server in servers:
        server.shutdown()


@pytest.fixture
def front(make_front, provider) -> str:  # noqa: F811
    return make_front(cognito_domain=provider.url, cognito_user_pool_id=provider.pool_id)


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/signup", "/forgotPassword", "/logout"])
def test_a_person_is_sent_to_the_same_place_of_the_domain_with_his_query(front, provider, path):  # noqa: F811
    query = "client_id=x&state=a%20b%2Bc%26d&scope=openid+email&x=%C3%A9"
    response = requests.get(f"{front}{path}?{query}", allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (302, f"{provider.url}{path}?{query}")


def test_a_posted_authorize_request_is_sent_on_as_the_get_that_cognito_takes(front, provider):  # noqa: F811
    response = requests.post(f"{front}/oauth2/authorize", data={"state": "a b"}, allow_redirects=False)
    target = urlsplit(response.headers["Location"])
    assert response.status_code == 303 and f"{target.scheme}://{target.netloc}" == provider.url
    assert dict(parse_qsl(target.query)) == {"state": "a b"}


@pytest.mark.parametrize("name", ["web", "server"])
def test_a_flow_through_it_gives_tokens_that_work(front, provider, name):  # noqa: F811
    client = provider.clients[name]
    auth = (client["ClientId"], client["ClientSecret"]) if "ClientSecret" in client else None
    form = {"grant_type": "authorization_code", "code": provider.code(client), "redirect_uri": CALLBACK,
            "client_id": client["ClientId"]}
    response = requests.post(f"{front}/oauth2/token", data=form, auth=auth)
    assert response.status_code == 200 and "no-store" in response.headers["Cache-Control"]
    tokens = response.json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    for asked in (requests.get(f"{front}/oauth2/userInfo", headers=bearer),
                  requests.post(f"{front}/oauth2/userInfo", headers=bearer)):
        assert asked.json()["email"] == NAME
    revoked = requests.post(f"{front}/oauth2/revoke", auth=auth, data={
        "token": tokens["refresh_token"], "client_id": client["ClientId"]})
    assert (revoked.status_code, revoked.content) == (200, b"")
    assert provider.user_info(tokens).status_code == 401


def test_a_refusal_comes_back_as_it_was(front, provider):  # noqa: F811
    server = provider.clients["server"]
    response = requests.post(f"{front}/oauth2/token", data={"grant_type": "authorization_code", "code": "x"},
                             auth=(server["ClientId"], "wrong"))
    assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


def test_scripts_of_any_origin_may_ask_it(front):
    for path in ("/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo"):
        preflight = requests.options(front + path, headers={"Origin": "http://localhost:3000"})
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-amz-user-agent" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in requests.get(front + "/logout", allow_redirects=False).headers


@pytest.mark.parametrize("endpoint, issuer", [("", "https://cognito-idp.eu-west-1.amazonaws.com"),
                                              ("http://127.0.0.1:9/", "http://127.0.0.1:9")])
def test_discovery_leads_to_the_real_issuer_of_this_pool_and_no_other(make_front, endpoint, issuer):
    front = make_front(cognito_domain="https://shop.example", cognito_user_pool_id="eu-west-1_AbCdEfGhI",
                       cognito_endpoint_url=endpoint)
    for document in ("openid-configuration", "jwks.json"):
        response = requests.get(f"{front}/eu-west-1_AbCdEfGhI/.well-known/{document}", allow_redirects=False)
        assert response.headers["Location"] == f"{issuer}/eu-west-1_AbCdEfGhI/.well-known/{document}"
    assert requests.get(f"{front}/eu-west-1_Another00/.well-known/jwks.json").status_code == 404
    assert requests.get(f"{front}/eu-west-1_AbCdEfGhI/.well-known/secrets").status_code == 404


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/logout", "/oauth2/userInfo"])
def test_without_a_domain_one_clear_error_names_the_setting(make_front, path):
    response = requests.get(make_front(cognito_user_pool_id="eu-west-1_AbCdEfGhI") + path)
    assert response.status_code == 501
    assert "AUTHSERVICE_COGNITO_DOMAIN" in response.json()["error_description"]


def test_a_domain_that_does_not_answer_is_one_clear_error(make_front):
    front = make_front(cognito_domain="http://127.0.0.1:9", cognito_user_pool_id="eu-west-1_AbCdEfGhI")
    response = requests.post(f"{front}/oauth2/token", data={"grant_type": "x"})
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
