"""Basic OP, the modules of oidcc-basic-certification-test-plan up to the scopes, each in both modes.

One test for each module of the official plan, under its name and in its order; the rest is in
test_basic_op_requests.py and test_basic_op_codes.py. Where Cognito departs, the test says what it answers.
"""

import jwt

from tests.oauth.conformance.relying_party import PERSON, PROFILE, RelyingParty, entropy, half_hash
from tests.oauth.provider import NAME

COGNITOS_OWN = {"sub", "username"}
ATTRIBUTES = {*PERSON, "email"}


def scoped(rp: RelyingParty, claims: dict) -> set[str]:
    """The claims that came for a scope: besides `sub`, and Cognito's `username`, which strict has with profile."""
    return claims.keys() - COGNITOS_OWN


def test_oidcc_server(rp):
    """OP-Response-code: the whole flow, its ID token, and a code that cannot be guessed."""
    flow = rp.flow()
    code = flow.answer["code"]
    assert len(code) * 8 >= 128 and entropy(code) >= 96
    assert flow.id_token["at_hash"] == half_hash(flow.tokens["access_token"])
    assert flow.id_token.get("c_hash", half_hash(code)) == half_hash(code)
    # Differs in Cognito, the module warns: `openid` alone brings every attribute.
    assert ("name" in flow.id_token) is not rp.strict


def test_oidcc_response_type_missing(rp):
    """OP-Response-Missing."""
    request = rp.request(response_type=None)
    rp.send(request)
    assert rp.refused(request) == "invalid_request"


def test_oidcc_idtoken_signature(rp):
    """OP-IDToken-Signature and OP-IDToken-kid: RS256 unless something else was registered."""
    header = jwt.get_unverified_header(rp.flow().tokens["id_token"])
    assert header["alg"] == "RS256" and header["kid"] in rp.keys()


def test_oidcc_idtoken_unsigned(rp):
    """OP-IDToken-none: no client can register it, so none is offered; the module is skipped then."""
    assert rp.metadata["id_token_signing_alg_values_supported"] == ["RS256"]


def shown_to_openid_alone(rp: RelyingParty) -> set[str]:
    """Differs in Cognito: `openid` alone brings every attribute, and `username` is always there."""
    return {"sub"} if rp.strict else ATTRIBUTES | COGNITOS_OWN


def test_oidcc_userinfo_get(rp):
    """OP-UserInfo-Endpoint."""
    assert rp.claims(rp.flow()).keys() == shown_to_openid_alone(rp)


def test_oidcc_userinfo_post_header(rp):
    """OP-UserInfo-Header."""
    assert rp.claims(rp.flow(), "POST").keys() == shown_to_openid_alone(rp)


def test_oidcc_userinfo_post_body(rp):
    """OP-UserInfo-Body."""
    assert rp.claims(rp.flow(), "POST", in_body=True).keys() == shown_to_openid_alone(rp)


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(rp):
    """OP-nonce-NoReq-code."""
    assert "nonce" not in rp.flow(nonce=None).id_token


def test_oidcc_scope_profile(rp):
    """OP-scope-profile. Differs in Cognito: the ID token brings every attribute, whatever it is about."""
    flow = rp.flow(scope="openid profile")
    assert scoped(rp, rp.claims(flow)) == PROFILE
    assert ATTRIBUTES & flow.id_token.keys() == (PROFILE if rp.strict else ATTRIBUTES)


def test_oidcc_scope_email(rp):
    """OP-scope-email."""
    claims = rp.claims(rp.flow(scope="openid email"))
    assert scoped(rp, claims) == {"email", "email_verified"} and claims["email"] == NAME


def test_oidcc_scope_address(rp):
    """OP-scope-address: not among scopes_supported, so the module is skipped. What comes of it all the same:

    strict ignores the scope, as OpenID Connect Core section 5.4 allows; Cognito refuses it.
    """
    assert "address" not in rp.metadata["scopes_supported"]
    if rp.strict:
        assert scoped(rp, rp.claims(rp.flow(scope="openid address"))) == set()
    else:
        request = rp.request(scope="openid address")
        rp.send(request)
        assert rp.refused(request) == "invalid_scope"


def test_oidcc_scope_phone(rp):
    """OP-scope-phone."""
    claims = rp.claims(rp.flow(scope="openid phone"))
    assert scoped(rp, claims) == {"phone_number", "phone_number_verified"}


def test_oidcc_scope_all(rp):
    """OP-scope-All: every scope there is; `address` is none (see above), but strict lets it be asked for."""
    claims = rp.claims(rp.flow(scope="openid profile email phone" + (" address" if rp.strict else "")))
    assert scoped(rp, claims) == ATTRIBUTES - {"address"}


def test_oidcc_ensure_other_scope_order_succeeds(rp):
    """RFC 6749 section 3.3: the order of scopes does not matter."""
    assert scoped(rp, rp.claims(rp.flow(scope="email openid"))) == {"email", "email_verified"}
