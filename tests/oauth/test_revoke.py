"""/oauth2/revoke: what ends with a refresh token, and what is refused."""

from tests.oauth.provider import NAME


def revoke(provider, token: str | None, client: dict | None = None, **form):
    client = client or provider.web
    auth = (client["ClientId"], client["ClientSecret"]) if "ClientSecret" in client else None
    given = {"client_id": client["ClientId"], "token": token, **form}
    return provider.post("/oauth2/revoke", given, auth=auth)


def outcome(response) -> tuple:
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "no-store" in response.headers["Cache-Control"]
    return response.status_code, response.json()["error"] if response.content else ""


def test_a_refresh_token_ends_and_every_token_it_gave(provider):
    tokens = provider.tokens(scope="openid aws.cognito.signin.user.admin")
    renewed = provider.refresh(tokens).json()
    assert outcome(revoke(provider, tokens["refresh_token"])) == (200, "")
    assert provider.refresh(tokens).json()["error"] == "invalid_grant"
    for dead in (tokens, renewed):
        assert provider.user_info(dead).status_code == 401


def test_the_empty_answer_is_of_no_kind(provider):
    """Client libraries refuse `text/html` from here; RFC 7009 section 2.2 wants the status alone."""
    assert "Content-Type" not in revoke(provider, "unknown").headers


def test_other_sign_ins_of_the_user_live_on(provider):
    ended, other = provider.tokens(), provider.tokens()
    revoke(provider, ended["refresh_token"])
    assert provider.user_info(other).status_code == 200 and provider.refresh(other).status_code == 200


def test_a_token_that_is_unknown_or_revoked_already_is_answered_alike(provider):
    token = provider.tokens()["refresh_token"]
    for each in (token, token, "unknown", "é\0", "x" * 5000):
        assert outcome(revoke(provider, each)) == (200, "")


def test_another_clients_token_is_not_touched(provider):
    server = provider.clients["server"]
    tokens = provider.tokens(server)
    assert outcome(revoke(provider, tokens["refresh_token"])) == (200, "")
    assert provider.refresh(tokens, server).status_code == 200
    assert outcome(revoke(provider, tokens["refresh_token"], server)) == (200, "")
    assert provider.refresh(tokens, server).status_code == 400


def test_only_refresh_tokens_are_taken_whatever_the_hint(provider):
    tokens = provider.tokens()
    for name in ("access_token", "id_token"):
        assert outcome(revoke(provider, tokens[name])) == (400, "unsupported_token_type")
    assert outcome(revoke(provider, tokens["refresh_token"], token_type_hint="access_token")) == (200, "")
    assert provider.refresh(tokens).status_code == 400


def test_a_request_without_a_token_is_refused(provider):
    assert outcome(revoke(provider, None)) == (400, "invalid_request")


def test_a_client_without_revocation_is_refused(provider):
    client = provider.change(provider.web, EnableTokenRevocation=False)
    token = provider.tokens(client)["refresh_token"]
    assert outcome(revoke(provider, token, client)) == (400, "invalid_request")


def test_nobody_else_may_revoke(provider):
    server = provider.clients["server"]
    token = provider.tokens(server)["refresh_token"]
    assert outcome(revoke(provider, token, {**server, "ClientSecret": "wrong"})) == (401, "invalid_client")
    without = {"ClientId": server["ClientId"]}
    assert outcome(revoke(provider, token, without)) == (401, "invalid_client")
    assert outcome(revoke(provider, token, {"ClientId": "unknown"})) == (401, "invalid_client")
    assert provider.refresh(token, server).status_code == 200


def test_revoking_does_not_sign_the_browser_out(provider):
    browser = provider.browser(NAME)
    tokens = provider.redeem(provider.code(browser=browser)).json()
    revoke(provider, tokens["refresh_token"])
    assert provider.code(browser=browser)
