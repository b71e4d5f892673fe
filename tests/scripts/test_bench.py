"""bench.py measures what it says: every answer a success, every user real, nothing left behind."""

import contextlib
import itertools
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from authservice.contract import OPERATOR
from authservice.errors import CognitoError
from authservice.local import database, invariants
from authservice.local.accounts import directory
from authservice.local.backend import LocalBackend
from authservice.local.models import User
from tests.conftest import QUICK_HASHES, make_settings
from tests.scripts import in_process
from tests.services.server import ROOT

sys.path.insert(0, str(ROOT / "scripts"))  # the script's own modules, as it finds them itself
import bench as script  # noqa: E402
from measuring import crowd, generator, processes, world  # noqa: E402
from measuring.operations import OPERATIONS  # noqa: E402

NAMES = [each.name for each in OPERATIONS]
QUICK = ["--seconds", "0.1", "--rounds", "1", "--users", "50", "--workers", "1"]
BY_TWO = [*QUICK, "--workers", "2"]
ENVIRONMENT = {**os.environ, **{f"AUTHSERVICE_{name.upper()}": str(value) for name, value in QUICK_HASHES.items()}}
COMMAND = [sys.executable, str(ROOT / "scripts" / "bench.py")]
WITH_ANOTHER_PASSWORD = """
import sys
sys.path.insert(0, "scripts")
import bench
from measuring import crowd
crowd.PASSWORD = "Another-Passw0rd!"
sys.exit(bench.main())
"""


def bench(*arguments: str, command=COMMAND, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([*command, *arguments], cwd=ROOT, env={**ENVIRONMENT, **environment}, capture_output=True,
                          text=True, timeout=300)


def folders_left() -> list[Path]:
    return list((ROOT / "instance").glob("bench-*"))


# --- end to end ---------------------------------------------------------------------------------------------

def test_every_operation_is_measured_beside_its_limit():
    before = folders_left()
    # Settings of whoever runs it are not the measured service's: these would keep it from starting.
    done = bench("--json", *BY_TWO, AUTHSERVICE_BACKEND="cognito", AUTHSERVICE_PORT="1", AUTHSERVICE_ACCESS_KEYS="a:b")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and folders_left() == before
    found = json.loads(done.stdout)
    assert [each["name"] for each in found["operations"]] == NAMES
    for each in found["operations"]:
        assert each["per_second"] > 0 and each["limit_per_second"] > 0 and 0 < each["generator_share"] < 1, each
        assert each["ratio"] == pytest.approx(each["per_second"] / each["limit_per_second"])
        assert each["lowest_ratio"] == each["ratio"] == each["highest_ratio"]  # of one round
        assert each["met"] == (each["ratio"] >= each["target"]), each
        assert len(each["rounds"]) == 1
    subject = found["subject"]
    assert (subject["workers"], subject["users"], subject["database"]) == (2, 50, "SQLite")
    assert 0 < subject["start_seconds"] < 60
    assert len(subject["memory_mb"]) == 2
    assert all(20 < each["pss"] <= each["rss"] < 2000 for each in subject["memory_mb"])


def test_on_postgresql_the_table_shows_the_one_operation_asked_for_and_the_pool_is_deleted(postgres, tmp_path):
    url = postgres.create_database()
    done = bench(*QUICK, "--only", "admin-get-user", "--rounds", "2", "--database", url)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(tuple(f"  {name} " for name in NAMES))]
    assert len(rows) == 1
    assert re.fullmatch(r"  admin-get-user +[\d,]+ +[\d,]+  empty Flask route +\d+ %  \d+\.\.\d+ % +\d+ % +35 %  (met|missed)",
                        rows[0]), rows
    assert "with 1 worker on PostgreSQL, 50 users" in done.stdout
    assert re.search(r"start to first answer +\d+\.\d\d s", done.stdout)
    assert re.search(r"load generator itself took \d+ % of the machine", done.stdout)
    with contextlib.closing(LocalBackend(make_settings(tmp_path, database_url=url))) as backend:
        assert backend.call("ListUserPools", {"MaxResults": 10}, OPERATOR)["UserPools"] == []
        assert backend.run(lambda call: call.db.query(User).count()) == 0


def test_a_wrong_password_fails_the_run():
    done = bench(*QUICK, "--only", "password", command=[sys.executable, "-c", WITH_ANOTHER_PASSWORD])
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"authservice: password: HTTP/1\.1 400 [^\n]*NotAuthorizedException[^\n]*\n", done.stderr)


def test_ctrl_c_stops_all_that_was_started():
    before = folders_left()
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, *BY_TWO, "--rounds", "1000", "--only", "jwks"], cwd=ROOT, env=ENVIRONMENT,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    patience = threading.Timer(120, process.kill)
    patience.start()
    seen = b""
    while b"round 2 of 1000: jwks" not in seen:
        seen += os.read(ours, 4096)
    started = processes.workers_of(process.pid)
    started += [worker for child in started for worker in processes.workers_of(child)]
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the other end is closed
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert process.wait() == 130
    patience.cancel()
    assert b"loading users [####" in seen
    assert len(started) >= 6  # the service and the empty route with two workers each, at least
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert folders_left() == before


# --- peers --------------------------------------------------------------------------------------------------

def test_a_peer_that_speaks_the_same_protocol_is_measured_and_left_as_it_was(served, local, clock):
    """This one closes the connection after every answer."""
    clock.now = datetime.now(timezone.utc)  # an SRP client says what time it is
    asked = ["srp", "get-user", "user-info"]
    done = bench(*QUICK, "--json", "--users", "5", "--against", served, *(part for name in asked for part in ("--only", name)))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["name"] for each in found["operations"] if each.get("per_second", 0) > 0] == asked
    assert found["subject"]["memory_mb"] == [] and found["subject"]["start_seconds"] is None
    assert found["subject"]["against"] == served
    assert local.call("ListUserPools", {"MaxResults": 10}, OPERATOR)["UserPools"] == []


def test_what_a_peer_does_not_have_is_told():
    from moto.server import ThreadedMotoServer
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        done = bench(*QUICK, "--users", "2", "--only", "user-info", "--only", "jwks", "--against", url)
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    assert re.search(r"\n  user-info +not there: no sign-in page: 404", done.stdout)
    assert re.search(r"\n  jwks +[1-9]", done.stdout)
    assert "missed" not in done.stdout  # the targets are ours


@pytest.mark.parametrize(("arguments", "told"), [
    (("--against", "http://192.0.2.1:80"), "no other machine"), (("--against", "https://localhost:443"), "no other machine"),
    (("--against", "http://localhost:8400", "--database", "sqlite:///x"), "not for --against"),
    (("--workers", "0"), "not a number from 1"), (("--seconds", "x"), "not a number"), (("--only", "nothing"), "get-user"),
])
def test_what_cannot_be_measured_is_refused(arguments, told):
    done = in_process.run(script, *arguments, environment=ENVIRONMENT)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ""


def test_a_peer_that_is_not_there_is_told_in_a_line():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        done = bench("--against", "http://127.0.0.1:{}".format(nobody.getsockname()[1]))
    assert done.returncode == 1 and re.fullmatch(r"authservice: CreateUserPool: [^\n]+\n", done.stderr)


# --- the load generator -------------------------------------------------------------------------------------

@pytest.fixture
def answering():
    """A server that gives these answers in turn and then the last one for ever, over however many connections; call it."""
    listening = []

    def start(*answers: bytes) -> generator.Connection:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        left = itertools.chain(answers, itertools.repeat(answers[-1]))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        while connection.recv(65536) and (answer := next(left, None)):
                            connection.sendall(answer)
                            if b"close" in answer:
                                break

        threading.Thread(target=serve, daemon=True).start()
        return generator.Connection(server.getsockname())

    yield start
    for server in listening:
        server.close()


def http(status: str, body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status.encode(), b"Content-Length: %d" % len(body), *headers, b"", body])


GOOD = http("200 OK", b'{"it": "is good"}')


@pytest.mark.parametrize("bad", [http("400 Bad Request", b'{"it": "is good"}'), http("200 OK", b"{}"), b""],
                         ids=["a refusal", "a success without the proof", "the end of the connection"])
def test_one_answer_that_is_no_success_ends_a_measurement(answering, bad):
    connection = answering(GOOD, GOOD, bad, GOOD)
    with pytest.raises(generator.Refused):
        generator.steady([connection], [b"GET / HTTP/1.1\r\n\r\n"], b'"is good"', 0.1)


def test_every_form_of_an_answer_is_read_to_its_end(answering):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n\"is good\"\r\n0\r\n\r\n"
    unbounded = b'HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"is good"'
    forms = [GOOD, chunked, http("200 OK", b'"is good"', b"Connection: close"), unbounded, GOOD]
    answers, load = generator.batch([answering(*forms)], iter([b"GET / HTTP/1.1\r\n\r\n"] * 5), b'"is good"')
    assert answers == forms and load.answers == load.asked == 5


def test_a_request_that_is_turned_away_for_now_is_sent_again_and_counted(answering, monkeypatch):
    monkeypatch.setattr(generator, "PAUSE_SECONDS", 0.01)
    away = http("503 Service Unavailable", b"{}")
    connection = answering(GOOD, away, away, GOOD)
    answers, load = generator.batch([connection], iter([b"GET / HTTP/1.1\r\n\r\n"] * 2), b'"is good"')
    assert answers == [GOOD, GOOD] and load.asked == 2 and connection.turned_away == 2
    with pytest.raises(generator.Refused, match="503"):
        generator.batch([answering(away)], iter([b"GET / HTTP/1.1\r\n\r\n"]), b'"is good"')


def test_connections_are_spread_evenly_over_the_workers_and_renewed_when_one_has_ended(tmp_path):
    port = processes.free_port()
    server = processes.Server([sys.executable, "-m", "scripts.measuring.empty_route", str(port), "2"], dict(os.environ),
                              port, tmp_path / "log", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def by_worker() -> list[int]:
        holders = [processes.holder(connection.socket, server.workers) for connection in connections]
        return sorted(map(holders.count, server.workers))

    try:
        server.start(2)
        connections = server.connections(8)
        assert by_worker() == [4, 4]
        first = list(connections)
        server.renew(connections)
        assert connections == first  # all of them live
        connections[3].socket.shutdown(socket.SHUT_WR)
        assert select.select([connections[3].socket], [], [], 30)[0]  # the server has closed its end too
        server.renew(connections)
        assert not set(connections) & set(first) and by_worker() == [4, 4]
        assert all(connection.ask(server.question).endswith(b"ok") for connection in connections)
    finally:
        server.stop()


# --- the many users -----------------------------------------------------------------------------------------

@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request, tmp_path):
    """A backend with a pool of 300 users who were written into the tables; gives both."""
    url = request.getfixturevalue("postgres").create_database() if request.param == "postgresql" else ""
    with contextlib.closing(LocalBackend(make_settings(tmp_path, database_url=url))) as backend:
        pool = world.make(lambda operation, asked: backend.call(operation, asked, OPERATOR), "http://127.0.0.1:1")
        seen = []
        pool.names, pool.srp_names = crowd.fill(backend, pool.pool_id, 300, seen.append)
        assert seen[-1] == 300 and len(pool.names) == 300
        yield backend, pool


def test_users_written_in_bulk_are_found_and_sign_in(filled):
    backend, pool = filled
    for name in (pool.names[0], pool.names[123], pool.names[299]):
        found = backend.call("AdminGetUser", {"UserPoolId": pool.pool_id, "Username": name}, OPERATOR)
        assert found["UserStatus"] == "CONFIRMED"
        by_address = backend.call("ListUsers", {"UserPoolId": pool.pool_id, "Filter": f'email = "{name}@example.com"'}, OPERATOR)
        assert [user["Username"] for user in by_address["Users"]] == [name]
        parameters = {"USERNAME": name, "PASSWORD": world.PASSWORD}
        asked = {"ClientId": pool.client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
        assert "AccessToken" in backend.call("InitiateAuth", asked)["AuthenticationResult"]
        with pytest.raises(CognitoError, match="NotAuthorizedException"):
            backend.call("InitiateAuth", {**asked, "AuthParameters": {**parameters, "PASSWORD": "Another-Passw0rd!"}})


def test_users_written_in_bulk_keep_every_rule_of_the_tables(filled):
    backend, pool = filled
    assert backend.run(lambda call: list(invariants.violations(call))) == []

    def indexed_anew(call) -> bool:
        """What the service itself would write for such a user is what is there."""
        user = directory.find_user(call, directory.pool(call, pool.pool_id), pool.names[7])
        directory.index(call, user)
        return any(call.db.is_modified(row) for row in (user, *user.names)) or bool(call.db.new or call.db.deleted)

    assert backend.run(indexed_anew) is False


def test_a_user_written_in_bulk_has_every_column_that_one_made_by_the_api_has(filled):
    backend, pool = filled
    backend.call("AdminCreateUser", {"UserPoolId": pool.pool_id, "Username": "made", "MessageAction": "SUPPRESS"}, OPERATOR)
    backend.call("AdminSetUserPassword", {"UserPoolId": pool.pool_id, "Username": "made", "Password": world.PASSWORD,
                                          "Permanent": True}, OPERATOR)
    with database.session(backend.engine) as db:
        rows = {name: db.query(User).filter_by(username=name).one() for name in ("made", pool.names[5])}
        empty = {name: {column.key for column in User.__table__.columns if getattr(row, column.key) is None}
                 for name, row in rows.items()}
        lengths = {name: len(row.srp_verifier) for name, row in rows.items()}
    assert empty["made"] == empty[pool.names[5]]
    assert abs(lengths["made"] - lengths[pool.names[5]]) <= 2
