"""`authservice serve` with backend cognito: what can be known at start is told at start, in one line."""

import pytest

from tests.api.test_posture import refusal_to_start
from tests.cognito.conftest import NO_ACCOUNT
from tests.services import free_port, server

COGNITO = {"AUTHSERVICE_BACKEND": "cognito", **NO_ACCOUNT}
POOL = {"AUTHSERVICE_COGNITO_USER_POOL_ID": "eu-west-1_AbC123xYz"}
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.mark.parametrize("given, told", [
    ({**KEYS}, "AUTHSERVICE_COGNITO_USER_POOL_ID"),
    ({**POOL}, "no AWS credentials found"),
    ({**POOL, "AUTHSERVICE_COGNITO_PROFILE": "no-such-profile"}, "no-such-profile"),
    ({**POOL, **KEYS, "AUTHSERVICE_COGNITO_ENDPOINT_URL": "no url"}, "no url"),
    ({**POOL, "AUTHSERVICE_BACKEND": "amazon"}, "amazon"),
])
def test_what_is_missing_ends_the_start_with_one_line(tmp_path, no_account, given, told):
    assert told in refusal_to_start(tmp_path, "--port", free_port(), **{**COGNITO, **given})


def test_with_a_pool_and_credentials_it_serves(tmp_path, no_account):
    given = {**COGNITO, **POOL, **KEYS, "AUTHSERVICE_COGNITO_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    with server.running_service(tmp_path, given) as service:
        assert "backend cognito" in service.log


def test_a_command_of_our_own_pools_refuses(tmp_path, no_account):
    done = server.command(tmp_path, "keys", "rotate", env={**COGNITO, **POOL, **KEYS})
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "backend local" in done.stderr
