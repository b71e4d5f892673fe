"""Resource servers over the API."""

import pytest

READ = {"ScopeName": "read", "ScopeDescription": "Read everything"}
WRITE = {"ScopeName": "write", "ScopeDescription": "Write everything"}


@pytest.fixture
def pool_id(backend) -> str:
    return backend.call("CreateUserPool", {"PoolName": "shop"})["UserPool"]["Id"]


def test_a_resource_server_is_made_shown_changed_and_deleted(backend, pool_id):
    name = {"UserPoolId": pool_id, "Identifier": "https://api.example.com"}
    made = backend.call("CreateResourceServer", {**name, "Name": "API", "Scopes": [READ]})
    assert made == {"ResourceServer": {**name, "Name": "API", "Scopes": [READ]}}
    assert backend.call("DescribeResourceServer", name) == made

    changed = backend.call("UpdateResourceServer", {**name, "Name": "New API", "Scopes": [READ, WRITE]})
    assert changed["ResourceServer"] == {**name, "Name": "New API", "Scopes": [READ, WRITE]}
    assert backend.call("UpdateResourceServer", {**name, "Name": "New API"})["ResourceServer"]["Scopes"] == []
    assert backend.call("DescribeResourceServer", name)["ResourceServer"]["Scopes"] == []

    assert backend.call("DeleteResourceServer", name) == {}
    unknown = "ResourceNotFoundException: Resource server https://api.example.com does not exist."
    for operation, further in (("DescribeResourceServer", {}), ("DeleteResourceServer", {}),
                               ("UpdateResourceServer", {"Name": "API"})):
        assert backend.refusal(operation, {**name, **further}) == unknown


def test_an_identifier_is_taken_once_in_a_pool(backend, pool_id):
    backend.call("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": "api", "Name": "API"})
    assert backend.refusal("CreateResourceServer",
                           {"UserPoolId": pool_id, "Identifier": "api", "Name": "API"}) == (
        f"InvalidParameterException: api already exists in user pool {pool_id}.")
    other = backend.call("CreateUserPool", {"PoolName": "other"})["UserPool"]["Id"]
    backend.call("CreateResourceServer", {"UserPoolId": other, "Identifier": "api", "Name": "API"})


def test_a_scope_is_named_once_and_without_a_slash(backend, pool_id):
    for scopes in ([READ, READ], [{**READ, "ScopeName": "a/b"}]):
        assert backend.refusal("CreateResourceServer", {
            "UserPoolId": pool_id, "Identifier": "api", "Name": "API", "Scopes": scopes}).startswith(
            "InvalidParameterException")


def test_a_pool_has_25_resource_servers_at_most_and_lists_them_page_by_page(backend, pool_id):
    for number in range(25):
        backend.call("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": f"api-{number:02}",
                                              "Name": "API"})
    assert backend.refusal("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": "more",
                                                    "Name": "API"}).startswith("LimitExceededException")
    first = backend.call("ListResourceServers", {"UserPoolId": pool_id, "MaxResults": 20})
    second = backend.call("ListResourceServers", {"UserPoolId": pool_id, "MaxResults": 20,
                                                  "NextToken": first["NextToken"]})
    identifiers = [server["Identifier"] for server in first["ResourceServers"] + second["ResourceServers"]]
    assert identifiers == [f"api-{number:02}" for number in range(25)] and "NextToken" not in second
    assert len(backend.call("ListResourceServers", {"UserPoolId": pool_id})["ResourceServers"]) == 25
