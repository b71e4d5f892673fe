"""Basic OP, the last modules of oidcc-basic-certification-test-plan: codes, redirect URIs, request objects,
the claims parameter, refresh tokens and PKCE; each in both modes. The neighbours before: test_basic_op.py,
test_basic_op_requests.py.
"""

import json
import socket

import jwt

from tests.oauth.conformance.relying_party import ERROR_TEXT, RelyingParty
from tests.oauth.provider import PKCE, VERIFIER

ELSEWHERE = "http://localhost:3000/not-registered"


def test_oidcc_codereuse(rp):
    """OP-OAuth-2nd: at once."""
    flow = rp.flow()
    assert rp.token_refusal(rp.redeem(flow.answer["code"])) == "invalid_grant"


def test_oidcc_codereuse_30seconds(rp):
    """OP-OAuth-2nd-30s and OP-OAuth-2nd-Revokes: half a minute later, and what the first use gave is worth nothing."""
    flow = rp.flow()
    rp.provider.clock.advance(seconds=30)
    assert rp.token_refusal(rp.redeem(flow.answer["code"])) == "invalid_grant"
    assert rp.user_info(flow.tokens).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(rp):
    """OP-redirect_uri-NotReg: a page says that the address is wrong, and nobody is sent there."""
    page = rp.error_page(rp.send(rp.request(redirect_uri=ELSEWHERE)))
    assert "not registered" in page.text and ELSEWHERE not in page.html


def test_oidcc_ensure_post_request_succeeds(rp):
    """OpenID Connect Core section 3.1.2.1: POST works like GET."""
    assert rp.flow(method="POST").signed_in
    assert not rp.flow(method="POST").signed_in


def test_oidcc_server_client_secret_post(provider):
    """OP-ClientAuth-SecretPost: oidcc-server with the secret in the body."""
    rp = RelyingParty(provider, by_post=True)
    assert {"client_secret_basic", "client_secret_post"} <= set(rp.metadata["token_endpoint_auth_methods_supported"])
    assert rp.claims(rp.flow())


def request_object(rp: RelyingParty, request: dict) -> str:
    """The request as a JWT without signature."""
    return jwt.encode({**request, "iss": request["client_id"], "aud": rp.metadata["issuer"]}, "", algorithm="none")


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(rp):
    """OP-request_uri-Unsigned: refused as unsupported, as discovery says; and nothing is fetched (A13)."""
    assert rp.metadata["request_uri_parameter_supported"] is False
    with socket.create_server(("127.0.0.1", 0)) as app:
        app.settimeout(0)
        request = rp.request(request_uri=f"http://localhost:{app.getsockname()[1]}/request.jwt")
        assert rp.send(request) is None
        assert rp.refused(request) == "request_uri_not_supported"
        try:
            app.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("the request object was fetched")


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(rp):
    """OP-request-Unsigned: refused as unsupported, as discovery says; not silently ignored (A13)."""
    assert rp.metadata["request_parameter_supported"] is False
    request = rp.request()
    assert rp.send({**request, "request": request_object(rp, request)}) is None
    assert rp.refused(request) == "request_not_supported"


def test_oidcc_claims_essential(rp):
    """OP-claims-essential: the name, by the claims parameter, in userInfo alone.

    Differs in Cognito: it knows no claims parameter and says so; `openid` alone brings the name, everywhere.
    """
    assert rp.metadata["claims_parameter_supported"] is rp.strict
    flow = rp.flow(claims=json.dumps({"userinfo": {"name": {"essential": True}}}))
    assert rp.claims(flow)["name"] == "User One"
    assert ("name" in flow.id_token) is not rp.strict


def test_oidcc_ensure_request_object_with_redirect_uri(rp):
    """The address outside the request object is a wrong one: a page says so, and nobody is sent to either."""
    request = rp.request()
    page = rp.send({**request, "redirect_uri": ELSEWHERE, "request": request_object(rp, request)})
    assert "not registered" in rp.error_page(page).text


def refreshed(rp: RelyingParty, flow) -> dict:
    """The tokens of a refresh a second later, with the ID token held to the first (Core section 12.2)."""
    rp.provider.clock.advance(seconds=1)
    tokens = rp.tokens_of(rp.refresh(flow.tokens["refresh_token"], scope=flow.request["scope"]))
    again = rp.id_token(tokens, flow.request if "nonce" in claims_of(tokens) else {})
    assert again["iat"] == flow.id_token["iat"] + 1 and tokens["access_token"] != flow.tokens["access_token"]
    for name in ("iss", "sub", "aud", "azp", "auth_time"):
        assert flow.id_token.get(name) == again.get(name), name
    assert rp.user_info(tokens).status_code == 200
    return {**flow.tokens, **tokens}


def claims_of(tokens: dict) -> dict:
    return jwt.decode(tokens["id_token"], options={"verify_signature": False})


def test_oidcc_refresh_token(rp):
    """Two clients refresh, and neither takes the other's token."""
    assert "refresh_token" in rp.metadata["grant_types_supported"]
    other = RelyingParty(rp.provider, rp.provider.new_client(GenerateSecret=True))
    tokens = [refreshed(each, each.flow()) for each in (rp, other)]
    for each in tokens:
        assert ERROR_TEXT.fullmatch(each["refresh_token"]) and len(each["refresh_token"]) >= 32
    assert rp.token_refusal(rp.refresh(tokens[1]["refresh_token"])) == "invalid_grant"
    assert other.refresh(tokens[1]["refresh_token"]).status_code == 200


def test_oidcc_refresh_token_with_offline_access(rp):
    """The same module with scope offline_access, to which it adds prompt=consent.

    Strict asks the person and overlooks the scope: there is a refresh token anyway. Cognito knows no such scope.
    """
    request = rp.request(scope="openid offline_access", prompt="consent")
    page = rp.send(request)
    if rp.strict:
        assert rp.sign_in().heading == "Allow access?"
        rp.guest.press("Allow", decision="allow")
        tokens = rp.tokens_of(rp.redeem(rp.callback(request)["code"]))
        assert rp.refresh(tokens["refresh_token"]).status_code == 200
    else:
        assert page is None and rp.refused(request) == "invalid_scope"


def test_oidcc_ensure_request_with_valid_pkce_succeeds(rp):
    assert rp.metadata["code_challenge_methods_supported"] == ["S256"]
    assert rp.flow(**PKCE, verifier=VERIFIER)
    assert rp.token_refusal(rp.redeem(rp.authorize(**PKCE)[1]["code"])) == "invalid_grant"
