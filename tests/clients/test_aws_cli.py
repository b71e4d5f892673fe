"""The AWS command line, with nothing given but --endpoint-url."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import AWS

PROGRAM = Path(sys.executable).parent / "aws"
PASSWORD = "Correct-horse-1"


@pytest.fixture
def aws(service, tmp_path):
    """Run `aws cognito-idp ...`; gives its JSON (None if it prints nothing), or (exit code, what it says)."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **AWS}

    def run(*arguments: str):
        command = [sys.executable, PROGRAM, "cognito-idp", *arguments, "--endpoint-url", service.url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            return done.returncode, done.stderr.strip()
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_from_sign_up_to_sign_out(aws, pool, mailed_code):
    client = ("--client-id", pool.public_client)
    signed_up = aws("sign-up", *client, "--username", "user-1", "--password", PASSWORD,
                    "--user-attributes", "Name=email,Value=cli@example.com")
    assert signed_up["UserConfirmed"] is False
    sign_in = ("initiate-auth", *client, "--auth-flow", "USER_PASSWORD_AUTH",
               "--auth-parameters", f"USERNAME=user-1,PASSWORD={PASSWORD}")
    code, told = aws(*sign_in)
    assert code != 0 and "(UserNotConfirmedException)" in told and "User is not confirmed." in told

    aws("confirm-sign-up", *client, "--username", "user-1",
        "--confirmation-code", mailed_code("cli@example.com"))
    tokens = aws(*sign_in)["AuthenticationResult"]
    user = aws("get-user", "--access-token", tokens["AccessToken"])
    assert user["Username"] == "user-1"
    assert aws("global-sign-out", "--access-token", tokens["AccessToken"]) is None
    code, told = aws("get-user", "--access-token", tokens["AccessToken"])
    assert code != 0 and "(NotAuthorizedException)" in told and "Access Token has been revoked" in told


def test_a_pool_is_administered(aws):
    pool = aws("create-user-pool", "--pool-name", "by-cli", "--policies",
               "PasswordPolicy={MinimumLength=12,RequireUppercase=false}")["UserPool"]
    of_pool = ("--user-pool-id", pool["Id"])
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    aws("create-group", *of_pool, "--group-name", "staff", "--precedence", "1")
    made = aws("admin-create-user", *of_pool, "--username", "user-1", "--message-action", "SUPPRESS",
               "--user-attributes", "Name=email,Value=user-1@example.com")
    assert made["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert aws("admin-add-user-to-group", *of_pool, "--username", "user-1", "--group-name", "staff") is None
    members = aws("list-users-in-group", *of_pool, "--group-name", "staff")["Users"]
    assert [user["Username"] for user in members] == ["user-1"]
    found = aws("list-users", *of_pool, "--filter", 'email = "user-1@example.com"')
    assert len(found["Users"]) == 1
    assert aws("delete-user-pool", *of_pool) is None
    code, told = aws("describe-user-pool", *of_pool)
    assert code != 0 and "(ResourceNotFoundException)" in told
