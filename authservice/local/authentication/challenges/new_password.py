"""NEW_PASSWORD_REQUIRED: a temporary password has let the user in, and must now be replaced."""

import json

from authservice.errors import invalid_parameter, invalid_session, missing_parameter
from authservice.local.accounts import directory, passwords, profile
from authservice.local.authentication.attempt import Attempt, check_answerer, resume, spend, suspend
from authservice.local.call import Call
from authservice.local.models import AppClient

PREFIX = "userAttributes."


def ask(call: Call, attempt: Attempt) -> dict:
    """Names the required attributes the user still lacks; both lists are JSON in a string, as clients expect."""
    user = attempt.user
    missing = [PREFIX + name for name in profile.required(user.pool) if not user.attributes.get(name)]
    return {"ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": suspend(call, attempt, "NEW_PASSWORD_REQUIRED"),
            "ChallengeParameters": {"USER_ID_FOR_SRP": user.username, "requiredAttributes": json.dumps(missing),
                                    "userAttributes": json.dumps(dict(user.attributes))}}


def check(call: Call, client: AppClient, session: str | None, responses: dict) -> Attempt:
    """Set the new password and the attributes given with it; the user is CONFIRMED from then on.

    A refused password or attribute leaves the Session usable, so that the user can try another.
    """
    attempt, row = resume(call, client, "NEW_PASSWORD_REQUIRED", session)
    if not check_answerer(call, attempt, responses):
        raise invalid_session()
    password = responses.get("NEW_PASSWORD")
    if not password:
        raise missing_parameter("NEW_PASSWORD")
    user = attempt.row(call)
    passwords.check_policy(user.pool, password)
    passwords.check_history(call, user, password)
    _take_attributes(call, attempt, responses)
    passwords.set_password(call, user, password)
    user.status = "CONFIRMED"
    spend(call, row)
    return attempt


def _take_attributes(call: Call, attempt: Attempt, responses: dict) -> None:
    user = attempt.user
    given = {name.removeprefix(PREFIX): value for name, value in responses.items() if name.startswith(PREFIX)}
    changes = profile.read(user.pool, [{"Name": name, "Value": value} for name, value in given.items()],
                           writable_by=attempt.client)
    profile.check_mutable(user.pool, [name for name in changes if user.attributes.get(name)])
    for name in profile.required(user.pool):
        if not (changes.get(name) or user.attributes.get(name)):
            raise invalid_parameter(f"Invalid attributes given, {name} is missing")
    for name in set(changes) & profile.VERIFIED.keys():
        if changes[name] != user.attributes.get(name):
            user.attributes.pop(profile.VERIFIED[name], None)
    profile.change(user, changes)
    directory.index(call, user)
