"""Strict mode: where Cognito and the specifications cannot both be had, the specifications. Each with its twin."""

import pytest

from authservice.oauth import advice
from tests.oauth.provider import CALLBACK, NAME, PKCE, answer_of, error_page

IN_EACH_MODE = pytest.mark.parametrize("oidc", ["cognito", "strict"])
IN_STRICT_MODE = pytest.mark.parametrize("oidc", ["strict"])
BY_TOKEN = {"AllowedOAuthFlows": ["code", "implicit"]}


@pytest.fixture(autouse=True)
def nothing_advised_yet():
    advice.give.cache_clear()


def is_strict(provider) -> bool:
    return provider.backend.settings.strict_oidc


def tokens_of(provider, client=None, **given) -> dict:
    """The tokens of a code flow with PKCE."""
    code = provider.code(client, **{**PKCE, **given})
    return provider.redeem(code, client, code_verifier="a-verifier-of-at-least-forty-three-characters").json()


def id_claims(provider, tokens: dict) -> set[str]:
    return provider.claims(tokens["id_token"]).keys() & {"email", "email_verified", "name", "birthdate", "address"}


@IN_EACH_MODE
def test_a_client_without_secret_needs_pkce_and_one_with_a_secret_does_not(provider, caplog):
    answer = answer_of(provider.authorize(provider.browser()))
    if is_strict(provider):
        assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_request", "s-1", provider.issuer)
    else:
        assert "code" in answer
        assert "PKCE" in [record.fields["advice"] for record in caplog.records if record.msg == "advice"][0]
    assert "code" in answer_of(provider.authorize(provider.browser(), provider.clients["server"]))


@IN_EACH_MODE
def test_advice_is_given_once_a_client(provider, caplog):
    for _ in range(3):
        answer_of(provider.authorize(provider.browser()))
    given = [record for record in caplog.records if record.msg == "advice"]
    assert len(given) == (0 if is_strict(provider) else 1)


@IN_EACH_MODE
def test_the_implicit_flow_is_gone(provider):
    client = provider.change(provider.web, **BY_TOKEN)
    response = provider.authorize(provider.browser(), client, response_type="token")
    answer = answer_of(response, mark="#")
    assert answer.get("error") == ("unsupported_response_type" if is_strict(provider) else None)
    document = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration").json()
    offered = {"token" in document["response_types_supported"], "implicit" in document["grant_types_supported"]}
    assert offered == {not is_strict(provider)}


@IN_EACH_MODE
def test_openid_alone_shows_nothing_but_the_subject(provider):
    tokens = tokens_of(provider, scope="openid")
    shown = provider.user_info(tokens).json()
    if is_strict(provider):
        assert shown == {"sub": provider.claims(tokens["id_token"])["sub"]} and not id_claims(provider, tokens)
    else:
        assert {"email", "name", "username"} <= shown.keys()
        assert id_claims(provider, tokens) == {"email", "email_verified", "name"}


@IN_EACH_MODE
def test_the_profile_does_not_show_the_address_of_mail(provider):
    assert ("email" in id_claims(provider, tokens_of(provider, scope="openid profile"))) != is_strict(provider)


@IN_EACH_MODE
def test_claims_have_the_types_of_openid_connect(provider):
    for name, value in (("updated_at", "1.5"), ("address", "1 High Street")):
        provider.call("AdminUpdateUserAttributes", UserPoolId=provider.pool_id, Username=NAME,
                      UserAttributes=[{"Name": name, "Value": value}])
    tokens = tokens_of(provider, scope="openid email profile")
    shown = provider.user_info(tokens).json()
    assert shown["email_verified"] == (True if is_strict(provider) else "true")
    assert ("updated_at" in shown) != is_strict(provider)  # which has to be a whole number there
    assert "username" in shown
    assert provider.claims(tokens["id_token"])["email_verified"] is True


@IN_EACH_MODE
def test_who_shows_no_token_is_told_the_scheme_alone(provider):
    response = provider.get("/oauth2/userInfo")
    if is_strict(provider):
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="authservice"')
    else:
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    for wrong in ("Bearer", "Basic YTpi"):
        assert provider.get("/oauth2/userInfo", headers={"Authorization": wrong}).status_code == 400


@IN_EACH_MODE
def test_a_token_without_openid_lacks_a_scope(provider):
    response = provider.user_info(tokens_of(provider, scope="aws.cognito.signin.user.admin"))
    if is_strict(provider):
        assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
        assert 'scope="openid"' in response.headers["WWW-Authenticate"]
    else:
        assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


@IN_EACH_MODE
@pytest.mark.parametrize("scope", ["openid offline_access", "address openid email", "address"])
def test_scopes_of_openid_connect_that_are_not_offered_are_overlooked(provider, scope):
    answer = answer_of(provider.authorize(provider.browser(), scope=scope, **PKCE))
    overlooked = is_strict(provider) and scope != "address"
    assert answer.get("error") == (None if overlooked else "invalid_scope")


@IN_STRICT_MODE
def test_the_app_is_told_which_scopes_it_got(provider):
    assert tokens_of(provider, scope="openid offline_access")["scope"] == "openid"


@IN_STRICT_MODE
def test_other_scopes_that_the_client_has_not_are_refused(provider):
    answer = answer_of(provider.authorize(provider.browser(), scope="openid orders/read", **PKCE))
    assert answer["error"] == "invalid_scope"


@IN_EACH_MODE
@pytest.mark.parametrize("given", [{"prompt": "jump"}, {"prompt": "login jump"}, {"response_mode": "form_post"}])
def test_what_is_not_offered_is_refused(provider, given):
    response = provider.authorize(provider.browser(), **PKCE, **given)
    if is_strict(provider):
        assert answer_of(response)["error"] == "invalid_request"
    else:
        assert response.headers["Location"].startswith((CALLBACK, "/login"))


@IN_EACH_MODE
def test_an_answer_in_the_fragment_is_given_where_it_is_asked_for(provider):
    asked = {"response_mode": "fragment", **PKCE}
    assert "code" in answer_of(provider.authorize(provider.browser(), **asked), mark="#")
    assert answer_of(provider.authorize(**asked, prompt="none"), mark="#")["error"] == "login_required"


@IN_EACH_MODE
def test_a_code_lives_a_minute(provider):
    code = provider.code(**PKCE)
    provider.clock.advance(seconds=60)
    answer = provider.redeem(code, code_verifier="a-verifier-of-at-least-forty-three-characters")
    assert answer.status_code == (400 if is_strict(provider) else 200)


@IN_EACH_MODE
def test_the_refresh_token_of_a_client_without_secret_works_once(provider):
    first = tokens_of(provider)
    second = provider.refresh(first).json()
    assert ("refresh_token" in second) == is_strict(provider)
    if is_strict(provider):
        third = provider.refresh(second).json()
        assert provider.refresh(first).json()["error"] == "invalid_grant"  # and so nobody's is good any more
        assert provider.refresh(third).json()["error"] == "invalid_grant"
        assert provider.user_info(third).status_code == 401


@IN_STRICT_MODE
def test_the_refresh_token_of_a_client_with_a_secret_stays(provider):
    tokens = tokens_of(provider, provider.clients["server"])
    assert "refresh_token" not in provider.refresh(tokens, provider.clients["server"]).json()


NATIVE = ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"]


@IN_EACH_MODE
@pytest.mark.parametrize("uri", ["http://127.0.0.1:51004/callback", "http://[::1]:51004/callback",
                                 "http://localhost:1/callback"])
def test_an_app_on_the_persons_machine_names_the_port_it_was_given(provider, uri):
    client = provider.new_client(CallbackURLs=NATIVE)
    response = provider.authorize(provider.browser(), client, redirect_uri=uri, **PKCE)
    if is_strict(provider):
        assert "code" in answer_of(response, uri)
    else:
        assert error_page(response) == "redirect_mismatch"


@IN_STRICT_MODE
@pytest.mark.parametrize("uri", [
    "http://127.0.0.1:51004/callback/", "http://127.0.0.1:51004/Callback", "http://127.0.0.1:51004", "http://127.0.0.1:/callback",
    "http://127.0.0.1:51004@evil.example/callback", "http://127.0.0.1:510041/callback", "http://127.0.0.2:51004/callback",
    "https://127.0.0.1:51004/callback", "http://127.0.0.1:51004/callback?x=1", "http://127.0.0.1:5100x/callback",
    "http://user@127.0.0.1:51004/callback", "http://localhost:3001/callback", "http://127.0.0.1:51004\\@evil.example/callback"])
def test_nothing_but_the_port_may_differ_and_only_where_none_is_registered(provider, uri):
    client = provider.new_client(CallbackURLs=["http://127.0.0.1/callback", "http://localhost:3000/callback"])
    assert error_page(provider.authorize(provider.browser(), client, redirect_uri=uri, **PKCE)) == "redirect_mismatch"


@IN_STRICT_MODE
def test_a_client_with_a_secret_is_no_app_on_the_persons_machine(provider):
    client = provider.new_client(CallbackURLs=NATIVE, GenerateSecret=True)
    response = provider.authorize(provider.browser(), client, redirect_uri="http://127.0.0.1:51004/callback")
    assert error_page(response) == "redirect_mismatch"


# The parameter claims

@IN_EACH_MODE
def test_claims_asked_by_name_are_shown_where_they_are_asked_for(provider):
    asked = '{"userinfo": {"name": {"essential": true}}, "id_token": {"email": null, "nickname": null}}'
    tokens = tokens_of(provider, scope="openid", claims=asked)
    if is_strict(provider):
        assert provider.user_info(tokens).json().keys() == {"sub", "name"}
        assert id_claims(provider, tokens) == {"email"}
        refreshed = provider.refresh(tokens).json()
        assert provider.user_info(refreshed).json().keys() == {"sub", "name"}
    document = provider.get(f"/{provider.pool_id}/.well-known/openid-configuration").json()
    assert document["claims_parameter_supported"] == is_strict(provider)


@IN_STRICT_MODE
def test_what_the_client_may_not_read_is_not_shown_by_name_either(provider):
    client = provider.new_client(ReadAttributes=["email"])
    tokens = tokens_of(provider, client, scope="openid", claims='{"userinfo": {"name": null, "email": null}}')
    assert provider.user_info(tokens).json().keys() == {"sub", "email"}


@IN_STRICT_MODE
def test_a_subject_asked_for_is_the_only_one_who_will_do(provider):
    sub = next(a["Value"] for a in provider.who()["UserAttributes"] if a["Name"] == "sub")
    mine = '{"id_token": {"sub": {"value": "%s"}}}' % sub
    assert "code" in answer_of(provider.authorize(provider.browser(), claims=mine, prompt="none", **PKCE))
    other = mine.replace(sub, "somebody-else")
    answer = answer_of(provider.authorize(provider.browser(), claims=other, prompt="none", **PKCE))
    assert answer["error"] == "login_required"


@IN_STRICT_MODE
@pytest.mark.parametrize("claims", ["{", "[]", "1", '"x"', '{"userinfo": []}', '{"id_token": {"email": 1}}', "[" * 1000,
                                    '{"id_token": {"acr": {"values": [1]}}}', '{"id_token": {"acr": {"values": "x"}}}',
                                    '{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}'])
def test_claims_that_are_none_are_refused(provider, claims):
    assert answer_of(provider.authorize(provider.browser(), claims=claims, **PKCE))["error"] == "invalid_request"


@IN_EACH_MODE
def test_an_access_token_can_be_revoked_and_takes_its_sign_in_along(provider):
    tokens, others = tokens_of(provider), tokens_of(provider, provider.clients["server"])
    form = {"client_id": provider.web["ClientId"], "token": tokens["access_token"]}
    response = provider.post("/oauth2/revoke", form)
    if not is_strict(provider):
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_token_type")
        return
    assert (response.status_code, response.text) == (200, "")
    assert provider.user_info(tokens).status_code == 401
    assert provider.refresh(tokens).json()["error"] == "invalid_grant"
    for foreign in (others["access_token"], tokens["id_token"], tokens["access_token"] + "x", "a.b.c"):
        assert provider.post("/oauth2/revoke", {**form, "token": foreign}).status_code == 200
    assert provider.user_info(others).status_code == 200
