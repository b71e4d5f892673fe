"""The audit trail: every call is an event in CloudTrail's form; no change is without its event, no event has a secret."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from authservice.contract import ANONYMOUS, HOSTED, OPERATOR, Caller, service
from authservice.errors import CognitoError
from authservice.local import history, trail
from authservice.local.backend import LocalBackend
from authservice.local.call import OPERATIONS
from authservice.local.models import Event, User
from tests.conftest import make_settings

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
PASSWORD = "Correct-horse-9"


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
    kept = local.trail.keep

    def keep(*given) -> None:
        kept(*given)
        raise OSError("the disk is full")

    monkeypatch.setattr(type(local.trail), "keep", lambda self, *given: keep(*given))
    with pytest.raises(OSError):
        sign_up(local, client)
    with local.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(User)) == 0
        assert connection.scalar(select(func.count()).where(Event.name == "SignUp")) == 0
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
    wait_for(lambda: count(local) == 5)


def count(backend) -> int:
    with backend.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Event))


def wait_for(holds) -> None:
    import time
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
