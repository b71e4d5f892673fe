"""Cognito's request rates, where they are turned on: an unmodified client waits and comes through."""

import boto3
import pytest
from botocore.config import Config
from botocore.retries.standard import ExponentialBackoff

from authservice.contract import HOSTED, OPERATOR, Caller, service
from authservice.errors import CognitoError
from authservice.local.backend import LocalBackend
from authservice.local.quotas import CATEGORIES, PER_SECOND
from tests.conftest import make_settings

UNKNOWN = {"UserPoolId": "us-east-1_Nowhere01"}
APP = Caller("iam", "AKIDEXAMPLE")


@pytest.fixture(params=["memory", "redis"])
def local(request, tmp_path, settings, clock):
    redis = request.param == "redis"
    given = {"counters_url": request.getfixturevalue("redis_server").url} if redis else {}
    backend = LocalBackend(make_settings(tmp_path, quotas="cognito", **given), clock)
    yield backend
    backend.close()


def refusals(local, operation: str, times: int, caller=APP) -> list[str]:
    """How so many requests are refused, sent at a stretch."""
    codes = []
    for _ in range(times):
        with pytest.raises(CognitoError) as refusal:
            local.call(operation, UNKNOWN, caller)
        codes.append(refusal.value.code)
    return codes


def test_a_category_bears_its_rate_and_no_more_and_no_other_is_touched(local):
    codes = refusals(local, "DescribeUserPool", 17)
    assert codes == ["ResourceNotFoundException"] * 15 + ["TooManyRequestsException"] * 2
    assert refusals(local, "ListGroups", 1) == ["ResourceNotFoundException"]


@pytest.mark.parametrize("caller", [HOSTED, OPERATOR])
def test_our_pages_and_the_shell_are_no_app(local, caller):
    assert set(refusals(local, "DescribeUserPool", 17, caller)) == {"ResourceNotFoundException"}


def test_boto3_waits_and_comes_through(local, served, monkeypatch):
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.3)  # as botocore would, but for its dice
    client = boto3.client("cognito-idp", endpoint_url=served, region_name="us-east-1", aws_access_key_id="local",
                          aws_secret_access_key="local", config=Config(retries={"mode": "standard", "max_attempts": 8}))
    answers = [client.list_user_pools(MaxResults=1)["ResponseMetadata"] for _ in range(20)]
    assert sum(answer["RetryAttempts"] for answer in answers) > 0


def test_without_the_setting_nobody_counts(settings, clock):
    backend = LocalBackend(settings, clock)
    assert set(refusals(backend, "DescribeUserPool", 30)) == {"ResourceNotFoundException"}
    backend.close()


def test_a_redis_that_is_away_refuses_nothing(tmp_path, settings, clock):
    backend = LocalBackend(make_settings(tmp_path, quotas="cognito", counters_url="redis://127.0.0.1:1/0"), clock)
    with pytest.raises(CognitoError, match="does not exist"):
        backend.call("DescribeUserPool", UNKNOWN, APP)
    backend.close()


def test_the_categories_name_operations_of_the_model():
    named = [operation for _, operations in PER_SECOND.values() for operation in operations.split()]
    assert len(named) == len(CATEGORIES) and set(named) <= service().operations
