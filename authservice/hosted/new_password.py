"""A new password demanded at sign-in, with the required attributes that the account still lacks."""
import json

from flask import Response, request

from authservice.hosted import fields
from authservice.hosted.journey import Journey, page
from authservice.hosted.sign_in import respond

PREFIX = "userAttributes."


def missing_attributes(journey: Journey) -> list[fields.Field]:
    """What the challenge's `requiredAttributes`, a JSON list in a string, still asks for."""
    names = json.loads(journey.challenge["parameters"].get("requiredAttributes", "[]"))
    return [fields.attribute(name.removeprefix(PREFIX)) for name in names]


def form(journey: Journey) -> dict:
    return {"attributes": missing_attributes(journey), "rules": fields.password_rules(journey.pool)}


@page("/changePassword", "new_password.html", values=form, challenge="NEW_PASSWORD_REQUIRED")
def change_password(journey: Journey) -> Response:
    """Replace the temporary password and complete the profile."""
    attributes = fields.typed_attributes(missing_attributes(journey), request.form)
    return respond(journey, NEW_PASSWORD=journey.new_password(),
                   **{PREFIX + attribute["Name"]: attribute["Value"] for attribute in attributes})
