"""User pools: made, shown, listed, updated, deleted; their custom attributes and MFA configuration.

Owns a pool's life. What its settings may be is accounts/pool_settings.py's, its
attributes accounts/schema.py's.
"""

import logging

from sqlalchemy import func, select

from authservice.errors import CognitoError, invalid_parameter
from authservice.local import pagination
from authservice.local.accounts import directory, pool_settings, schema
from authservice.local.call import Call, operation
from authservice.local.models import Domain, Pool, User
from authservice.local.tokens import keys

log = logging.getLogger(__name__)

ALPHANUMERICS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MOST_POOLS = 1000


def new_pool(call: Call, request: dict, pool_id: str | None = None) -> Pool:
    """Add a pool with its two signing keys; the id is made up unless it is pinned.

    `request` has CreateUserPool's members. Shared by that operation and the seed.
    """
    settings = pool_settings.complete(request)
    attributes = schema.of_new_pool(request.get("Schema", []))
    for entry in attributes:
        if entry["Name"] == "preferred_username" and entry["Required"] and (
                "preferred_username" in settings.get("AliasAttributes", [])):
            raise invalid_parameter("preferred_username cannot be required when it is an alias attribute.")
    pool = Pool(id=pool_id or f"{call.settings.region}_{call.pick(ALPHANUMERICS, 9)}",
                name=request["PoolName"], settings=settings, schema=attributes,
                mfa=pool_settings.mfa_by_pool_settings(request, settings),
                # Not always 1: after a pool was deleted and made again under its pinned id, a worker that
                # remembers the old keys must not take them for the new ones.
                key_generation=int.from_bytes(call.random(3)), created_at=call.now, modified_at=call.now)
    call.db.add(pool)
    call.about["pool"] = pool.id
    keys.create(call, pool)
    _tell_what_is_idle(pool)
    return pool


def _tell_what_is_idle(pool: Pool) -> None:
    idle = pool_settings.without_effect(pool.settings, pool.mfa)
    if idle:
        log.warning("user pool %s: kept without effect, not built yet: %s", pool.id, ", ".join(idle))


@operation("CreateUserPool")
def create_user_pool(call: Call, request: dict) -> dict:
    """Source: API_CreateUserPool."""
    if call.db.scalar(select(func.count()).select_from(Pool)) >= MOST_POOLS:
        raise CognitoError("LimitExceededException", f"The account already has {MOST_POOLS} user pools.")
    return {"UserPool": _shown(call, new_pool(call, request), users=0, domains=[])}


@operation("DescribeUserPool")
def describe_user_pool(call: Call, request: dict) -> dict:
    """Source: API_DescribeUserPool."""
    pool = directory.pool(call, request["UserPoolId"])
    users = call.db.scalar(select(func.count()).select_from(User).where(User.pool_id == pool.id))
    return {"UserPool": _shown(call, pool, users, pool.domains)}


def _shown(call: Call, pool: Pool, users: int, domains: list[Domain]) -> dict:
    """A UserPoolType: the settings, and what is computed."""
    names = {"CustomDomain" if "CustomDomainConfig" in domain.settings else "Domain": domain.domain
             for domain in domains}
    return {"Id": pool.id, "Name": pool.name, **pool.settings, "LastModifiedDate": pool.modified_at,
            "CreationDate": pool.created_at, "SchemaAttributes": pool.schema,
            "MfaConfiguration": pool.mfa_configuration, "EstimatedNumberOfUsers": users, **names,
            "Arn": arn(call, pool.id)}


def arn(call: Call, pool_id: str) -> str:
    region = pool_id.rpartition("_")[0]
    return f"arn:aws:cognito-idp:{region}:{call.settings.account_id}:userpool/{pool_id}"


@operation("ListUserPools", reads="replica")
def list_user_pools(call: Call, request: dict) -> dict:
    """Source: API_ListUserPools."""
    pools, token = pagination.page(call, select(Pool), [Pool.created_at, Pool.id], listing=("ListUserPools",),
                                   size=request["MaxResults"], token=request.get("NextToken"))
    return {"UserPools": [{"Id": pool.id, "Name": pool.name, "LambdaConfig": pool.settings["LambdaConfig"],
                           "LastModifiedDate": pool.modified_at, "CreationDate": pool.created_at}
                          for pool in pools], **pagination.member(token)}


@operation("UpdateUserPool")
def update_user_pool(call: Call, request: dict) -> dict:
    """Replace a pool's settings: members left out go back to their defaults (the name and the tier stay).

    Source: API_UpdateUserPool.
    """
    pool = directory.pool(call, request["UserPoolId"])
    settings = pool_settings.complete(request, before=pool)
    mfa = pool_settings.mfa_by_pool_settings(request, settings, before=pool)
    change(call, pool, name=request.get("PoolName", pool.name), settings=settings, mfa=mfa)
    pool.modified_at = call.now
    return {}


def change(call: Call, pool: Pool, **columns) -> bool:
    """Set columns of a pool; answers whether that changed anything."""
    changed = {column: value for column, value in columns.items() if getattr(pool, column) != value}
    for column, value in changed.items():
        setattr(pool, column, value)
    if changed:
        pool.modified_at = call.now
        _tell_what_is_idle(pool)
    return bool(changed)


@operation("DeleteUserPool")
def delete_user_pool(call: Call, request: dict) -> dict:
    """Delete a pool with everything in it, unless it is protected or still has a domain.

    Source: API_DeleteUserPool.
    """
    pool = directory.pool(call, request["UserPoolId"])
    if pool.settings["DeletionProtection"] == "ACTIVE":
        raise invalid_parameter("The user pool cannot be deleted because deletion protection is activated. "
                                "Deletion protection must be inactivated first.")
    if call.db.scalars(select(Domain).where(Domain.pool_id == pool.id)).first():
        raise invalid_parameter("User pool cannot be deleted. It has a domain configured that should be "
                                "deleted first.")
    # The pool's users, clients, groups, keys and messages go with it by the foreign keys.
    call.db.delete(pool)
    call.may_take_long()
    return {}


@operation("AddCustomAttributes")
def add_custom_attributes(call: Call, request: dict) -> dict:
    """Add attributes to a pool's schema, for good. Source: API_AddCustomAttributes."""
    pool = directory.pool(call, request["UserPoolId"])
    pool.schema = schema.with_custom(pool.schema, request["CustomAttributes"])
    pool.modified_at = call.now
    return {}


@operation("GetUserPoolMfaConfig")
def get_user_pool_mfa_config(call: Call, request: dict) -> dict:
    """Source: API_GetUserPoolMfaConfig."""
    return dict(directory.pool(call, request["UserPoolId"]).mfa)


@operation("SetUserPoolMfaConfig")
def set_user_pool_mfa_config(call: Call, request: dict) -> dict:
    """Switch MFA off, on or to optional, and choose its factors; answers the configuration that results.

    Source: API_SetUserPoolMfaConfig.
    """
    pool = directory.pool(call, request["UserPoolId"])
    set_mfa(call, pool, request)
    return dict(pool.mfa)


def set_mfa(call: Call, pool: Pool, request: dict) -> None:
    """Give a pool the MFA configuration that SetUserPoolMfaConfig's members say."""
    mfa = pool_settings.mfa_by_request(request, pool.settings, pool.mfa)
    change(call, pool, mfa=mfa, settings=pool_settings.with_sms_factor(pool.settings, mfa))
