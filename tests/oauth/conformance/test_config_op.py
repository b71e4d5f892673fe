"""Config OP: oidcc-discovery-endpoint-verification, the only module of oidcc-config-certification-test-plan.

Each of its conditions, in both modes: OpenID Connect Discovery 1.0 sections 3 and 4, RFC 8414, RFC 7517.
"""

import base64
import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests

from authservice import create_app
from authservice.local.backend import LocalBackend

PRIVATE_OR_SYMMETRIC = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
NOT_OFFERED = {"registration_endpoint", "introspection_endpoint", "pushed_authorization_request_endpoint",
               "device_authorization_endpoint", "check_session_iframe", "backchannel_logout_supported"}
"""Clients are registered by the API; the rest is not there, so nobody is told that it is (A14, T13)."""
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")
"""BCP 47 in its canonical casing: language, script, region."""


@pytest.fixture
def document(provider) -> dict:
    response = requests.get(f"{provider.issuer}/.well-known/openid-configuration", allow_redirects=False)
    assert response.status_code == 200 and response.headers["Content-Type"] == "application/json"
    return response.json()


def test_oidcc_discovery_endpoint_verification(provider, document):
    """What a client must find: the issuer it asked, endpoints, and at least one OpenID Connect flow."""
    assert document["issuer"] == provider.issuer
    issuer = urlsplit(document["issuer"])
    assert issuer.scheme and issuer.netloc and not issuer.query and not issuer.fragment
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"):
        assert document[name].startswith(provider.url + "/") and "#" not in document[name]
    assert set(document["response_types_supported"]) & {"code", "id_token", "id_token token"}
    assert document["grant_types_supported"] and "authorization_code" in document["grant_types_supported"]
    assert set(document["subject_types_supported"]) <= {"public", "pairwise"} != set()
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "userinfo_signing_alg_values_supported" not in document, "userInfo is plain JSON"
    assert not NOT_OFFERED & document.keys()
    assert document["code_challenge_methods_supported"] == ["S256"]


def test_what_discovery_says_of_requests_claims_and_scopes(provider, document):
    for name in ("request_parameter_supported", "request_uri_parameter_supported"):
        assert document[name] is False
    assert "request_object_signing_alg_values_supported" not in document
    assert document["claims_parameter_supported"] is provider.strict
    assert {"sub", "iss", "auth_time", "acr"} <= set(document["claims_supported"])
    assert "openid" in document["scopes_supported"]
    assert all(SCOPE.fullmatch(scope) for scope in document["scopes_supported"])
    for name in ("ui_locales_supported", "claims_locales_supported"):
        assert all(LANGUAGE.fullmatch(language) for language in document.get(name, ["en"]))


def test_what_discovery_says_of_flows_is_what_the_mode_allows(provider, document):
    """RFC 9700 section 2.1.2. Differs in Cognito: the implicit flow is there, for clients that are set to it."""
    assert document["response_types_supported"] == (["code"] if provider.strict else ["code", "token"])
    assert ("implicit" in document["grant_types_supported"]) is not provider.strict
    assert "password" not in document["grant_types_supported"]


def test_the_published_keys_are_whole_and_public(document):
    keys = requests.get(document["jwks_uri"]).json()["keys"]
    assert keys and len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert not PRIVATE_OR_SYMMETRIC & key.keys()
        modulus, exponent = (base64.urlsafe_b64decode(key[part] + "=" * (-len(key[part]) % 4)) for part in "ne")
        assert "=" not in key["n"] + key["e"] and modulus[0] & 0x80 and len(modulus) >= 256
        assert int.from_bytes(exponent) == 65537


def test_behind_https_every_endpoint_is_https(provider):
    """The suite demands https of every address; the public URL alone decides it, whoever ends TLS."""
    settings = replace(provider.backend.settings, public_url="https://auth.example.com")
    backend = LocalBackend(settings, provider.clock)
    try:
        client = create_app(settings, backend=backend).test_client()
        document = client.get(f"/{provider.pool_id}/.well-known/openid-configuration").json
    finally:
        backend.close()
    addresses = [document[name] for name in document if name.endswith(("_endpoint", "_uri")) or name == "issuer"]
    assert len(addresses) >= 7 and all(each.startswith("https://auth.example.com/") for each in addresses)


def test_the_same_is_at_the_address_of_rfc_8414(provider, document):
    response = requests.get(f"{provider.url}/.well-known/oauth-authorization-server/{provider.pool_id}")
    assert response.status_code == 200 and response.json() == document
