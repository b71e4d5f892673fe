"""/oauth2/token: how an app client proves itself, what form a request has, and what leaks nowhere."""

import base64

import pytest
import requests

from tests.oauth.provider import CALLBACK, PKCE, VERIFIER, answer_of, refusal

# T5, T6: who asks

def test_a_client_proves_itself_by_header_or_by_body(provider):
    server = provider.clients["server"]
    assert provider.tokens(server)
    form = {"client_id": server["ClientId"], "client_secret": server["ClientSecret"],
            "redirect_uri": CALLBACK, "grant_type": "authorization_code", "code": provider.code(server)}
    assert provider.post("/oauth2/token", form).status_code == 200


def test_each_of_a_clients_two_secrets_is_good_until_it_is_retired(provider):
    server = provider.clients["server"]
    whose = {"UserPoolId": server["UserPoolId"], "ClientId": server["ClientId"]}
    second = provider.call("AddUserPoolClientSecret", **whose)["ClientSecretDescriptor"]["ClientSecretValue"]
    assert provider.tokens(server) and provider.tokens({**server, "ClientSecret": second})
    oldest = provider.call("ListUserPoolClientSecrets", **whose)["ClientSecrets"][0]["ClientSecretId"]
    provider.call("DeleteUserPoolClientSecret", **whose, ClientSecretId=oldest)
    gone, kept = (provider.redeem("x", {**server, "ClientSecret": secret}) for secret in
                  (server["ClientSecret"], second))
    assert refusal(gone, 401) == "invalid_client" and refusal(kept) == "invalid_grant"


def test_two_ways_of_proof_in_one_request_are_refused(provider):
    server = provider.clients["server"]
    response = provider.redeem("x", server, client_secret=server["ClientSecret"])
    assert refusal(response) == "invalid_request"


def test_header_and_body_must_name_the_same_client(provider):
    server = provider.clients["server"]
    response = provider.redeem("x", server, client_id=provider.web["ClientId"])
    assert refusal(response) == "invalid_request"


def test_an_unknown_client_and_a_wrong_secret_look_the_same(provider):
    server = provider.clients["server"]
    for status, ask in ((400, lambda client_id, secret: provider.post("/oauth2/token", {
                            "grant_type": "authorization_code", "code": "x", "client_id": client_id,
                            "client_secret": secret})),
                        (401, lambda client_id, secret: provider.post("/oauth2/token", {
                            "grant_type": "authorization_code", "code": "x"}, auth=(client_id, secret)))):
        answers = [ask(*who) for who in ((server["ClientId"], "wrong"), ("unknown", "wrong"),
                                         (provider.web["ClientId"], "wrong"), ("a\0b", "wrong"))]
        assert {refusal(answer, status) for answer in answers} == {"invalid_client"}
        assert len({answer.text for answer in answers}) == 1
        assert {answer.headers.get("WWW-Authenticate", "").partition(" ")[0] for answer in answers} \
            == {"Basic" if status == 401 else ""}


def test_a_client_with_a_secret_cannot_leave_it_out(provider):
    server = {name: value for name, value in provider.clients["server"].items() if name != "ClientSecret"}
    assert refusal(provider.redeem("x", server)) == "invalid_client"
    assert refusal(provider.redeem("x", server, client_secret="")) == "invalid_client"


@pytest.mark.parametrize("header", ["Basic", "Basic ", "Basic !!!", "Basic é", "Bearer x",
                                    "Basic " + "A" * 5000,
                                    "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
                                    "Basic " + base64.b64encode(b"no-colon").decode()])
def test_a_header_that_is_none_is_a_client_that_is_none(provider, header):
    response = provider.post("/oauth2/token", {"grant_type": "authorization_code", "code": "x"},
                             headers={"Authorization": header.encode()})
    assert refusal(response, 401) == "invalid_client"


def test_a_pools_own_host_knows_no_client_of_another_pool(provider):
    response = requests.post(provider.url + "/oauth2/token", headers={"Host": "bank.localhost"}, data={
        "grant_type": "authorization_code", "code": provider.code(), "client_id": provider.web["ClientId"]})
    assert refusal(response) == "invalid_client"


# The form of the request

@pytest.mark.parametrize("grant", [None, "", "password", "implicit",
                                   "urn:ietf:params:oauth:grant-type:device_code", 'x"\n', "é"])
def test_a_grant_that_is_not_offered_is_refused(provider, grant):
    response = provider.post("/oauth2/token", {"client_id": provider.web["ClientId"], "grant_type": grant})
    assert refusal(response) == ("unsupported_grant_type" if grant else "invalid_request")


def test_parameters_in_the_address_are_refused(provider):
    form = {"grant_type": "authorization_code", "code": provider.code(), "redirect_uri": CALLBACK,
            "client_id": provider.web["ClientId"]}
    for name in form:
        rest = {other: value for other, value in form.items() if other != name}
        response = requests.post(provider.url + "/oauth2/token", params={name: form[name]}, data=rest)
        assert refusal(response) == "invalid_request"
    assert provider.post("/oauth2/token", form).status_code == 200


def test_a_parameter_that_is_there_twice_is_refused(provider):
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK,
            "client_id": provider.web["ClientId"]}
    for name in form:
        response = provider.post("/oauth2/token", [*form.items(), (name, form[name])])
        assert refusal(response) == "invalid_request"


def test_another_form_of_body_is_refused(provider):
    form = {"grant_type": "authorization_code", "code": provider.code(), "redirect_uri": CALLBACK,
            "client_id": provider.web["ClientId"]}
    as_json = requests.post(provider.url + "/oauth2/token", json=form)
    parts = {name: (None, value) for name, value in form.items()}
    as_parts = requests.post(provider.url + "/oauth2/token", files=parts)
    assert refusal(as_json) == refusal(as_parts) == "invalid_request"


def test_a_body_that_is_too_large_is_refused(provider):
    response = provider.post("/oauth2/token", {"grant_type": "x" * 100_000})
    assert refusal(response, 413) == "invalid_request"


def test_get_is_refused(provider):
    assert provider.get("/oauth2/token").status_code == 405


# A10: scripts of other origins

@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo",
                                  "/POOL/.well-known/jwks.json", "/POOL/.well-known/openid-configuration"])
def test_scripts_of_any_origin_may_ask_without_credentials(provider, path):
    preflight = requests.options(provider.url + path.replace("POOL", provider.pool_id), headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-amz-user-agent"})
    assert preflight.status_code == 200 and preflight.headers["Access-Control-Allow-Origin"] == "*"
    allowed = {name.strip() for name in preflight.headers["Access-Control-Allow-Headers"].lower().split(",")}
    assert {"authorization", "content-type", "x-amz-user-agent"} <= allowed
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def test_answers_and_refusals_of_the_token_endpoint_may_be_read_by_scripts(provider):
    for response in (provider.redeem(provider.code()), provider.redeem("x")):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["x-amz-cognito-request-id"]


def test_a_whole_flow_leaves_no_secret_in_the_log(provider, capfd):
    browser = provider.browser()
    code = answer_of(provider.authorize(browser, **PKCE))["code"]
    tokens = provider.redeem(code, code_verifier=VERIFIER).json()
    provider.refresh(tokens), provider.user_info(tokens)
    ours = "".join(line for line in capfd.readouterr().err.splitlines() if line.startswith('{"time"'))
    bearers = [tokens[name] for name in ("access_token", "id_token", "refresh_token")]
    secrets = [code, VERIFIER, *bearers, *browser.cookies.values()]
    assert "/oauth2/token" in ours and not [secret for secret in secrets if secret in ours]


def test_no_bearer_value_stands_in_the_database(provider):
    browser = provider.browser()
    code = answer_of(provider.authorize(browser))["code"]
    unspent, tokens = provider.code(browser=browser), provider.redeem(code).json()
    dump = b"".join(path.read_bytes() for path in provider.backend.settings.instance.glob("authservice.db*"))
    for bearer in (code, unspent, tokens["refresh_token"], *browser.cookies.values(),
                   provider.clients["server"]["ClientSecret"]):
        assert bearer.encode() not in dump
