"""CognitoBackend before and around the call: where it is sent, who may ask, and each way it can fail."""

import http.server
import threading
from datetime import datetime
from pathlib import Path

import pytest

from authservice import build_backend, create_app
from authservice.cognito.backend import CognitoBackend
from authservice.config import Settings, SettingsError
from authservice.contract import ANONYMOUS, HOSTED, OPERATOR
from authservice.errors import CognitoError
from tests.services import free_port

POOL = "eu-west-1_AbC123xYz"
KEYS = ("AKIDEXAMPLE", "secret")


def settings(**given) -> Settings:
    return Settings(**{"instance": Path("."), "backend": "cognito", "cognito_user_pool_id": POOL, **given})


def refusal_to_start(**given) -> str:
    with pytest.raises(SettingsError) as caught:
        build_backend(settings(**given))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal(backend, operation: str, request: dict, caller=OPERATOR) -> CognitoError:
    with pytest.raises(CognitoError) as caught:
        backend.call(operation, request, caller)
    return caught.value


def test_without_a_pool_id_it_does_not_start_and_says_what_to_set(no_account):
    assert "AUTHSERVICE_COGNITO_USER_POOL_ID" in refusal_to_start(cognito_user_pool_id="")


@pytest.mark.parametrize("pool_id", ["AbC123xYz", "eu-west-1", "eu-west-1_", "local_Demo", "eu-west-1_A b"])
def test_what_is_no_pool_id_is_not_looked_for_in_the_network(no_account, monkeypatch, pool_id):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert pool_id in refusal_to_start(cognito_user_pool_id=pool_id)


def test_without_credentials_it_does_not_start_and_says_what_to_set(no_account):
    told = refusal_to_start()
    assert "AWS_PROFILE" in told and "AWS_ACCESS_KEY_ID" in told


def test_half_a_key_pair_is_one_clear_error(no_account, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    assert "AWS_SECRET_ACCESS_KEY" in refusal_to_start().upper()


def test_a_profile_that_does_not_exist_is_named(no_account):
    assert "no-such-profile" in refusal_to_start(cognito_profile="no-such-profile")


def test_an_endpoint_that_is_no_url_is_named(no_account):
    assert "no url" in refusal_to_start(cognito_endpoint_url="no url")


def test_a_broken_config_file_is_one_clear_error(no_account, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert str(tmp_path) in refusal_to_start()


def test_the_usual_credential_chain_is_used(no_account, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile dev]\naws_access_key_id = A\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    backend = build_backend(settings(cognito_profile="dev"))
    assert isinstance(backend, CognitoBackend) and backend.has_credentials
    monkeypatch.setenv("AWS_PROFILE", "dev")
    assert build_backend(settings()).has_credentials


class Amazon:
    """Stands where Amazon would: answers every request alike, and remembers what it was asked."""

    def __init__(self, status: int, body: bytes, genuine: bool):
        self.requests = requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                requests.append((dict(self.headers), self.rfile.read(length)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if genuine:
                    self.send_header("x-amzn-RequestId", "b2b2b2b2-0000-4000-8000-000000000000")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def amazon():
    """Start an Amazon; call it with the status and body of every answer, and whether it is one."""
    started = []

    def start(status: int = 200, body: bytes = b"{}", genuine: bool = True) -> Amazon:
        started.append(Amazon(status, body, genuine))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


def test_a_request_passes_untouched_and_signed_for_the_pools_region(no_account, amazon):
    there = amazon()
    backend = CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS)
    assert backend.call("AdminConfirmSignUp", {"UserPoolId": POOL, "Username": "user-1"}, OPERATOR) == {}
    [(headers, body)] = there.requests
    assert headers["X-Amz-Target"] == "AWSCognitoIdentityProviderService.AdminConfirmSignUp"
    assert "/eu-west-1/cognito-idp/aws4_request" in headers["Authorization"]
    assert body == b'{"UserPoolId": "%s", "Username": "user-1"}' % POOL.encode()


def test_what_is_wrong_is_refused_by_the_service_itself(no_account, amazon):
    there = amazon(400, b'{"__type": "InvalidParameterException", "message": "in its own words"}')
    backend = CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS)
    refused = refusal(backend, "AdminGetUser", {"UserPoolId": "no pool"})
    assert (refused.code, refused.message) == ("InvalidParameterException", "in its own words")
    assert len(there.requests) == 1


def test_answers_are_in_boto3s_shapes_without_its_metadata(no_account, amazon):
    there = amazon(200, b'{"UserPool": {"Id": "x", "CreationDate": 1.667864578676E9, "Status": null}}')
    backend = CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS)
    answer = backend.call("DescribeUserPool", {"UserPoolId": POOL}, OPERATOR)
    assert answer.keys() == {"UserPool"} and answer["UserPool"].keys() == {"Id", "CreationDate"}
    made = answer["UserPool"]["CreationDate"]
    assert isinstance(made, datetime) and made.tzinfo


def test_public_operations_are_sent_unsigned(no_account, amazon):
    there = amazon()
    CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS).call("GetUser", {"AccessToken": "t"})
    assert "Authorization" not in there.requests[0][0]


@pytest.mark.parametrize("operation", ["AdminGetUser", "ListUsers", "DeleteUserPool"])
def test_our_credentials_never_sign_for_the_anonymous(no_account, amazon, operation):
    there = amazon()
    backend = CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS)
    refused = refusal(backend, operation, {"UserPoolId": POOL}, ANONYMOUS)
    assert refused.code == "MissingAuthenticationTokenException" and not there.requests
    backend.call(operation, {"UserPoolId": POOL}, HOSTED)
    assert len(there.requests) == 1


def test_an_operation_that_does_not_exist_is_not_asked_for(no_account, amazon):
    there = amazon()
    backend = CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS)
    for name in ("NoSuchOperation", "close", "meta", "__class__", "can_paginate"):
        assert refusal(backend, name, {}).code == "UnknownOperationException"
    assert not there.requests


def test_without_network_a_call_is_refused_in_one_clear_line(no_account):
    url = f"http://127.0.0.1:{free_port()}"
    backend = CognitoBackend(settings(cognito_endpoint_url=url), KEYS)
    refused = refusal(backend, "ListUserPools", {"MaxResults": 1})
    assert (refused.code, refused.status) == ("InternalErrorException", 500)
    assert "cannot be reached" in refused.message and url in refused.message and "\n" not in refused.message


@pytest.mark.parametrize("status, body", [(404, b"<html>not here</html>"), (502, b"Bad gateway"), (403, b""),
                                          (200, b"<html>welcome</html>"), (200, b"")])
def test_an_endpoint_that_is_not_cognito_is_an_internal_error(no_account, amazon, status, body):
    there = amazon(status, body, genuine=False)
    refused = refusal(CognitoBackend(settings(cognito_endpoint_url=there.url), KEYS), "ListUserPools", {})
    assert (refused.code, refused.status) == ("InternalErrorException", 500)


def test_credentials_that_run_out_are_one_clear_error(no_account, monkeypatch, tmp_path):
    """A profile may fetch its credentials by a program, which is first run when they are needed."""
    (tmp_path / "config").write_text("[profile dev]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises((SettingsError, CognitoError)) as caught:
        build_backend(settings(cognito_profile="dev")).call("ListUserPools", {"MaxResults": 1}, OPERATOR)
    assert "redential" in str(caught.value)


def test_the_whole_service_stands_on_it(no_account, amazon):
    """api.py over CognitoBackend: the wire in front, the wire behind."""
    there = amazon(400, b'{"__type": "UserNotFoundException", "message": "User does not exist."}')
    chosen = settings(cognito_endpoint_url=there.url)
    door = create_app(chosen, backend=CognitoBackend(chosen, KEYS)).test_client()
    answer = door.post("/", data=b'{"ClientId": "abc", "Username": "nobody"}', headers={
        "X-Amz-Target": "AWSCognitoIdentityProviderService.ForgotPassword"})
    assert (answer.status_code, answer.get_json(force=True)) == (
        400, {"__type": "UserNotFoundException", "message": "User does not exist."})
    assert door.get("/healthz").status_code == 200
    assert door.get("/outbox").status_code == 404
