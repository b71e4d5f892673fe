"""A pool's domains over the API."""

import threading

import pytest

from authservice.errors import CognitoError


@pytest.fixture
def pool_id(backend) -> str:
    return make_pool(backend)


def make_pool(backend, **settings) -> str:
    return backend.call("CreateUserPool", {"PoolName": "shop", **settings})["UserPool"]["Id"]


def test_a_prefix_belongs_to_one_pool_and_is_shown_with_it(backend, pool_id, clock):
    assert backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop-1"}) == {}
    assert backend.call("DescribeUserPool", {"UserPoolId": pool_id})["UserPool"]["Domain"] == "shop-1"
    assert backend.call("DescribeUserPoolDomain", {"Domain": "shop-1"})["DomainDescription"] == {
        "UserPoolId": pool_id, "AWSAccountId": "000000000000", "Domain": "shop-1", "Status": "ACTIVE",
        "ManagedLoginVersion": 1, "Version": clock.now.strftime("%Y%m%d%H%M%S")}
    assert backend.refusal("CreateUserPoolDomain",
                           {"UserPoolId": make_pool(backend), "Domain": "shop-1"}) == (
        "InvalidParameterException: Domain already associated with another user pool.")
    assert backend.refusal("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop-2"}) == (
        "InvalidParameterException: User pool already has a domain configured.")


def test_an_unknown_domain_has_an_empty_description(backend):
    assert backend.call("DescribeUserPoolDomain", {"Domain": "nothing"}) == {"DomainDescription": {}}


@pytest.mark.parametrize("word", ["cognito", "aws", "amazon"])
def test_reserved_words_are_no_prefix(backend, pool_id, word):
    assert backend.refusal("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": f"my-{word}-shop"}) == (
        f"InvalidParameterException: Domain cannot contain reserved word: {word}")


@pytest.mark.parametrize("prefix", ["Shop", "shop_1", "-shop", "shop-", "s" * 64])
def test_a_prefix_is_a_host_name(backend, pool_id, prefix):
    assert backend.refusal("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": prefix}).startswith(
        "InvalidParameterException: ")


def test_the_version_of_the_pages_can_be_chosen_and_changed(backend, pool_id):
    assert backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop",
                                                 "ManagedLoginVersion": 2}) == {"ManagedLoginVersion": 2}
    assert backend.call("UpdateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop",
                                                 "ManagedLoginVersion": 1}) == {"ManagedLoginVersion": 1}
    assert backend.call("DescribeUserPoolDomain",
                        {"Domain": "shop"})["DomainDescription"]["ManagedLoginVersion"] == 1
    assert backend.refusal("UpdateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "other"}) == (
        "ResourceNotFoundException: No such domain or user pool exists.")
    small = make_pool(backend, UserPoolTier="LITE")
    assert backend.refusal("CreateUserPoolDomain", {"UserPoolId": small, "Domain": "small",
                                                    "ManagedLoginVersion": 2}).startswith(
        "FeatureUnavailableInTierException")


def test_a_pool_is_deleted_after_its_domain(backend, pool_id):
    backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop"})
    assert backend.refusal("DeleteUserPool", {"UserPoolId": pool_id}) == (
        "InvalidParameterException: User pool cannot be deleted. It has a domain configured that should be "
        "deleted first.")
    wrong = "InvalidParameterException: No such domain or user pool exists."
    assert backend.refusal("DeleteUserPoolDomain",
                           {"UserPoolId": make_pool(backend), "Domain": "shop"}) == wrong
    assert backend.call("DeleteUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop"}) == {}
    assert backend.refusal("DeleteUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop"}) == wrong
    assert "Domain" not in backend.call("DescribeUserPool", {"UserPoolId": pool_id})["UserPool"]
    assert backend.call("DeleteUserPool", {"UserPoolId": pool_id}) == {}


def test_a_custom_domain_is_kept_but_never_active(backend, pool_id):
    certificate = {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1"}
    backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "shop"})
    assert backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": "intranet",
                                                 "CustomDomainConfig": certificate}) == {}
    shown = backend.call("DescribeUserPoolDomain", {"Domain": "intranet"})["DomainDescription"]
    assert shown["CustomDomainConfig"] == certificate and shown["Status"] == "CREATING"
    pool = backend.call("DescribeUserPool", {"UserPoolId": pool_id})["UserPool"]
    assert (pool["Domain"], pool["CustomDomain"]) == ("shop", "intranet")


def test_of_two_domains_asked_for_at_once_a_pool_gets_one(backend, pool_id):
    outcomes = []
    barrier = threading.Barrier(2)

    def ask(prefix: str) -> None:
        barrier.wait()
        try:
            outcomes.append(backend.call("CreateUserPoolDomain", {"UserPoolId": pool_id, "Domain": prefix}))
        except CognitoError as refusal:
            outcomes.append(refusal.message)

    threads = [threading.Thread(target=ask, args=[prefix]) for prefix in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == ["User pool already has a domain configured.", {}]
