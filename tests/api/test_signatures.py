"""With access keys set, admin calls are signed by SigV4; boto3 is the client that signs."""

from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import make_settings

KEYS = "AKIDEXAMPLE:secret-one,AKIDOTHER:secret:with:colons"


@pytest.fixture
def settings(settings):
    """The door with access keys."""
    return make_settings(settings.instance, access_keys=KEYS)


@pytest.fixture(autouse=True)
def the_clock_agrees_with_boto3(clock):
    """boto3 signs with the machine's time."""
    clock.now = datetime.now(timezone.utc)


def aws(url: str, key: str = "AKIDEXAMPLE", secret: str = "secret-one", **more):
    return boto3.client("cognito-idp", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, **more,
                        config=Config(retries={"total_max_attempts": 1}))


def refusal(ask, *args, **given) -> str:
    with pytest.raises(ClientError) as caught:
        ask(*args, **given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize("key, secret", [("AKIDEXAMPLE", "secret-one"), ("AKIDOTHER", "secret:with:colons")])
def test_a_request_signed_with_an_access_key_is_answered(served, key, secret):
    client = aws(served, key, secret)
    pool = client.create_user_pool(PoolName="signed")["UserPool"]
    assert client.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["Name"] == "signed"


def test_text_of_any_script_can_be_signed(served):
    client = aws(served)
    pool = client.create_user_pool(PoolName="signed")["UserPool"]["Id"]
    client.create_group(UserPoolId=pool, GroupName="\u4e16\u754c", Description="\u00e9 \U0001f600")
    group = client.get_group(UserPoolId=pool, GroupName="\u4e16\u754c")["Group"]
    assert group["Description"] == "\u00e9 \U0001f600"


def test_any_region_may_be_named(served):
    client = boto3.client("cognito-idp", endpoint_url=served, region_name="eu-west-3",
                          aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret-one")
    assert client.list_user_pools(MaxResults=1)["UserPools"] == []


@pytest.mark.parametrize("key, secret, expected", [
    ("AKIDEXAMPLE", "secret-two", "InvalidSignatureException"),
    ("AKIDEXAMPLE", "secret:with:colons", "InvalidSignatureException"),
    ("AKIDUNKNOWN", "secret-one", "UnrecognizedClientException"),
    ("akidexample", "secret-one", "UnrecognizedClientException"),
])
def test_a_wrong_secret_or_an_unknown_key_is_refused(served, key, secret, expected):
    assert refusal(aws(served, key, secret).list_user_pools, MaxResults=1) == expected


def test_an_unsigned_request_is_refused(served):
    from botocore import UNSIGNED
    client = boto3.client("cognito-idp", endpoint_url=served, region_name="us-east-1",
                          config=Config(signature_version=UNSIGNED))
    assert refusal(client.list_user_pools, MaxResults=1) == "MissingAuthenticationTokenException"


def test_public_operations_need_no_signature_here_either(served):
    client = aws(served, "AKIDUNKNOWN", "anything")
    assert refusal(client.get_user, AccessToken="x") == "NotAuthorizedException"


def test_a_session_token_is_refused(served):
    client = aws(served, aws_session_token="x")
    assert refusal(client.list_user_pools, MaxResults=1) == "UnrecognizedClientException"


@pytest.mark.parametrize("minutes, accepted", [(-4, True), (4, True), (-6, False), (6, False), (-999, False)])
def test_a_signature_lives_five_minutes_either_way(served, clock, minutes, accepted):
    clock.advance(minutes=minutes)
    if accepted:
        assert aws(served).list_user_pools(MaxResults=1)["UserPools"] == []
    else:
        assert refusal(aws(served).list_user_pools, MaxResults=1) == "InvalidSignatureException"


def altered(served, change):
    """A boto3 client whose requests are changed after they were signed."""
    client = aws(served)
    client.meta.events.register("before-send.cognito-idp", lambda request, **_: change(request))
    return client


def body(request):
    request.body = request.body.replace(b'"MaxResults": 1', b'"MaxResults": 2')


def target(request):
    request.headers["X-Amz-Target"] = "AWSCognitoIdentityProviderService.CreateUserPool"
    request.body = b'{"PoolName": "stolen"}'
    request.headers["Content-Length"] = str(len(request.body))


def date(request):
    later = datetime.now(timezone.utc) + timedelta(minutes=1)
    request.headers["X-Amz-Date"] = later.strftime("%Y%m%dT%H%M%SZ")


def signature(request):
    header = request.headers["Authorization"].decode()
    request.headers["Authorization"] = header[:-1] + ("0" if header[-1] != "0" else "1")


def access_key(request):
    header = request.headers["Authorization"].decode()
    request.headers["Authorization"] = header.replace("AKIDEXAMPLE", "AKIDOTHER")


def service_name(request):
    header = request.headers["Authorization"].decode()
    request.headers["Authorization"] = header.replace("/cognito-idp/", "/sts/")


def query(request):
    request.url += "?Action=Other"


@pytest.mark.parametrize("change", [body, target, date, signature, access_key, service_name, query])
def test_a_request_changed_after_signing_is_refused(served, change):
    assert refusal(altered(served, change).list_user_pools, MaxResults=1) == "InvalidSignatureException"


def test_an_unsigned_target_is_refused(served):
    """Whoever can replay a request must not choose another operation for it."""
    def unsign(request):
        header = request.headers["Authorization"].decode()
        request.headers["Authorization"] = header.replace(";x-amz-target", "")

    assert refusal(altered(served, unsign).list_user_pools, MaxResults=1) == "IncompleteSignatureException"


def test_with_access_keys_another_machines_page_may_administer_when_it_signs(served):
    def from_elsewhere(request):
        request.headers["Origin"] = "https://console.example.com"

    assert altered(served, from_elsewhere).list_user_pools(MaxResults=1)["UserPools"] == []
