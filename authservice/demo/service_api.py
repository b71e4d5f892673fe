"""The service's JSON API (Amazon Cognito user pools API) with nothing but an HTTP client.

Every operation is one POST to the same address; its name is in a header. An AWS SDK does the same with more
code. Neighbours: api_way.py and account.py call it.
"""
from flask import current_app

from authservice.demo import exchange
from authservice.demo.exchange import Refused
from authservice.demo.journey import Journey
from authservice.demo.problems import Problem


def service_api() -> "ServiceApi":
    """The API of the site that is answering now."""
    return current_app.extensions["service_api"]


class ServiceApi:
    def __init__(self, url: str):
        self.url = url

    def call(self, journey: Journey, operation: str, request: dict, why: str) -> dict:
        """Run one operation and give its answer. Raises Refused with the service's error."""
        answer = exchange.send(
            journey, operation, why, "POST", f"{self.url}/",
            headers={"Content-Type": "application/x-amz-json-1.1",
                     "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"}, json=request)
        body = answer.body if isinstance(answer.body, dict) else {}
        if answer.ok:
            return body
        code = str(body.get("__type", "")).rpartition("#")[2]
        if not code:
            raise Problem("The service gave an answer that is not Cognito's",
                          f"{operation}: {answer.step.status}.",
                          advice="AUTHSERVICE_DEMO_API must be the address of the JSON API.", journey=journey,
                          status=502)
        raise Refused(code, str(body.get("message") or body.get("Message") or ""))
