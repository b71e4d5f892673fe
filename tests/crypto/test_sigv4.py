"""SigV4: requests signed by botocore pass; any change of what was signed, or of how, is refused."""

import hashlib
from datetime import datetime, timedelta, timezone
from unittest import mock

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import EnvironHeaders

from authservice.crypto import sigv4

AKID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SECRETS = {AKID: SECRET, "AKIDOTHER": "another secret"}
NOW = datetime(2025, 3, 1, 23, 58, 30, tzinfo=timezone.utc)
BODY = b'{"UserPoolId": "us-east-1_AbCdEfGhI", "Username": "user-1"}'
HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSCognitoIdentityProviderService.AdminGetUser",
    "Amz-Sdk-Request": "attempt=1",
}


def signed(url="http://localhost:8400/", body=BODY, at=NOW, secret=SECRET, token=None, **options):
    """The arguments of `verify` for a request that botocore signed at that time."""
    service = options.get("service", "cognito-idp")
    request = AWSRequest(
        options.get("method", "POST"), url, HEADERS | options.get("headers", {}), body, options.get("params")
    )
    region = options.get("region", "us-east-1")
    signer = botocore.auth.SigV4Auth(Credentials(AKID, secret, token), service, region)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: at.replace(tzinfo=None)):
        signer.add_auth(request)
    sent = request.prepare()
    address = sent.url.split("/", 3)
    path, _, query = ("/" + address[3]).partition("?")
    return {
        "method": sent.method,
        "path": path,
        "query_string": query,
        "headers": {"Host": address[2]} | {name: _text(value) for name, value in sent.headers.items()},
        "body": sent.body or b"",
    }


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def verify(request, now=NOW, **settings):
    return sigv4.verify(**request, secret_of=SECRETS.get, now=now, **settings)


def refusal(request, now=NOW, **settings):
    with pytest.raises(sigv4.SignatureRefused) as refused:
        verify(request, now, **settings)
    return refused.value.code, refused.value.message


def with_header(request, name, value):
    headers = {key: text for key, text in request["headers"].items() if key.lower() != name.lower()}
    return request | {"headers": headers if value is None else headers | {name: value}}


def with_authorization(request, old, new):
    before = request["headers"]["Authorization"]
    assert old in before
    return with_header(request, "Authorization", before.replace(old, new))


MISMATCH = ("InvalidSignatureException", sigv4.MISMATCH)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"region": "eu-central-1"},
        {"body": b""},
        {"body": bytes(range(256))},
        {"url": "https://auth.example.com/"},
        {"url": "http://localhost:8400/a/b%20c~d/é"},
        {"url": "http://localhost:8400/?b=2&a=1&a=0&c"},
        {"params": {"z": "ü", "a": "/+&="}},
        {"method": "PUT"},
        {"headers": {"X-Amz-Meta": "  spaces   inside  "}},
        {"headers": {"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()}},
    ],
    ids=str,
)
def test_what_botocore_signs_is_verified(options):
    assert verify(signed(**options)) == AKID


def test_header_names_are_read_in_any_case_and_from_werkzeug():
    request = signed()
    for change in (str.lower, str.upper):
        assert verify(request | {"headers": {change(k): v for k, v in request["headers"].items()}}) == AKID
    environ = {"HTTP_" + k.upper().replace("-", "_"): v for k, v in request["headers"].items()}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    assert verify(request | {"headers": EnvironHeaders(environ)}) == AKID


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/other"},
        {"path": "//"},
        {"query_string": "a=1"},
        {"body": BODY + b" "},
        {"body": b""},
        {"body": BODY.replace(b"user-1", b"user-2")},
    ],
    ids=str,
)
def test_a_changed_request_line_or_body_is_refused(change):
    assert refusal(signed() | change) == MISMATCH


def test_every_signed_header_counts():
    request = signed(headers={"X-Amz-Extra": "1"})
    parameters = request["headers"]["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-target", "x-amz-extra", "content-type"} <= set(parameters)
    for name in parameters:
        value = {key.lower(): value for key, value in request["headers"].items()}[name]
        if name == "x-amz-date":
            value = value[:-2] + "1Z"  # one second on: another well-formed date of the same day
            assert value != request["headers"]["X-Amz-Date"]
        else:
            value += "x"
        assert refusal(with_header(request, name, value)) == MISMATCH
        assert refusal(with_header(request, name, None))[0] in (
            "InvalidSignatureException", "IncompleteSignatureException"
        )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_one_changed_byte_of_body_or_signature_is_refused(data):
    request = signed()
    assert verify(request) == AKID
    place = data.draw(st.integers(0, len(BODY) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = BODY[:place] + bytes([BODY[place] ^ bit]) + BODY[place + 1 :]
    assert refusal(request | {"body": changed}) == MISMATCH
    signature = request["headers"]["Authorization"].split("Signature=")[1]
    place = data.draw(st.integers(0, 63))
    digit = data.draw(st.sampled_from("0123456789abcdef".replace(signature[place], "")))
    forged = signature[:place] + digit + signature[place + 1 :]
    assert refusal(with_authorization(request, signature, forged)) == MISMATCH


def test_a_query_cannot_be_changed():
    request = signed(url="http://localhost:8400/?a=1&b=2")
    for query in ("a=1", "a=1&b=3", "a=1&b=2&c=3", "a=1&b=2&b=2", ""):
        assert refusal(request | {"query_string": query}) == MISMATCH
    assert verify(request | {"query_string": "b=2&a=1"}) == AKID  # the order is not signed


@pytest.mark.parametrize("cut", [0, 1, 32, 63])
def test_a_signature_cut_short_is_refused(cut):
    signature = signed()["headers"]["Authorization"].split("Signature=")[1]
    request = with_authorization(signed(), signature, signature[:cut])
    expected = "IncompleteSignatureException" if cut == 0 else "InvalidSignatureException"
    assert refusal(request)[0] == expected


@pytest.mark.parametrize("spelling", [str.upper, lambda s: s + "0", lambda s: "é" * 64, lambda s: "0" * 64])
def test_a_signature_spelled_otherwise_is_refused(spelling):
    signature = signed()["headers"]["Authorization"].split("Signature=")[1]
    assert refusal(with_authorization(signed(), signature, spelling(signature))) == MISMATCH


def test_a_wrong_secret_and_an_unknown_key_are_told_apart_as_amazon_does():
    assert refusal(signed(secret="wrong")) == MISMATCH
    unknown = ("UnrecognizedClientException", "The security token included in the request is invalid.")
    assert refusal(with_authorization(signed(), AKID, "AKIANOBODY")) == unknown
    assert refusal(with_authorization(signed(), AKID, "AKIDOTHER")) == MISMATCH
    with pytest.raises(sigv4.SignatureRefused) as refused:
        sigv4.verify(**signed(secret="x"), secret_of=lambda akid: "", now=NOW)
    assert refused.value.code == "UnrecognizedClientException"


def test_a_session_token_is_refused_because_none_is_ever_given_out():
    assert refusal(signed(token="session"))[0] == "UnrecognizedClientException"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer abc", "Basic YTpi", "AWS4-HMAC-SHA1 x", "AWS4-ECDSA-P256-SHA256 x"]
)
def test_a_request_without_sigv4_is_missing_its_token(header):
    request = with_header(signed(), "Authorization", header)
    assert refusal(request) == ("MissingAuthenticationTokenException", "Missing Authentication Token")
    assert sigv4.access_key_of(request["headers"].get("Authorization", "")) is None


@pytest.mark.parametrize(
    "seconds, message",
    [
        (
            -301,
            "Signature not yet current: 20250301T235830Z is still later than 20250301T235829Z "
            "(20250301T235329Z + 5 min.)",
        ),
        (-300, None),
        (0, None),
        (300, None),
        (
            301,
            "Signature expired: 20250301T235830Z is now earlier than 20250301T235831Z "
            "(20250302T000331Z - 5 min.)",
        ),
        (10**8, "Signature expired: "),
    ],
)
def test_a_signature_holds_five_minutes_to_either_side(seconds, message):
    now = NOW + timedelta(seconds=seconds)
    if message is None:
        assert verify(signed(), now) == AKID
    else:
        code, text = refusal(signed(), now)
        assert code == "InvalidSignatureException" and text.startswith(message)


def test_the_clock_may_be_given_in_any_zone():
    assert verify(signed(), NOW.astimezone(timezone(timedelta(hours=-7)))) == AKID


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("/us-east-1/", "//", "Credential should be scoped to a valid region."),
        ("/cognito-idp/", "/iam/", "Credential should be scoped to correct service: 'cognito-idp'."),
        ("aws4_request", "aws4", "Credential should be scoped with a valid terminator: 'aws4_request'."),
        ("/20250301/", "/20250228/", "Date in Credential scope does not match"),
        ("/us-east-1/", "/eu-west-1/", sigv4.MISMATCH),
    ],
)
def test_a_changed_scope_is_refused(old, new, message):
    code, text = refusal(with_authorization(signed(), old, new))
    assert code == "InvalidSignatureException" and text.startswith(message)


def test_a_signature_for_another_service_is_refused():
    message = "Credential should be scoped to correct service: 'cognito-idp'."
    assert refusal(signed(service="sts")) == ("InvalidSignatureException", message)
    assert verify(signed(service="cognito-identity"), service="cognito-identity") == AKID


def test_the_scope_must_be_of_the_day_of_the_date():
    # Inside the clock window, but over midnight.
    request = with_header(signed(), "X-Amz-Date", "20250302T000100Z")
    assert "does not match YYYYMMDD" in refusal(request)[1]


@pytest.mark.parametrize(
    "claimed", ["UNSIGNED-PAYLOAD", hashlib.sha256(b"other").hexdigest(), "", "STREAMING"]
)
def test_a_body_that_is_not_bound_by_the_signature_is_refused(claimed):
    # botocore signs whatever hash the header claims.
    assert refusal(signed(headers={"X-Amz-Content-SHA256": claimed})) == MISMATCH


def test_a_claimed_body_hash_must_be_true_even_if_the_real_one_is_signed(monkeypatch):
    claim = hashlib.sha256(b"other").hexdigest()
    honest = botocore.auth.SigV4Auth.canonical_request

    def with_the_real_hash(self, request):
        return honest(self, request).rpartition("\n")[0] + "\n" + hashlib.sha256(BODY).hexdigest()

    monkeypatch.setattr(botocore.auth.SigV4Auth, "canonical_request", with_the_real_hash)
    assert verify(signed()) == AKID
    assert refusal(signed(headers={"X-Amz-Content-SHA256": claim})) == MISMATCH


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-target"])
def test_host_and_amz_headers_must_be_signed(name):
    code, message = refusal(with_authorization(signed(), name + (";" if name != "x-amz-target" else ""), ""))
    assert code == "IncompleteSignatureException" and name in message


def test_an_amz_header_added_on_the_way_is_refused():
    assert refusal(with_header(signed(), "X-Amz-New", "1"))[0] == "IncompleteSignatureException"
    assert verify(with_header(signed(), "User-Agent", "anything")) == AKID


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "nonsense",
        "Credential=a/20250301/us-east-1/cognito-idp/aws4_request",
        "Credential=a/20250301/us-east-1/cognito-idp/aws4_request, SignedHeaders=host;x-amz-date",
        "SignedHeaders=host, Signature=00",
        "Credential=a/b/c/d/e, SignedHeaders=, Signature=00",
    ],
)
def test_a_malformed_authorization_is_incomplete(parameters):
    request = with_header(signed(), "Authorization", "AWS4-HMAC-SHA256 " + parameters)
    assert refusal(request)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "old, new",
    [
        ("Credential=", "Extra=1, Credential="),
        ("Credential=", "Credential=AKIDOTHER/20250301/us-east-1/cognito-idp/aws4_request, Credential="),
        (f"Credential={AKID}/", "Credential=/"),
        (f"Credential={AKID}/", f"Credential={AKID}/{AKID}/"),
        ("/20250301/us-east-1/cognito-idp/aws4_request", ""),
    ],
)
def test_an_authorization_with_too_much_or_too_little_is_incomplete(old, new):
    assert refusal(with_authorization(signed(), old, new))[0] == "IncompleteSignatureException"


def test_what_is_missing_is_named():
    request = with_header(signed(), "Authorization", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00")
    assert refusal(request)[1].startswith("Authorization header requires 'Credential' parameter.")


@pytest.mark.parametrize(
    "date",
    [None, "", "2025-03-01T23:58:30Z", "20251301T000000Z", "20250301T235830", "٢٠٢٥0301T235830Z"],
)
def test_a_missing_or_malformed_date_is_incomplete(date):
    assert refusal(with_header(signed(), "X-Amz-Date", date))[0] == "IncompleteSignatureException"


def test_the_access_key_is_read_without_verification():
    assert sigv4.access_key_of(signed(secret="wrong")["headers"]["Authorization"]) == AKID
    assert sigv4.access_key_of("") is None
    assert sigv4.access_key_of("AWS4-HMAC-SHA256 nonsense") is None
