"""What an event shows of a request or an answer: the members that Amazon's model does not mark as sensitive.

The model is read once per operation and becomes a function, so that no event walks through shapes. Names become
CloudTrail's (first letter small). Members that the model does not know are left out.
"""

from collections.abc import Callable
from functools import lru_cache

from authservice.contract import service

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
ALSO_HIDDEN = {"ConfirmationCodeType", "ChallengeParametersType", "ClientMetadataType", "UserFilterType",
               "PaginationKey", "PaginationKeyType", "SearchPaginationTokenType"}
"""Not marked in the model, but codes, proofs, names of users, or whatever an app writes there."""
SHOWN = {"ClientIdType"}
"""Marked in the model; Cognito's own events show it all the same, for it is no secret."""

Show = Callable[[object], object]


@lru_cache(maxsize=None)
def of_request(operation: str) -> Show:
    """The function that gives of the operation's request what may be shown."""
    return _show(service().operation(operation).input_shape)


@lru_cache(maxsize=None)
def of_answer(operation: str) -> Show:
    """The same for its answer."""
    return _show(service().operation(operation).output_shape)


def _hide(_: object) -> str:
    return HIDDEN


def _show(shape) -> Show | None:
    """The function for a shape of botocore's; None where the value is shown as it is."""
    if shape is None:
        return lambda value: None
    is_marked = shape.metadata.get("sensitive") and shape.name not in SHOWN
    if is_marked or shape.name in ALSO_HIDDEN or shape.type_name == "blob":
        return _hide
    if shape.type_name == "structure":
        return _structure({name: (name[:1].lower() + name[1:], _show(member)) for name, member in shape.members.items()})
    if shape.type_name == "list":
        inner = _show(shape.member)
        return inner and (lambda items: [inner(item) for item in items])
    if shape.type_name == "map":
        inner = _show(shape.value)
        return inner and (lambda entries: {key: inner(value) for key, value in entries.items()})
    return None


def _structure(members: dict[str, tuple[str, Show | None]]) -> Show:
    def show(value: dict) -> dict:
        shown = {}
        for name, item in value.items():
            known = members.get(name)
            if known:
                told, inner = known
                shown[told] = inner(item) if inner else item
        return shown

    return show
