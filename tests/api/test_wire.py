"""Answers, refusals and CORS headers as they cross the wire, byte for byte where clients look."""

import json
import re

import pytest

from authservice.contract import service
from authservice.local.call import OPERATIONS

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_BUILT = sorted(service().operations - set(OPERATIONS))
WITHOUT_OUTPUT = sorted(name for name in OPERATIONS if not service().has_output(name))


def test_an_answer_is_json_1_1_with_a_request_id(wire, pool_id):
    answer = wire.post("DescribeUserPool", {"UserPoolId": pool_id}, signed=True)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.data)["UserPool"]["Id"] == pool_id


def test_a_request_id_is_never_given_twice(wire):
    answers = [wire.post("ListUserPools", {"MaxResults": 1}, signed=True) for _ in range(5)]
    assert len({answer.headers["x-amzn-RequestId"] for answer in answers}) == 5


def test_times_cross_the_wire_as_epoch_seconds(wire, pool_id, clock):
    answer = wire.post("DescribeUserPool", {"UserPoolId": pool_id}, signed=True)
    assert answer.get_json(force=True)["UserPool"]["CreationDate"] == clock.now.timestamp()


def test_absent_members_are_left_out_never_null(wire, pool_id):
    assert b"null" not in wire.post("DescribeUserPool", {"UserPoolId": pool_id}, signed=True).data


def test_an_operation_without_output_shape_answers_with_an_empty_body(wire, pool_id):
    wire.post("CreateGroup", {"UserPoolId": pool_id, "GroupName": "staff"}, signed=True)
    answer = wire.post("DeleteGroup", {"UserPoolId": pool_id, "GroupName": "staff"}, signed=True)
    assert (answer.status_code, answer.data) == (200, b"")
    assert "DeleteGroup" in WITHOUT_OUTPUT


def test_an_operation_with_an_empty_output_shape_answers_with_an_empty_object(wire, pool_id):
    arn = f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool_id}"
    answer = wire.post("TagResource", {"ResourceArn": arn, "Tags": {"a": "b"}}, signed=True)
    assert (answer.status_code, answer.data) == (200, b"{}")


def test_no_body_counts_as_an_empty_request(wire):
    refused = wire.post("ListUserPools", b"", signed=True)
    assert "Value null at 'maxResults'" in refused.get_json(force=True)["message"]


def test_unknown_members_and_nulls_are_ignored(wire, pool_id):
    asked = {"UserPoolId": pool_id, "OfALaterVersion": {"x": [1]}, "Another": None}
    assert wire.post("DescribeUserPool", asked, signed=True).status_code == 200


def test_a_refusal_is_a_400_with_bare_type_and_lower_case_message(wire):
    refused = wire.post("DescribeUserPool", {"UserPoolId": "us-east-1_NoSuchPool"}, signed=True)
    message = "User pool us-east-1_NoSuchPool does not exist."
    assert refused.status_code == 400
    assert refused.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(refused.data) == {"__type": "ResourceNotFoundException", "message": message}
    assert refused.headers["x-amzn-ErrorType"] == "ResourceNotFoundException:"
    assert refused.headers["x-amzn-ErrorMessage"] == message
    assert UUID.fullmatch(refused.headers["x-amzn-RequestId"])


def test_every_violated_constraint_is_told_at_once_before_anything_is_looked_up(wire):
    refused = wire.post("AdminGetUser", {"UserPoolId": "no pool", "Username": ""}, signed=True)
    message = refused.get_json(force=True)["message"]
    assert message.startswith("3 validation errors detected: ")
    constraint = "failed to satisfy constraint: Member must"
    pattern = r"satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"
    assert f"Value 'no pool' at 'userPoolId' {constraint} {pattern}" in message
    assert f"Value at 'username' {constraint} have length greater than or equal to 1" in message


@pytest.mark.parametrize("body, message", [
    (b"[]", "Expected map or null"),
    (b'"text"', "Expected map or null"),
    (b'{"UserPoolId": {}}', "Start of structure or map found where not expected."),
    (b'{"UserPoolId": 7}',
     "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"),
    (b'{"UserPoolId": true}', "class java.lang.Boolean can not be converted to an String"),
])
def test_a_wrong_json_type_is_a_serialization_exception_with_capital_message(door, body, message):
    refused = door.post("DescribeUserPool", body, signed=True)
    assert refused.status_code == 400
    assert json.loads(refused.data) == {"__type": "SerializationException", "Message": message}
    assert refused.headers["x-amzn-ErrorType"] == "SerializationException:"


@pytest.mark.parametrize("target", [
    None, "", "AWSCognitoIdentityProviderService", "AWSCognitoIdentityProviderService.", "SignUp",
    "AWSCognitoIdentityProviderService.NoSuchOperation", "AWSCognitoIdentityProviderService.signup",
    "AWSCognitoIdentityService.GetId", "x.AWSCognitoIdentityProviderService.SignUp",
    "AWSCognitoIdentityProviderService.__class__", "AWSCognitoIdentityProviderService.SignUp ;",
])
def test_an_unknown_or_missing_target_is_an_unknown_operation(door, target):
    refused = door.post(None, {}, headers={} if target is None else {"X-Amz-Target": target})
    assert refused.status_code == 400
    assert json.loads(refused.data)["__type"] == "UnknownOperationException"
    assert refused.headers["x-amzn-ErrorType"] == "UnknownOperationException:"


@pytest.mark.parametrize("operation", NOT_BUILT)
def test_an_operation_that_is_not_built_says_so_by_name(door, operation):
    refused = door.post(operation, {}, signed=True)
    assert refused.status_code == 501
    assert json.loads(refused.data) == {"__type": "NotImplementedException",
                                        "message": f"{operation} is not built yet."}


def test_a_preflight_lets_any_page_post_what_the_sdks_send(client):
    wanted = "cache-control,content-type,x-amz-target,x-amz-user-agent"
    answer = client.options("/", headers={"Origin": "https://app.example.com",
                                          "Access-Control-Request-Method": "POST",
                                          "Access-Control-Request-Headers": wanted})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert set(wanted.split(",")) <= set(answer.headers["Access-Control-Allow-Headers"].split(","))
    assert int(answer.headers["Access-Control-Max-Age"]) >= 3600
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("operation, status", [("ListUserPools", 200), ("DescribeUserPool", 400),
                                               ("NoSuchOperation", 400), (NOT_BUILT[0], 501)])
def test_a_page_may_read_every_answer_and_the_error_headers(door, operation, status):
    answer = door.post(operation, {"MaxResults": 1}, signed=True)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(",")
    assert {"x-amzn-RequestId", "x-amzn-ErrorType", "x-amzn-ErrorMessage", "Date"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_bug_is_an_internal_error_without_a_trace(app, wire, local, monkeypatch, caplog):
    """The one place where something of ours is broken on purpose: no guest can."""
    monkeypatch.setattr(local, "call", lambda *_: 1 / 0)
    app.testing = app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = wire.post("ListUserPools", {"MaxResults": 1}, signed=True)
    assert answer.status_code == 500
    assert json.loads(answer.data) == {"__type": "InternalErrorException", "message": "Something went wrong"}
    assert b"ZeroDivisionError" not in answer.data
    assert "ZeroDivisionError" in caplog.text


def test_a_curious_browser_is_told_what_answers_here(client):
    answer = client.get("/")
    assert answer.status_code == 200 and "POST /" in answer.text
