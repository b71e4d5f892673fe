"""The parameter `claims`: single claims that an app asks for by name. Honoured in strict mode; Cognito has none.

Owns reading it. Which of the claims an app then gets is local/tokens/issue.py's and userinfo.py's; whether the
user is the one it wants, authorize_request.py's.
Source: OpenID Connect Core section 5.5.
"""

import json
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import InvalidRequestError


@dataclass(frozen=True)
class ClaimsAsked:
    """What the parameter asks for; `names` as SignIn.claims keeps it."""

    names: dict[str, list[str]] = field(default_factory=dict)
    subject: str | None = None
    """The one user who will do."""
    acr_values: tuple[str, ...] = ()
    """The levels that would do, by name, the best first."""
    acr_is_essential: bool = False
    """Whether no other level than those will do."""


def read(text: str | None) -> ClaimsAsked:
    """The parameter's meaning. Refuses with invalid_request what is not an object of objects."""
    if text is None:
        return ClaimsAsked()
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(asked, dict):
        raise _malformed()
    wanted = {place: _requests(asked.get(place)) for place in ("id_token", "userinfo")}
    acr = wanted["id_token"].get("acr") or {}
    subjects = {request["value"] for request in (wanted[place].get("sub") or {} for place in wanted)
                if isinstance(request.get("value"), str)}
    if len(subjects) > 1:
        raise InvalidRequestError("claims asks for two subjects.")
    names = {place: list(requests) for place, requests in wanted.items() if requests}
    levels = _levels(acr)
    return ClaimsAsked(names, next(iter(subjects), None), levels, bool(levels) and acr.get("essential") is True)


def _requests(asked) -> dict:
    """{claim: None or an object} of one place."""
    if asked is None:
        return {}
    if not isinstance(asked, dict) or not all(each is None or isinstance(each, dict) for each in asked.values()):
        raise _malformed()
    return asked


def _levels(request: dict) -> tuple[str, ...]:
    values = request.get("values", [request["value"]] if "value" in request else [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value.isprintable() for value in values):
        raise _malformed()
    return tuple(values)


def _malformed() -> InvalidRequestError:
    return InvalidRequestError("claims is not the JSON object that OpenID Connect Core section 5.5 describes.")
