"""What programs ask most is answered in front of Flask, everything else by Flask."""

import flask
import pytest


@pytest.fixture
def by_flask(monkeypatch) -> list[str]:
    """What Flask has answered: method and path."""
    answered, dispatch = [], flask.Flask.full_dispatch_request

    def noting(app, *context):
        answered.append(f"{flask.request.method} {flask.request.path}")
        return dispatch(app, *context)

    monkeypatch.setattr(flask.Flask, "full_dispatch_request", noting)
    return answered


def test_tokens_user_info_keys_metadata_and_the_api_do_without_flask(provider, by_flask):
    tokens, client_id = provider.tokens(), provider.web["ClientId"]
    by_flask.clear()  # the login page's
    assert provider.refresh(tokens).status_code == 200
    assert provider.user_info(tokens).status_code == 200
    for document in ("jwks.json", "openid-configuration"):
        assert provider.get(f"/{provider.pool_id}/.well-known/{document}").status_code == 200
    revocation = {"token": tokens["refresh_token"], "client_id": client_id}
    assert provider.post("/oauth2/revoke", revocation).status_code == 200
    target = {"X-Amz-Target": "AWSCognitoIdentityProviderService.GetUser"}
    assert provider.post("/", "{}", headers=target).json()["__type"] == "InvalidParameterException"
    assert by_flask == []


def test_pages_and_other_methods_are_flasks(provider, by_flask):
    provider.authorize()
    for path, status in (("/oauth2/token", 405), ("/healthz", 200), ("/", 200)):
        assert provider.get(path).status_code == status
    assert by_flask == ["GET /oauth2/authorize", "GET /oauth2/token", "GET /healthz", "GET /"]
