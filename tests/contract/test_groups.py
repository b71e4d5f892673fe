"""Groups over the API: the group itself, and who is in it."""

import pytest

from authservice.contract import OPERATOR
from authservice.errors import CognitoError

NOT_FOUND = "ResourceNotFoundException: Group not found."


@pytest.fixture
def pool_id(backend) -> str:
    return backend.call("CreateUserPool", {"PoolName": "shop"})["UserPool"]["Id"]


def make_user(backend, pool_id: str, username: str) -> str:
    backend.call("AdminCreateUser", {"UserPoolId": pool_id, "Username": username, "MessageAction": "SUPPRESS",
                                     "UserAttributes": [{"Name": "email",
                                                         "Value": f"{username}@example.com"}]})
    return username


def make_group(backend, pool_id: str, name: str, **members) -> dict:
    return backend.call("CreateGroup", {"UserPoolId": pool_id, "GroupName": name, **members})["Group"]


def test_a_group_shows_only_what_it_was_given(backend, pool_id, clock):
    assert make_group(backend, pool_id, "staff") == {
        "GroupName": "staff", "UserPoolId": pool_id, "CreationDate": clock.now, "LastModifiedDate": clock.now}
    given = {"Description": "Who may write", "RoleArn": "arn:aws:iam::000000000000:role/writer",
             "Precedence": 0}
    group = make_group(backend, pool_id, "écrivains", **given)
    assert {name: group[name] for name in given} == given
    assert backend.call("GetGroup", {"UserPoolId": pool_id, "GroupName": "écrivains"}) == {"Group": group}


def test_a_name_is_taken_once_in_a_pool(backend, pool_id):
    make_group(backend, pool_id, "staff")
    assert backend.refusal("CreateGroup", {"UserPoolId": pool_id, "GroupName": "staff"}) == (
        "GroupExistsException: A group with the name already exists")


def test_an_update_changes_what_it_names_and_keeps_the_rest(backend, pool_id, clock):
    group = make_group(backend, pool_id, "staff", Description="old", Precedence=5)
    clock.advance(minutes=1)
    changed = backend.call("UpdateGroup", {"UserPoolId": pool_id, "GroupName": "staff",
                                           "Description": "new"})["Group"]
    assert changed == {**group, "Description": "new", "LastModifiedDate": clock.now}
    assert backend.call("GetGroup", {"UserPoolId": pool_id, "GroupName": "staff"})["Group"] == changed


def test_an_unknown_group_is_not_found(backend, pool_id):
    user = make_user(backend, pool_id, "user-1")
    name = {"UserPoolId": pool_id, "GroupName": "nobody"}
    for operation in ("GetGroup", "UpdateGroup", "DeleteGroup", "ListUsersInGroup"):
        assert backend.refusal(operation, name) == NOT_FOUND
    for operation in ("AdminAddUserToGroup", "AdminRemoveUserFromGroup"):
        assert backend.refusal(operation, {**name, "Username": user}) == NOT_FOUND


def test_a_user_is_put_into_a_group_and_taken_out_any_number_of_times(backend, pool_id):
    make_group(backend, pool_id, "staff")
    user = make_user(backend, pool_id, "user-1")
    membership = {"UserPoolId": pool_id, "GroupName": "staff", "Username": user}
    for _ in range(2):
        assert backend.call("AdminAddUserToGroup", membership) == {}
    groups = backend.call("AdminListGroupsForUser", {"UserPoolId": pool_id, "Username": user})["Groups"]
    assert [group["GroupName"] for group in groups] == ["staff"]
    (member,) = backend.call("ListUsersInGroup", {"UserPoolId": pool_id, "GroupName": "staff"})["Users"]
    assert member["Username"] == user and member["Enabled"]
    assert member["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert {"Name": "email", "Value": "user-1@example.com"} in member["Attributes"]
    for _ in range(2):
        assert backend.call("AdminRemoveUserFromGroup", membership) == {}
    assert backend.call("AdminListGroupsForUser", {"UserPoolId": pool_id, "Username": user})["Groups"] == []
    assert backend.call("ListUsersInGroup", {"UserPoolId": pool_id, "GroupName": "staff"})["Users"] == []


def test_an_unknown_user_is_not_found(backend, pool_id):
    make_group(backend, pool_id, "staff")
    name = {"UserPoolId": pool_id, "GroupName": "staff", "Username": "nobody"}
    for operation in ("AdminAddUserToGroup", "AdminRemoveUserFromGroup"):
        assert backend.refusal(operation, name) == "UserNotFoundException: User does not exist."
    assert backend.refusal("AdminListGroupsForUser", {"UserPoolId": pool_id, "Username": "nobody"}) == (
        "UserNotFoundException: User does not exist.")


def test_a_group_with_members_can_be_deleted_and_they_stay_users(backend, pool_id):
    make_group(backend, pool_id, "staff")
    user = make_user(backend, pool_id, "user-1")
    backend.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "GroupName": "staff", "Username": user})
    assert backend.call("DeleteGroup", {"UserPoolId": pool_id, "GroupName": "staff"}) == {}
    assert backend.refusal("GetGroup", {"UserPoolId": pool_id, "GroupName": "staff"}) == NOT_FOUND
    assert backend.call("AdminListGroupsForUser", {"UserPoolId": pool_id, "Username": user})["Groups"] == []
    # A new group of that name starts empty.
    make_group(backend, pool_id, "staff")
    assert backend.call("ListUsersInGroup", {"UserPoolId": pool_id, "GroupName": "staff"})["Users"] == []


def test_a_deleted_user_leaves_his_groups(backend, pool_id):
    make_group(backend, pool_id, "staff")
    user = make_user(backend, pool_id, "user-1")
    backend.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "GroupName": "staff", "Username": user})
    backend.call("AdminDeleteUser", {"UserPoolId": pool_id, "Username": user})
    assert backend.call("ListUsersInGroup", {"UserPoolId": pool_id, "GroupName": "staff"})["Users"] == []


def test_groups_and_members_are_listed_page_by_page(backend, pool_id):
    for number in range(3):
        make_group(backend, pool_id, f"group-{number}")
        user = make_user(backend, pool_id, f"user-{number}")
        backend.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "GroupName": "group-0", "Username": user})
        backend.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "GroupName": f"group-{number}",
                                             "Username": "user-0"})
    for operation, member, key, names in (
            ("ListGroups", "Groups", "GroupName", {}),
            ("AdminListGroupsForUser", "Groups", "GroupName", {"Username": "user-0"}),
            ("ListUsersInGroup", "Users", "Username", {"GroupName": "group-0"})):
        request = {"UserPoolId": pool_id, "Limit": 2, **names}
        first = backend.call(operation, request)
        second = backend.call(operation, {**request, "NextToken": first["NextToken"]})
        assert len(first[member]) == 2 and "NextToken" not in second
        found = sorted(item[key] for item in first[member] + second[member])
        kind = "user" if member == "Users" else "group"
        assert found == [f"{kind}-0", f"{kind}-1", f"{kind}-2"]


def test_a_row_that_goes_between_two_pages_shifts_nothing(backend, pool_id):
    for name in "abcd":
        make_group(backend, pool_id, name)
    token = backend.call("ListGroups", {"UserPoolId": pool_id, "Limit": 2})["NextToken"]
    backend.call("DeleteGroup", {"UserPoolId": pool_id, "GroupName": "a"})
    rest = backend.call("ListGroups", {"UserPoolId": pool_id, "Limit": 2, "NextToken": token})["Groups"]
    assert [group["GroupName"] for group in rest] == ["c", "d"]


def test_a_user_is_in_100_groups_at_most(held):
    pool_id = held.call("CreateUserPool", {"PoolName": "shop"})["UserPool"]["Id"]
    user = make_user(held, pool_id, "user-1")
    for number in range(101):
        make_group(held, pool_id, f"group-{number}")
    for number in range(100):
        held.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "GroupName": f"group-{number}",
                                          "Username": user})
    # The model lists no LimitExceededException for this operation; the guide's quota has it.
    with pytest.raises(CognitoError) as refused:
        held.inner.call("AdminAddUserToGroup",
                        {"UserPoolId": pool_id, "GroupName": "group-100", "Username": user},
                        OPERATOR)
    assert refused.value.code == "LimitExceededException"
