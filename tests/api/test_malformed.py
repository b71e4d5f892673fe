"""Whatever is posted is answered in Cognito's terms: never a 500, never a trace."""

import http.client
import json
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings as bounds
from hypothesis import strategies as st

from authservice.api import LONGEST_BODY
from authservice.contract import service
from tests.api.conftest import TARGET
from tests.services import server

PUBLIC = ["SignUp", "ConfirmSignUp", "InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken",
          "GetUser", "UpdateUserAttributes", "VerifySoftwareToken", "RevokeToken"]
ADMIN = ["CreateUserPool", "UpdateUserPool", "CreateUserPoolClient", "AdminCreateUser", "ListUsers",
         "CreateGroup", "AddCustomAttributes", "SetUserPoolMfaConfig",
         "AdminSetUserMFAPreference", "TagResource"]


def refusal(answer) -> str:
    """The type of a refusal that is well formed; fails on a 500 and on anything that is not a refusal."""
    body = json.loads(answer.data)
    status = 501 if body["__type"] == "NotImplementedException" else 400
    assert answer.status_code == status, (answer.status_code, body)
    assert answer.headers["x-amzn-ErrorType"] == body["__type"] + ":"
    assert set(body) <= {"__type", "message", "Message"}
    return body["__type"]


@pytest.mark.parametrize("body", [
    b"{", b"}", b"{]", b"nul", b"\xff\xfe\x00", b"{'a': 1}", b'{"a": 1,}', b'{"a"', b"\x00" * 100, b"<xml/>",
    b'{"UserPoolId": "\xc3("}', b'{"UserPoolId": NaN', b"a=b&c=d",
])
def test_what_is_not_json_is_a_serialization_exception(door, body):
    assert refusal(door.post("DescribeUserPool", body, signed=True)) == "SerializationException"


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"a":' * 100_000, b'{"UserPoolId":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"ClientMetadata":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"}",
])
@pytest.mark.parametrize("operation", ["SignUp", "DescribeUserPool"])
def test_deeply_nested_json_is_refused_quickly(door, operation, body):
    began = time.perf_counter()
    assert refusal(door.post(operation, body, signed=True)) == "SerializationException"
    assert time.perf_counter() - began < 2


def test_nesting_in_a_member_that_no_operation_knows_does_no_harm(door):
    body = b'{"Unknown":' + b"[" * 500 + b"]" * 500 + b"}"
    assert refusal(door.post("SignUp", body)) == "InvalidParameterException"


@pytest.mark.parametrize("size", [LONGEST_BODY + 1, 4 * LONGEST_BODY, 8 * LONGEST_BODY])
@pytest.mark.parametrize("operation", ["SignUp", "ListUserPools"])
def test_an_oversized_body_is_refused(door, operation, size):
    body = b'{"Username": "' + b"a" * (size - 16) + b'"}'
    assert refusal(door.post(operation, body, signed=True)) == "InvalidParameterException"


@pytest.fixture(scope="module")
def served_by_granian(tmp_path_factory):
    with server.running_service(tmp_path_factory.mktemp("granian")) as service:
        yield int(service.url.rpartition(":")[2])


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("size", [LONGEST_BODY + 1, 2 * LONGEST_BODY])
def test_who_sends_too_much_gets_to_see_the_refusal(served_by_granian, size, chunked):
    """Answered before the end is read, the connection would break under the sender."""
    body = b'{"Username": "' + b"a" * (size - 16) + b'"}'
    sent = (body[start:start + 65536] for start in range(0, size, 65536)) if chunked else body
    connection = http.client.HTTPConnection("127.0.0.1", served_by_granian, timeout=30)
    headers = {"X-Amz-Target": TARGET + "SignUp", **({"Transfer-Encoding": "chunked"} if chunked else {})}
    connection.request("POST", "/", sent, headers, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "InvalidParameterException:")
    assert "longer than" in json.load(answer)["message"]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "9" * 5000, "1.5", "-0.0",
                                    "1e18", "2147483648", "-2147483649"])
@pytest.mark.parametrize("operation, member", [("ListUserPools", "MaxResults"), ("ListUsers", "Limit"),
                                               ("CreateGroup", "Precedence")])
def test_odd_numbers_are_refused(door, operation, member, number):
    known = {**door.known, "GroupName": str(uuid.uuid4())}
    body = json.dumps(known)[:-1] + f', "{member}": {number}}}'
    answer = door.post(operation, body.encode(), signed=True)
    if number == "-0.0":
        assert answer.status_code in (200, 400)  # zero, which some of them take
    else:
        assert refusal(answer) in ("SerializationException", "InvalidParameterException")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\u202e", "\ufeff", "a" * 128, "\U0001f600",
                                  "'; DROP TABLE users; --", "{{7*7}}", "${jndi:ldap://x}", "%s%n", "../etc"])
@pytest.mark.parametrize("operation", ["SignUp", "ForgotPassword", "AdminCreateUser", "AdminGetUser"])
def test_odd_text_is_no_accident(door, operation, text):
    asked = {**door.known, "Username": text, "Password": "Correct-horse-1"}
    answer = door.post(operation, asked, signed=True)
    assert answer.status_code == 200 or refusal(answer)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x\udfffy"])
def test_text_that_no_database_can_keep_is_refused(door, text):
    """SQLite would take a NUL and crash on half a surrogate pair, PostgreSQL the other way round."""
    asked = {**door.known, "GroupName": str(uuid.uuid4()), "Description": text}
    assert refusal(door.post("CreateGroup", asked, signed=True)) == "InvalidParameterException"
    asked = {**door.known, "Username": str(uuid.uuid4()), "UserAttributes": [{"Name": "name", "Value": text}]}
    assert refusal(door.post("AdminCreateUser", asked, signed=True)) == "InvalidParameterException"
    asked = {**door.known, "Username": "user-1", "Password": "Correct-horse-1", "ClientMetadata": {text: "x"}}
    assert refusal(door.post("SignUp", asked)) == "InvalidParameterException"


@pytest.mark.parametrize("text", ["\x00", "\x1b[2J", "\x7f", "\r\nSet-Cookie: a=b", "\u4e16", "a" * 900_000])
def test_a_quoted_value_makes_no_odd_header(door, text):
    refused = door.post("DescribeUserPool", {"UserPoolId": text}, signed=True)
    assert refusal(refused) == "InvalidParameterException" and "Set-Cookie" not in refused.headers
    header = refused.headers["x-amzn-ErrorMessage"]
    assert header.isascii() and header.isprintable() and len(header) < 8000


def values(shape, known, depth=0):
    """JSON values around a shape of the model: mostly of its type, sometimes of any other."""
    any_json = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                            lambda inner: st.lists(inner, max_size=3)
                            | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)
    if depth > 5:
        return any_json
    kind = shape.type_name
    if kind == "structure":
        members = {name: _member(name, member, known, depth) for name, member in shape.members.items()}
        likely = st.fixed_dictionaries({}, optional=members)
    elif kind == "list":
        likely = st.lists(values(shape.member, known, depth + 1), max_size=3)
    elif kind == "map":
        likely = st.dictionaries(st.text(max_size=12), values(shape.value, known, depth + 1), max_size=3)
    elif kind == "string":
        likely = st.sampled_from(shape.enum) if shape.enum else st.text(max_size=30)
    elif kind == "boolean":
        likely = st.booleans()
    else:
        likely = st.integers() | st.floats()
    return st.one_of(likely, likely, likely, any_json)


def _member(name, shape, known, depth):
    likely = values(shape, known, depth + 1)
    return st.just(known[name]) | likely if name in known and depth == 0 else likely


@pytest.mark.parametrize("operation", PUBLIC + ADMIN)
@bounds(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_json_body_makes_the_door_fail(door, operation, data):
    shape = service().operation(operation).input_shape
    body = data.draw(values(shape, door.known))
    if isinstance(body, dict):
        body = {**{name: door.known[name] for name in shape.required_members if name in door.known}, **body}
    answer = door.post(operation, json.dumps(body).encode(), signed=True)
    assert answer.status_code == 200 or refusal(answer)


@bounds(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=200), operation=st.sampled_from(PUBLIC + ADMIN))
def test_no_bytes_make_the_door_fail(door, operation, body):
    answer = door.post(operation, body, signed=True)
    assert answer.status_code == 200 or refusal(answer)


@bounds(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"),
                      max_size=120),
       scheme=st.sampled_from(["", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=", "Bearer "]))
def test_no_authorization_header_makes_the_door_fail(door, scheme, header):
    answer = door.post("ListUserPools", {"MaxResults": 1}, headers={"Authorization": scheme + header})
    assert answer.status_code == 200 or refusal(answer)
