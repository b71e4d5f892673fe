"""ListUsers: the filter grammar and the query behind it.

Owns what may be searched and how. Does not own paging (pagination.py).
Source: API_ListUsers; Developer Guide, "Managing and searching for user accounts".
"""

import re

from sqlalchemy import Select, select

from authservice.errors import CognitoError, invalid_parameter
from authservice.local.accounts import directory, profile
from authservice.local.call import Call
from authservice.local.models import Name, Pool, User
from authservice.local.pagination import member, page

TERM = re.compile(r"""\s*("?)(?P<attribute>[\w:.-]+)\1\s*(?P<operator>\^?=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*""")


def users(call: Call, pool: Pool, request: dict) -> dict:
    """A page of users, oldest first, as ListUsers answers it."""
    names = set(request["AttributesToGet"]) if "AttributesToGet" in request else None
    if names and not names <= profile.schema_of(pool).keys():
        raise invalid_parameter("One or more requested attributes do not exist in user pool.")
    query = filtered(select(User).where(User.pool_id == pool.id), pool, request.get("Filter", ""))
    rows, token = page(call, query, (User.created_at, User.id), size=request.get("Limit"),
                       token=request.get("PaginationToken"),
                       listing=("ListUsers", pool.id, request.get("Filter", "")))
    return {"Users": [profile.listed(user, names) for user in rows], **member(token, "PaginationToken")}


def filtered(query: Select, pool: Pool, text: str) -> Select:
    """Narrow a query of users by a filter, `attribute = "value"` or `attribute ^= "prefix"`."""
    if not text.strip():
        return query
    term = TERM.fullmatch(text)
    if term is None:
        raise invalid_parameter("Error while parsing filter")
    attribute, prefix = term["attribute"], term["operator"] == "^="
    value = re.sub(r"\\(.)", r"\1", term["value"])
    if attribute in ("username", *directory.SEARCHABLE):
        key = directory.name_key(pool, value)
        matches = Name.key.startswith(key, autoescape=True) if prefix else Name.key == key
        return query.join(Name, Name.user_id == User.id).where(Name.pool_id == pool.id,
                                                               Name.attribute == attribute, matches)
    if attribute == "sub":
        return query.where(User.id.startswith(value, autoescape=True) if prefix else User.id == value)
    if attribute == "cognito:user_status":
        status = value.upper()
        return query.where(User.status.startswith(status, autoescape=True) if prefix else User.status == status)
    if attribute == "status":
        return query.where(User.enabled.in_(_enabled(value, prefix)))
    raise _not_searchable(attribute)


def _enabled(value: str, prefix: bool) -> list[bool]:
    states = {"Enabled": True, "Disabled": False}
    return [state for name, state in states.items() if (name.startswith(value) if prefix else name == value)]


def _not_searchable(attribute: str) -> CognitoError:
    return invalid_parameter(f"Invalid search attribute: {attribute}")
