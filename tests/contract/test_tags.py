"""Tags of a user pool over the API."""

import pytest


@pytest.fixture
def arn(backend) -> str:
    return backend.call("CreateUserPool", {"PoolName": "shop",
                                           "UserPoolTags": {"stage": "test"}})["UserPool"]["Arn"]


def tags(backend, arn: str) -> dict:
    return backend.call("ListTagsForResource", {"ResourceArn": arn})["Tags"]


def test_tags_are_added_replaced_and_removed(backend, arn):
    assert tags(backend, arn) == {"stage": "test"}
    assert backend.call("TagResource", {"ResourceArn": arn, "Tags": {"stage": "live", "team": "a"}}) == {}
    assert tags(backend, arn) == {"stage": "live", "team": "a"}
    assert backend.call("UntagResource", {"ResourceArn": arn, "TagKeys": ["stage", "unknown"]}) == {}
    assert tags(backend, arn) == {"team": "a"}
    pool_id = arn.rpartition("/")[2]
    pool = backend.call("DescribeUserPool", {"UserPoolId": pool_id})["UserPool"]
    assert pool["UserPoolTags"] == {"team": "a"}


def test_an_update_of_the_pool_replaces_all_tags(backend, arn):
    backend.call("UpdateUserPool", {"UserPoolId": arn.rpartition("/")[2], "UserPoolTags": {"new": "1"}})
    assert tags(backend, arn) == {"new": "1"}


def test_a_pool_has_50_tags_at_most(backend, arn):
    backend.call("TagResource", {"ResourceArn": arn, "Tags": {f"key-{n}": "" for n in range(49)}})
    assert backend.refusal("TagResource", {"ResourceArn": arn, "Tags": {"more": ""}}).startswith(
        "InvalidParameterException")
    assert "more" not in tags(backend, arn)
    assert backend.refusal("CreateUserPool", {"PoolName": "shop", "UserPoolTags": {
        f"key-{n}": "" for n in range(51)}}).startswith("UserPoolTaggingException")


def test_only_a_pool_that_is_there_has_tags(backend, arn):
    for other in (arn[:-3] + "000", arn.replace("000000000000", "111111111111"),
                  arn.replace("cognito-idp", "s3")):
        assert backend.refusal("TagResource", {"ResourceArn": other, "Tags": {"a": "b"}}).startswith(
            "ResourceNotFoundException")
        assert backend.refusal("ListTagsForResource",
                               {"ResourceArn": other}).startswith("ResourceNotFoundException")
