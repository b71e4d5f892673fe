"""The audit trail: every call is an event in CloudTrail's form; no change is without its event, no event has a secret."""

import json
import os
import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.exc import OperationalError

from authservice.audit import events
from authservice.cli import cli
from authservice.config import SettingsError, load
from authservice.contract import ANONYMOUS, HOSTED, OPERATOR, Caller, service
from authservice.errors import CognitoError
from authservice.local import history, housekeeping, seed, trail
from authservice.local.backend import LocalBackend
from authservice.local.call import OPERATIONS, Call
from authservice.local.models import AppClient, Event, User
from tests.conftest import make_settings
from tests.services.server import ROOT, command

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
PASSWORD = "Correct-horse-9"


@pytest.fixture(autouse=True)
def called_from_the_shell():
    """No request of another test is being answered."""
    events.source.set(None)


def history_of(backend, **wanted) -> list[dict]:
    """The events, newest first, once the thread has nothing left to write."""
    backend.trail.flush()
    return backend.run(lambda call: list(history.look_up(call, **wanted)))


def make_client(backend) -> tuple[str, str]:
    pool = backend.call("CreateUserPool", {"PoolName": "shop"}, OPERATOR)["UserPool"]["Id"]
    asked = {"UserPoolId": pool, "ClientName": "app",
             "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}
    return pool, backend.call("CreateUserPoolClient", asked, OPERATOR)["UserPoolClient"]["ClientId"]


def sign_up(backend, client: str, username: str = "user-1") -> str:
    asked = {"ClientId": client, "Username": username, "Password": PASSWORD}
    return backend.call("SignUp", asked)["UserSub"]


def test_every_operation_is_an_event_under_its_own_name(local):
    for operation in OPERATIONS:
        with pytest.raises(CognitoError):
            local.call(operation, {"MaxResults": -1, "UserPoolId": "?", "ClientId": "?", "MfaConfiguration": "?"}, OPERATOR)
    events = history_of(local)
    assert sorted(event["eventName"] for event in events) == sorted(OPERATIONS)
    assert all(event["errorCode"] and event["responseElements"] is None for event in events)


def test_an_operation_that_is_not_built_yet_is_an_event_too(local):
    for operation in service().operations - OPERATIONS.keys():
        with pytest.raises(CognitoError):
            local.call(operation, {}, OPERATOR)
    assert {event["errorCode"] for event in history_of(local)} == {"NotImplementedException"}


def test_an_event_has_the_form_of_cloudtrails(local, clock):
    _, client = make_client(local)
    sub = sign_up(local, client)
    event = history_of(local)[0]
    assert uuid.UUID(event.pop("eventID")).version == 7 and event.pop("requestID")
    assert event == {
        "eventVersion": "1.08", "userIdentity": {"type": "Unknown", "principalId": "Anonymous"},
        "eventTime": "2026-03-01T12:00:00Z", "eventSource": "cognito-idp.amazonaws.com", "eventName": "SignUp",
        "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1", "userAgent": "authservice",
        "requestParameters": {"clientId": client, "username": HIDDEN, "password": HIDDEN},
        "responseElements": {"userConfirmed": False, "userSub": sub}, "additionalEventData": {"sub": sub},
        "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": "000000000000",
        "eventCategory": "Management"}


@pytest.mark.parametrize(("caller", "told"), [
    (ANONYMOUS, {"type": "Unknown", "principalId": "Anonymous"}),
    (HOSTED, {"type": "AWSService", "invokedBy": "cognito-idp.amazonaws.com"}),
    (OPERATOR, {"type": "Root", "principalId": "000000000000", "arn": "arn:aws:iam::000000000000:root",
                "accountId": "000000000000"}),
    (Caller("iam", "AKIDEXAMPLE"), {"type": "IAMUser", "principalId": "AKIDEXAMPLE", "userName": "AKIDEXAMPLE",
                                    "arn": "arn:aws:iam::000000000000:user/AKIDEXAMPLE",
                                    "accountId": "000000000000", "accessKeyId": "AKIDEXAMPLE"})])
def test_the_event_tells_who_called(local, caller, told):
    with pytest.raises(CognitoError):
        local.call("GetUser", {"AccessToken": "none"}, caller)
    assert history_of(local)[0]["userIdentity"] == told


def test_a_refused_call_tells_why_and_about_whom(local):
    _, client = make_client(local)
    sub = sign_up(local, client)
    with pytest.raises(CognitoError):
        local.call("ConfirmSignUp", {"ClientId": client, "Username": "user-1", "ConfirmationCode": "000000"})
    event = history_of(local)[0]
    assert (event["errorCode"], event["additionalEventData"]) == ("ExpiredCodeException", {"sub": sub})
    assert event["requestParameters"]["confirmationCode"] == HIDDEN


def test_what_breaks_the_limits_is_not_repeated(local):
    with pytest.raises(CognitoError) as refused:
        local.call("ConfirmSignUp", {"ClientId": "c", "Username": "u", "ConfirmationCode": "my secret' at 'password"})
    assert "my secret" in refused.value.message
    event = history_of(local)[0]
    assert "secret" not in json.dumps(event).replace(HIDDEN, "") and "confirmationCode" in event["errorMessage"]


def test_a_fault_of_our_own_is_recorded_without_its_words(local, monkeypatch):
    monkeypatch.setitem(OPERATIONS, "ListUserPools", lambda call, request: {}["a secret"])
    with pytest.raises(KeyError):
        local.call("ListUserPools", {"MaxResults": 1}, OPERATOR)
    event = history_of(local)[0]
    assert event["errorCode"] == "InternalErrorException" and "a secret" not in json.dumps(event)


def test_a_change_is_committed_with_its_event_or_not_at_all(local, monkeypatch):
    _, client = make_client(local)
    written = []

    def no_commit(call: Call, proof: tuple) -> None:
        written.extend(call.read(select(Event.name).where(Event.id == bindparam("id")), {"id": proof[1]}))
        raise OSError("the disk is full")

    monkeypatch.setattr(Call, "_send_commit", no_commit)
    with pytest.raises(OSError):
        sign_up(local, client)
    with local.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(User)) == 0
        assert connection.scalar(select(func.count()).where(Event.name == "SignUp")) == 0
    assert [name for name, in written] == ["SignUp"]
    assert history_of(local)[0]["errorCode"] == "InternalErrorException"


def test_the_event_of_a_change_is_there_when_the_call_returns(local):
    _, client = make_client(local)
    sign_up(local, client)
    with local.engine.connect() as connection:
        assert list(connection.scalars(select(Event.name).order_by(Event.id))) == [
            "CreateUserPool", "CreateUserPoolClient", "SignUp"]


def test_of_two_who_take_one_name_each_has_one_event(local):
    _, client = make_client(local)

    def attempt(_) -> str:
        try:
            return sign_up(local, client) and "created"
        except CognitoError as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(attempt, range(8)))
    assert outcomes == ["UsernameExistsException"] * 7 + ["created"]
    told = sorted(event.get("errorCode", "created") for event in history_of(local, name="SignUp"))
    assert told == outcomes


def test_reads_are_written_soon_without_being_asked(local):
    pool, _ = make_client(local)
    for _ in range(3):
        local.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    wait_for(lambda: len(names(local)) == 5)


def names(backend) -> list[str]:
    """The names of the events that are in the database now, the oldest first."""
    with backend.engine.connect() as connection:
        return list(connection.scalars(select(Event.name).order_by(Event.id)))


def wait_for(holds) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_our_own_pages_lookups_are_no_events_but_their_refusals_are(local):
    pool, client = make_client(local)
    local.call("DescribeUserPool", {"UserPoolId": pool}, HOSTED)
    with pytest.raises(CognitoError):
        local.call("DescribeUserPool", {"UserPoolId": "us-east-1_none"}, HOSTED)
    assert len(history_of(local)) == 3 and history_of(local)[0]["errorCode"] == "ResourceNotFoundException"


@pytest.fixture
def make_backend(tmp_path, empty_database, clock):
    """Make a backend with these settings."""
    made = []

    def make(**given) -> LocalBackend:
        shutil.copy(empty_database, tmp_path / "authservice.db")
        made.append(LocalBackend(make_settings(tmp_path, **given), clock))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.mark.parametrize(("audit", "told"), [
    ("all", ["CreateUserPool", "CreateUserPoolClient", "DescribeUserPool", "GetUser"]),
    ("changes", ["CreateUserPool", "CreateUserPoolClient", "GetUser"]), ("off", [])])
def test_the_setting_audit_says_which_calls_are_events(make_backend, audit, told):
    backend = make_backend(audit=audit)
    pool, _ = make_client(backend)
    backend.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    with pytest.raises(CognitoError):
        backend.call("GetUser", {"AccessToken": "none"})
    backend.trail.flush()
    assert names(backend) == told


def test_a_setting_that_is_none_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="audit"):
        load(instance=tmp_path, audit="some")


def test_the_log_has_a_line_an_event_and_may_be_rotated(make_backend):
    backend = make_backend(audit_log="audit.log")
    file = backend.settings.instance / "audit.log"
    pool, _ = make_client(backend)
    backend.trail.flush()
    file.rename(file.with_suffix(".1"))
    backend.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    backend.trail.flush()
    lines = [json.loads(line) for each in (file.with_suffix(".1"), file) for line in each.read_text().splitlines()]
    assert lines[::-1] == history_of(backend) and file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_loses_lines_of_the_log_and_no_request(make_backend, caplog):
    backend = make_backend(audit_log="/dev/full")
    make_client(backend)
    backend.trail.flush()
    assert len(history_of(backend)) == 2 and backend.trail.lost == 2
    assert "the audit log cannot be written" in caplog.text


def test_a_line_that_was_torn_does_not_swallow_the_next(make_backend, monkeypatch):
    backend = make_backend(audit_log="audit.log")
    write, room = os.write, [100]

    def write_into_what_is_left(file, data) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(file, data[:room.pop()])

    monkeypatch.setattr(os, "write", write_into_what_is_left)
    pool, _ = make_client(backend)
    backend.trail.flush()
    monkeypatch.setattr(os, "write", write)
    backend.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    backend.trail.flush()
    torn, *whole = (backend.settings.instance / "audit.log").read_text().splitlines()
    assert len(torn) == 100 and [json.loads(line)["eventName"] for line in whole] == ["DescribeUserPool"]


def test_while_the_database_is_away_events_wait_so_many_as_fit_and_the_log_says_how_many_were_lost(
        local, monkeypatch, caplog):
    monkeypatch.setattr(trail, "MOST_WAITING", 5)
    monkeypatch.setattr(trail, "RETRY_SECONDS", 0.01)
    pool, _ = make_client(local)
    insert = trail.Trail._insert

    def away(self, rows):
        raise OperationalError("INSERT", {}, OSError("no connection"))

    monkeypatch.setattr(trail.Trail, "_insert", away)
    local.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    wait_for(lambda: "wait" in caplog.text)
    for _ in range(7):
        local.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    assert local.trail.lost == 2
    monkeypatch.setattr(trail.Trail, "_insert", insert)
    wait_for(lambda: len(names(local)) == 2 + 1 + 5)
    wait_for(lambda: "written again" in caplog.text)
    assert caplog.records[-1].fields == {"lost": 2}


def test_a_batch_whose_commit_was_answered_by_silence_is_written_once(backend):
    trail = backend.store.trail
    rows = [trail._row(events.of_call(name, {}, OPERATOR, trail.clock())) for name in ("ListUserPools", "GetUser")]
    trail._insert(rows[:1])
    trail._insert(rows)
    assert names(backend.store) == ["ListUserPools", "GetUser"]


def test_what_fails_after_a_part_of_it_was_committed_is_told_twice(local):
    pool, _ = make_client(local)
    with pytest.raises(CognitoError), local.trail.shell("Tidy"):
        local.run(lambda call: call.also(delete(AppClient).where(AppClient.pool_id == pool)))
        raise CognitoError("InternalErrorException", "")
    assert [event.get("errorCode") for event in history_of(local, name="Tidy")] == ["InternalErrorException", None]


def test_closing_writes_what_waits(make_backend):
    backend = make_backend()
    pool, _ = make_client(backend)
    backend.call("DescribeUserPool", {"UserPoolId": pool}, OPERATOR)
    backend.close()
    assert names(backend) == ["CreateUserPool", "CreateUserPoolClient", "DescribeUserPool"]


def test_the_parameters_of_a_large_request_that_waits_are_left_out(local):
    with source_of(size=9000), pytest.raises(CognitoError):
        local.call("CreateGroup", {"UserPoolId": "us-east-1_none", "GroupName": "g"}, OPERATOR)
    assert history_of(local)[0]["requestParameters"] is None


def test_an_event_of_more_than_100_kb_is_told_without_its_parts(local):
    scopes = [{"ScopeName": f"{n}-{'s' * 200}", "ScopeDescription": "d" * 256} for n in range(90)]
    pool, _ = make_client(local)
    local.call("CreateResourceServer", {"UserPoolId": pool, "Identifier": "i", "Name": "n", "Scopes": scopes}, OPERATOR)
    assert history_of(local)[0]["requestParameters"]["scopes"]  # 90 KB with the answer
    scopes = [{**scope, "ScopeDescription": "\u00e9" * 256} for scope in scopes]
    local.call("UpdateResourceServer", {"UserPoolId": pool, "Identifier": "i", "Name": "n", "Scopes": scopes}, OPERATOR)
    event = history_of(local)[0]
    assert (event["eventName"], event["requestParameters"], event["responseElements"]) == (
        "UpdateResourceServer", None, None)


@contextmanager
def source_of(size: int):
    token = events.source.set(events.Source("192.0.2.1", "agent", "request-1", size))
    yield
    events.source.reset(token)


def test_events_stay_so_long_as_audit_days_says(make_backend, clock):
    backend = make_backend(audit_days=2)
    make_client(backend)
    clock.advance(days=2)
    backend.call("ListUserPools", {"MaxResults": 1}, OPERATOR)
    backend.trail.flush()
    clock.advance(seconds=1)
    backend.run(housekeeping.prune)
    assert names(backend) == ["ListUserPools"]


def test_events_are_found_by_name_user_pool_and_time_newest_first(backend, clock, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    local = backend.store
    pool, client = make_client(local)
    make_client(local)
    clock.advance(hours=1)
    sub = sign_up(local, client)
    local.call("AdminConfirmSignUp", {"UserPoolId": pool, "Username": "user-1"}, OPERATOR)
    local.call("AdminGetUser", {"UserPoolId": pool, "Username": "user-1"}, OPERATOR)
    found = {"everything": history_of(local), "name": history_of(local, name="SignUp"),
             "user": history_of(local, user=sub), "reads": history_of(local, user=sub, reads=True),
             "pool": history_of(local, pool=pool), "since": history_of(local, since=clock.now)}
    told = {how: [event["eventName"] for event in each] for how, each in found.items()}
    last = ["AdminGetUser", "AdminConfirmSignUp", "SignUp"]
    made = ["CreateUserPoolClient", "CreateUserPool"]
    assert told == {"everything": last + made + made, "name": ["SignUp"], "user": last[1:], "reads": last,
                    "pool": last + made, "since": last}


def test_what_is_done_at_the_shell_is_an_event_and_the_shell_shows_events(local, tmp_path):
    seed.apply(local, ROOT / "authservice" / "demo" / "seed.toml")
    pool, asked = "us-east-1_Demo00001", {"UserPoolId": "us-east-1_Demo00001", "Username": "demo@example.com"}
    local.call("AdminDisableUser", asked, OPERATOR)
    assert command(tmp_path, "keys", "rotate").returncode == 0
    assert command(tmp_path, "call", "AdminGetUser", json.dumps(asked)).returncode == 0
    shown = history_of(local)[::-1]
    told = {event["eventName"]: event["userIdentity"]["type"] for event in shown}
    assert told == dict.fromkeys(["Seed", "AdminDisableUser", "RotateSigningKeys", "AdminGetUser"], "Root")
    assert shown[0]["requestParameters"] == {"pools": [pool]}

    shell = CliRunner(env={"AUTHSERVICE_INSTANCE": str(tmp_path)})
    lines = shell.invoke(cli, ["events", "--json", "--limit", "2"]).output.splitlines()
    assert [json.loads(line) for line in lines] == shown[:1:-1]
    of_user = shell.invoke(cli, ["events", "--pool", pool, "--user", "demo@example.com"]).output
    assert "AdminDisableUser" in of_user and "shell" in of_user and "AdminGetUser" not in of_user


def test_of_events_that_are_there_already_only_the_others_are_written(make_backend):
    """What a commit had written whose answer was lost."""
    written = make_backend().trail
    rows = [written._row(events.of_call("GetUser", {}, OPERATOR, written.clock())) for _ in range(3)]
    for some in (rows[:2], rows[:2], rows):
        written._insert(some)
    with written._engine.connect() as connection:
        assert connection.scalars(select(Event.id).order_by(Event.id)).all() == [row["id"] for row in rows]
