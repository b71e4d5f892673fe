"""/.well-known/: the documents, their keys, and a rotation of them."""

import jwt
import pytest
import requests

from authservice.local.accounts import directory
from authservice.local.tokens import keys


def document(provider, name: str = "openid-configuration", pool: str = "pool") -> dict:
    response = provider.get(f"/{provider.pools[pool]}/.well-known/{name}")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.json()


def test_it_has_cognitos_members_and_those_that_strict_clients_look_for(provider):
    metadata, url = document(provider), provider.url
    assert list(metadata) == sorted(metadata)
    cognitos = {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/.well-known/jwks.json",
                "authorization_endpoint": f"{url}/oauth2/authorize", "token_endpoint": f"{url}/oauth2/token",
                "userinfo_endpoint": f"{url}/oauth2/userInfo", "revocation_endpoint": f"{url}/oauth2/revoke",
                "end_session_endpoint": f"{url}/logout", "response_types_supported": ["code", "token"],
                "id_token_signing_alg_values_supported": ["RS256"], "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "email", "phone", "profile"]}
    assert {name: metadata[name] for name in cognitos} == cognitos
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    methods = metadata["token_endpoint_auth_methods_supported"]
    assert methods[:2] == ["client_secret_basic", "client_secret_post"]
    assert "password" not in metadata["grant_types_supported"]
    assert {"sub", "iss", "email", "email_verified", "name"} <= set(metadata["claims_supported"])
    assert metadata["request_uri_parameter_supported"] is False


def test_every_endpoint_it_names_is_there(provider):
    metadata = document(provider)
    for name in metadata:
        if name.endswith(("_endpoint", "_uri")):
            assert requests.options(metadata[name]).status_code == 200, name


def test_the_issuer_follows_the_public_url_and_no_host_header(provider):
    response = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration", headers={
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"})
    assert "evil" not in response.text and response.json()["issuer"] == provider.issuer


def test_the_keys_are_public_two_a_pool_and_no_other_pools(provider):
    ours, others = (document(provider, "jwks.json", pool)["keys"] for pool in ("pool", "other"))
    for key in ours + others:
        assert key.keys() == {"alg", "e", "kid", "kty", "n", "use"}
        assert (key["alg"], key["kty"], key["use"], len(key["n"])) == ("RS256", "RSA", "sig", 342)
    assert len(ours) == len(others) == 2
    assert not {key["kid"] for key in ours} & {key["kid"] for key in others}


def test_id_and_access_tokens_are_signed_by_different_keys(provider):
    tokens = provider.tokens()
    kids = {jwt.get_unverified_header(tokens[name])["kid"] for name in ("id_token", "access_token")}
    assert kids == {key["kid"] for key in document(provider, "jwks.json")["keys"]}


def test_a_rotation_is_noticed_by_nobody(provider):
    """Not even by who keeps the keys as long as it may and never asks for one it does not know."""
    kept, asked_at, signers = None, None, set()
    for minute in range(0, 30, 2):
        if asked_at is None or minute - asked_at >= 5:
            response = provider.get(f"/{provider.pool_id}/.well-known/jwks.json")
            assert response.headers["Cache-Control"] == "public, max-age=300"
            kept, asked_at = {key["kid"] for key in response.json()["keys"]}, minute
        if minute == 4:
            provider.backend.run(lambda call: keys.rotate(call, directory.pool(call, provider.pool_id)))
        tokens = provider.tokens()
        for name in ("id_token", "access_token"):
            assert jwt.get_unverified_header(tokens[name])["kid"] in kept
        signers.add(jwt.get_unverified_header(tokens["id_token"])["kid"])
        assert provider.user_info(tokens).status_code == 200
        provider.clock.advance(minutes=2)
    assert len(signers) == 2
    provider.clock.advance(days=2)
    assert len(document(provider, "jwks.json")["keys"]) == 2


@pytest.mark.parametrize("pool_id", ["us-east-1_unknown00", "x", "<pool_id>", "a'b", "é", "%00", "..", "x" * 300])
@pytest.mark.parametrize("name", ["openid-configuration", "jwks.json"])
def test_an_unknown_pool_has_no_documents(provider, pool_id, name):
    response = provider.get(f"/{pool_id}/.well-known/{name}")
    assert response.status_code == 404
