"""Groups of users: made, shown, updated, deleted; who is in them."""

from sqlalchemy import delete, func, select

from authservice.errors import CognitoError, group_not_found
from authservice.local import pagination
from authservice.local.accounts import directory, profile
from authservice.local.call import Call, operation
from authservice.local.models import Group, Membership, Pool, User

MOST_GROUPS = 10_000
MOST_GROUPS_OF_A_USER = 100
COLUMNS = {"Description": "description", "RoleArn": "role_arn", "Precedence": "precedence"}


def new_group(call: Call, pool: Pool, request: dict) -> Group:
    """A group from CreateGroup's members; shared by that operation and the seed."""
    group = Group(pool_id=pool.id, name=request["GroupName"], created_at=call.now, modified_at=call.now)
    update(call, group, request)
    return group


def update(call: Call, group: Group, request: dict) -> bool:
    """Set what UpdateGroup names and leave the rest; answers whether that changed anything."""
    changes = {column: request[member] for member, column in COLUMNS.items()
               if member in request and request[member] != getattr(group, column)}
    for column, value in changes.items():
        setattr(group, column, value)
        group.modified_at = call.now
    return bool(changes)


@operation("CreateGroup")
def create_group(call: Call, request: dict) -> dict:
    """Source: API_CreateGroup."""
    pool = directory.pool(call, request["UserPoolId"])
    if call.db.get(Group, (pool.id, request["GroupName"])):
        raise CognitoError("GroupExistsException", "A group with the name already exists")
    if call.db.scalar(select(func.count()).select_from(Group).where(Group.pool_id == pool.id)) >= MOST_GROUPS:
        raise CognitoError("LimitExceededException", f"The user pool already has {MOST_GROUPS} groups.")
    group = new_group(call, pool, request)
    call.db.add(group)
    return {"Group": _shown(group)}


def _shown(group: Group) -> dict:
    given = {member: getattr(group, column) for member, column in COLUMNS.items()
             if getattr(group, column) is not None}
    return {"GroupName": group.name, "UserPoolId": group.pool_id, **given,
            "LastModifiedDate": group.modified_at, "CreationDate": group.created_at}


@operation("GetGroup")
def get_group(call: Call, request: dict) -> dict:
    """Source: API_GetGroup."""
    return {"Group": _shown(directory.group(call, request["UserPoolId"], request["GroupName"]))}


@operation("UpdateGroup")
def update_group(call: Call, request: dict) -> dict:
    """Change what is named of precedence, role and description. Source: API_UpdateGroup."""
    group = directory.group(call, request["UserPoolId"], request["GroupName"])
    update(call, group, request)
    group.modified_at = call.now
    return {"Group": _shown(group)}


@operation("DeleteGroup")
def delete_group(call: Call, request: dict) -> dict:
    """Delete a group; its members stay users. Source: API_DeleteGroup."""
    group = directory.group(call, request["UserPoolId"], request["GroupName"])
    call.claim(delete(Group).where(Group.pool_id == group.pool_id, Group.name == group.name), group_not_found)
    return {}


@operation("ListGroups", reads="replica")
def list_groups(call: Call, request: dict) -> dict:
    """Source: API_ListGroups."""
    pool = directory.pool(call, request["UserPoolId"])
    return _page_of_groups(call, request, select(Group).where(Group.pool_id == pool.id),
                           ("ListGroups", pool.id))


@operation("AdminListGroupsForUser", reads="replica")
def admin_list_groups_for_user(call: Call, request: dict) -> dict:
    """Source: API_AdminListGroupsForUser."""
    user = directory.user(call, request["UserPoolId"], request["Username"])
    groups = (select(Group)
              .join(Membership, (Membership.pool_id == Group.pool_id) & (Membership.group_name == Group.name))
              .where(Membership.user_id == user.id))
    return _page_of_groups(call, request, groups, ("AdminListGroupsForUser", user.id))


def _page_of_groups(call: Call, request: dict, query, listing: tuple[str, ...]) -> dict:
    groups, token = pagination.page(call, query, [Group.name], listing=listing, size=request.get("Limit"),
                                    token=request.get("NextToken"))
    return {"Groups": [_shown(group) for group in groups], **pagination.member(token)}


@operation("ListUsersInGroup", reads="replica")
def list_users_in_group(call: Call, request: dict) -> dict:
    """Source: API_ListUsersInGroup."""
    group = directory.group(call, request["UserPoolId"], request["GroupName"])
    # Paged by membership and not by age, so that a page of a large group costs no more than one of a small.
    query = select(Membership).where(Membership.pool_id == group.pool_id, Membership.group_name == group.name)
    members, token = pagination.page(call, query, [Membership.user_id],
                                     listing=("ListUsersInGroup", group.pool_id, group.name),
                                     size=request.get("Limit"), token=request.get("NextToken"))
    users = call.db.scalars(select(User).where(User.id.in_([member.user_id for member in members]))
                            .order_by(User.id))
    return {"Users": [profile.listed(user) for user in users], **pagination.member(token)}


@operation("AdminAddUserToGroup")
def admin_add_user_to_group(call: Call, request: dict) -> dict:
    """Put a user into a group, if he is not in it yet; tokens issued from now on say so.

    Source: API_AdminAddUserToGroup.
    """
    user = directory.user(call, request["UserPoolId"], request["Username"])
    group = directory.group(call, request["UserPoolId"], request["GroupName"])
    if call.db.get(Membership, (user.id, group.pool_id, group.name)):
        return {}
    groups = select(func.count()).select_from(Membership).where(Membership.user_id == user.id)
    if call.db.scalar(groups) >= MOST_GROUPS_OF_A_USER:
        raise CognitoError("LimitExceededException",
                           f"The user is already in {MOST_GROUPS_OF_A_USER} groups.")
    call.db.add(Membership(user_id=user.id, pool_id=group.pool_id, group_name=group.name))
    return {}


@operation("AdminRemoveUserFromGroup")
def admin_remove_user_from_group(call: Call, request: dict) -> dict:
    """Take a user out of a group, if he is in it. Source: API_AdminRemoveUserFromGroup."""
    user = directory.user(call, request["UserPoolId"], request["Username"])
    group = directory.group(call, request["UserPoolId"], request["GroupName"])
    if call.db.get(Membership, (user.id, group.pool_id, group.name)):
        call.also(delete(Membership).where(Membership.user_id == user.id, Membership.pool_id == group.pool_id,
                                           Membership.group_name == group.name))
    return {}
