"""Tags of a user pool, the one taggable resource of this API; they are its UserPoolTags."""

from authservice.errors import not_found
from authservice.local.accounts import pool_settings
from authservice.local.call import Call, operation
from authservice.local.models import Pool
from authservice.local.operations import pools


def _tagged(call: Call, request: dict) -> Pool:
    """The pool that an ARN names. Refuses one of another account, region, service or kind of resource."""
    arn = request["ResourceArn"]
    pool_id = arn.rpartition("/")[2]
    pool = call.db.get(Pool, pool_id)
    if pool is None or pools.arn(call, pool_id) != arn:
        raise not_found(f"User pool {pool_id} does not exist.")
    return pool


@operation("TagResource")
def tag_resource(call: Call, request: dict) -> dict:
    """Add tags; one of a key that is there replaces its value. Source: API_TagResource."""
    pool = _tagged(call, request)
    tags = {**pool.settings.get("UserPoolTags", {}), **request["Tags"]}
    pool_settings.check_tags(tags)
    pool.settings["UserPoolTags"] = tags
    return {}


@operation("UntagResource")
def untag_resource(call: Call, request: dict) -> dict:
    """Remove tags by their keys; unknown ones are ignored. Source: API_UntagResource."""
    pool = _tagged(call, request)
    tags = pool.settings.get("UserPoolTags", {}).items()
    pool.settings["UserPoolTags"] = {key: value for key, value in tags if key not in request["TagKeys"]}
    return {}


@operation("ListTagsForResource")
def list_tags_for_resource(call: Call, request: dict) -> dict:
    """Source: API_ListTagsForResource."""
    return {"Tags": dict(_tagged(call, request).settings.get("UserPoolTags", {}))}
