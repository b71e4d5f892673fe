"""The audit trail at the door: from where a call came, under which id it was answered, and whom the door turned away."""

import json

import pytest

from authservice import create_app
from authservice.contract import OPERATOR
from authservice.local import history
from tests.api.conftest import Wire
from tests.conftest import make_settings

ASKED = {"MaxResults": 1}


def last_event(backend) -> dict:
    backend.trail.flush()
    return backend.run(lambda call: next(history.look_up(call)))


def test_the_event_has_the_source_and_the_id_that_the_guest_was_told(wire, local):
    answer = wire.post("ListUserPools", ASKED, signed=True, headers={"User-Agent": "Boto3/1.44"},
                       environ_base={"REMOTE_ADDR": "127.0.0.1"})
    event = last_event(local)
    assert answer.status_code == 200 and event["requestID"] == answer.headers["x-amzn-RequestId"]
    assert (event["sourceIPAddress"], event["userAgent"]) == ("127.0.0.1", "Boto3/1.44")
    assert event["userIdentity"]["accessKeyId"] == "AKIDEXAMPLE"


def test_a_header_of_any_length_and_any_text_fits_an_event(wire, local):
    wire.post("ListUserPools", ASKED, signed=True, headers={"User-Agent": "\xff\"\\" + "x" * 5000})
    assert len(last_event(local)["userAgent"]) == 1000


@pytest.mark.parametrize(("sent", "code"), [
    ({"body": b"no JSON"}, "SerializationException"), ({"body": ASKED}, "MissingAuthenticationTokenException"),
    ({"body": {"MaxResults": "ten"}, "signed": True}, "SerializationException"),
    ({"body": {"MaxResults": 100}, "signed": True}, "InvalidParameterException"),
    ({"body": ASKED, "signed": True, "environ_base": {"REMOTE_ADDR": "192.0.2.1"}}, "AccessDeniedException")])
def test_whoever_is_turned_away_is_an_event(wire, local, sent, code):
    answer = wire.post("ListUserPools", **sent)
    event = last_event(local)
    assert json.loads(answer.data)["__type"] == code == event["errorCode"]
    assert event["requestID"] == answer.headers["x-amzn-RequestId"] and event["eventName"] == "ListUserPools"


def test_a_wrong_signature_is_an_event(local, settings):
    keyed = create_app(make_settings(settings.instance, access_keys="AKIDEXAMPLE:secret"), backend=local)
    Wire(keyed.test_client()).post("ListUserPools", ASKED, signed=True)
    assert last_event(local)["errorCode"] == "IncompleteSignatureException"


def test_what_is_no_operation_is_no_event(wire, local):
    local.call("ListUserPools", ASKED, OPERATOR)
    wire.post("DropAllTables", {})
    assert last_event(local)["eventName"] == "ListUserPools"
