"""The line to the database breaks at a COMMIT: what happened is told, what cannot be known is not guessed."""

import pytest
from sqlalchemy import make_url, select

from authservice.contract import ANONYMOUS, OPERATOR
from authservice.errors import Unavailable
from authservice.local.backend import LocalBackend
from authservice.local.models import Event, User
from tests.conftest import make_settings
from tests.services.wire import line_to


@pytest.fixture(params=["all", "off"], ids=["with a trail", "without"])
def backend(request, postgres, tmp_path):
    """Our own backend, by a line to PostgreSQL; `.line` breaks it at a COMMIT, `.sign_up` makes a user."""
    with line_to(postgres.port, b"COMMIT") as line:
        url = make_url(postgres.create_database()).set(port=line.port).render_as_string()
        backend = LocalBackend(make_settings(tmp_path, database_url=url, audit=request.param))
        pool = backend.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]
        client = backend.call("CreateUserPoolClient", {"UserPoolId": pool, "ClientName": "c"}, OPERATOR)
        backend.line, backend.pool_id = line, pool
        backend.sign_up = lambda name: backend.call("SignUp", {
            "ClientId": client["UserPoolClient"]["ClientId"], "Username": name, "Password": "Passw0rd!"}, ANONYMOUS)
        yield backend
        backend.close()


def users(backend) -> list[str]:
    return backend.run(lambda call: list(call.db.scalars(select(User.username))))


def test_a_commit_whose_answer_is_lost_is_told_as_done(backend):
    backend.line.breaks = "after"
    answer = backend.sign_up("user-1")
    assert backend.line.broken == 1 and users(backend) == ["user-1"]
    who = {"UserPoolId": backend.pool_id, "Username": "user-1"}
    told = {each["Name"]: each["Value"] for each in backend.call("AdminGetUser", who, OPERATOR)["UserAttributes"]}
    assert told["sub"] == answer["UserSub"]
    if backend.settings.audit == "all":
        names = backend.run(lambda call: list(call.db.scalars(select(Event.name).where(Event.name == "SignUp"))))
        assert names == ["SignUp"]


def test_a_commit_that_did_not_arrive_is_not_now_and_leaves_nothing(backend):
    backend.line.breaks = "before"
    with pytest.raises(Unavailable):
        backend.sign_up("user-1")
    assert backend.line.broken == 1 and users(backend) == []
    backend.sign_up("user-1")
    assert users(backend) == ["user-1"]


def test_what_makes_no_row_of_its_own_is_known_by_its_event_alone(backend):
    backend.sign_up("user-1")
    backend.line.breaks = "after"
    who = {"UserPoolId": backend.pool_id, "Username": "user-1"}
    if backend.settings.audit == "all":
        backend.call("AdminDisableUser", who, OPERATOR)
    else:
        with pytest.raises(Unavailable):
            backend.call("AdminDisableUser", who, OPERATOR)
    assert backend.call("AdminGetUser", who, OPERATOR)["Enabled"] is False


@pytest.mark.parametrize("mark", [b"INSERT INTO users", b"SELECT"], ids=["in the transaction", "in a read"])
def test_a_line_that_breaks_before_the_commit_is_no_matter(backend, mark):
    backend.line.mark, backend.line.breaks = mark, "before"
    backend.sign_up("user-1")
    assert backend.line.broken == 1 and users(backend) == ["user-1"]
