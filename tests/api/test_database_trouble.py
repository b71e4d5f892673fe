"""When the database takes no writes, a guest is told to come again and the log says why, never what was to be written."""

import json

import pytest
from sqlalchemy import event

from authservice.contract import OPERATOR
from authservice.logs import JsonLines
from tests.api.conftest import Wire

PASSWORD, EMAIL = "Passw0rd!", "private@example.com"


@pytest.fixture
def sign_up(app, local) -> dict:
    """A good SignUp request."""
    app.testing = False  # as it runs for guests: a bug is answered, not raised
    pool = local.call("CreateUserPool", {"PoolName": "pool"}, OPERATOR)["UserPool"]["Id"]
    made = local.call("CreateUserPoolClient", {"UserPoolId": pool, "ClientName": "app"}, OPERATOR)
    return {"ClientId": made["UserPoolClient"]["ClientId"], "Username": "user-1", "Password": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": EMAIL}]}


@pytest.fixture
def refusing(local):
    """The database reads but takes no writes, as on a full or read-only disk."""
    local.tools.connections.close()
    event.listen(local.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = ON"))


def test_a_write_that_fails_is_cognitos_internal_error_to_be_tried_again(wire: Wire, sign_up, refusing, local):
    answer = wire.post("SignUp", sign_up)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert json.loads(answer.text)["__type"] == "InternalErrorException"
    assert "sqlite" not in answer.text.lower() and "Traceback" not in answer.text


def test_what_only_reads_goes_on(wire: Wire, sign_up, refusing):
    assert wire.post("ListUserPools", {"MaxResults": 1}, signed=True).status_code == 200


def test_the_log_names_the_kind_but_no_value(wire: Wire, sign_up, refusing, caplog):
    wire.post("SignUp", sign_up)
    log = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert "OperationalError" in log and "SQLITE_READONLY" in log
    for secret in (PASSWORD, EMAIL, "argon2"):
        assert secret not in log
