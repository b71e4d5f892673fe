"""The line to the database breaks at a COMMIT: what happened is told, what cannot be known is not guessed."""

import pytest
from sqlalchemy import make_url, select

from authservice.contract import ANONYMOUS, OPERATOR
from authservice.errors import Unavailable
from authservice.local.backend import LocalBackend
from authservice.local.models import Event, User
from tests.conftest import make_settings
from tests.services.wire import line_to


@pytest.fixture(scope="module", params=["all", "off"], ids=["with a trail", "without"])
def backend(request, postgres, tmp_path_factory):
    """Our own backend, by a line to PostgreSQL; `.line` breaks it at a COMMIT, `.sign_up` makes a user."""
    with line_to(postgres.port, b"COMMIT") as line:
        url = make_url(postgres.create_database()).set(port=line.port).render_as_string()
        backend = LocalBackend(make_settings(tmp_path_factory.mktemp("line"), database_url=url, audit=request.param))
        pool = backend.call("CreateUserPool", {"PoolName": "p"}, OPERATOR)["UserPool"]["Id"]
        client = backend.call("CreateUserPoolClient", {"UserPoolId": pool, "ClientName": "c"}, OPERATOR)
        backend.line, backend.pool_id = line, pool
        backend.sign_up = lambda name: backend.call("SignUp", {
            "ClientId": client["UserPoolClient"]["ClientId"], "Username": name, "Password": "Passw0rd!"}, ANONYMOUS)
        yield backend
        backend.close()


def broken_once(backend, when: str, at: bytes = b"COMMIT") -> None:
    """Have the line break at the next request with these bytes in it."""
    backend.line.mark, backend.line.broken, backend.line.breaks = at, 0, when


def is_there(backend, name: str) -> bool:
    return backend.run(lambda call: call.db.scalar(select(User.id).where(User.username == name))) is not None


def test_a_commit_whose_answer_is_lost_is_told_as_done(backend):
    broken_once(backend, "after")
    answer = backend.sign_up("answer-lost")
    assert backend.line.broken == 1 and is_there(backend, "answer-lost")
    who = {"UserPoolId": backend.pool_id, "Username": "answer-lost"}
    told = {each["Name"]: each["Value"] for each in backend.call("AdminGetUser", who, OPERATOR)["UserAttributes"]}
    assert told["sub"] == answer["UserSub"]
    if backend.settings.audit == "all":
        names = backend.run(lambda call: list(call.db.scalars(select(Event.name).where(Event.name == "SignUp"))))
        assert names == ["SignUp"]


def test_a_commit_that_did_not_arrive_is_not_now_and_leaves_nothing(backend):
    broken_once(backend, "before")
    with pytest.raises(Unavailable):
        backend.sign_up("not-arrived")
    assert backend.line.broken == 1 and not is_there(backend, "not-arrived")
    backend.sign_up("not-arrived")
    assert is_there(backend, "not-arrived")


def test_what_makes_no_row_of_its_own_is_known_by_its_event_alone(backend):
    backend.sign_up("disabled")
    who = {"UserPoolId": backend.pool_id, "Username": "disabled"}
    broken_once(backend, "after")
    if backend.settings.audit == "all":
        backend.call("AdminDisableUser", who, OPERATOR)
    else:
        with pytest.raises(Unavailable):
            backend.call("AdminDisableUser", who, OPERATOR)
    assert backend.call("AdminGetUser", who, OPERATOR)["Enabled"] is False


@pytest.mark.parametrize("at", [b"INSERT INTO users", b"SELECT"], ids=["in the transaction", "in a read"])
def test_a_line_that_breaks_before_the_commit_is_no_matter(backend, at):
    broken_once(backend, "before", at)
    backend.sign_up(f"before-{len(at)}")
    assert backend.line.broken == 1 and is_there(backend, f"before-{len(at)}")
