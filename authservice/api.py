"""Door: POST / with X-Amz-Target. JSON in, JSON out; a refusal becomes `__type` and `message`.

Owns the wire (JSON 1.1, headers, CORS, sizes) and who the caller is (SigV4). Does not own
what an operation means: that is behind the seam.
Source: AWS JSON 1.1 protocol; user pools API, "Common errors".
"""

import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from flask import Blueprint, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wrappers import Request

from authservice import body, json_text, this_machine
from authservice.audit import events
from authservice.config import Settings
from authservice.contract import Backend, Caller, service
from authservice.crypto import sigv4
from authservice.errors import CognitoError, internal_error, invalid_parameter
from authservice.local.backend import utc_now
from authservice.watch import Watch, new_id

log = logging.getLogger(__name__)

LONGEST_BODY = 1024 * 1024
"""Bytes of a request body."""
LONGEST_READ = 4 * LONGEST_BODY
"""Bytes of a longer one that are read before it is refused, so that its sender comes to see why."""
PREFLIGHT_SECONDS = 172800
NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e]")
LONGEST_HEADER = 2048
EVERY_ANSWER = (("Content-Type", "application/x-amz-json-1.1"), ("Access-Control-Allow-Origin", "*"),
                ("Cache-Control", "no-store"),
                ("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"))


def create() -> Blueprint:
    """What answers a browser at the API's address: a page's preflight, and whoever is curious."""
    door = Blueprint("api", __name__)
    door.add_url_rule("/", "call", methods=["POST"], provide_automatic_options=False)  # answered by Api, before all routes

    @door.route("/", methods=["OPTIONS"], provide_automatic_options=False)
    def preflight() -> Response:
        answer = Response(status=200)
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
        answer.headers["Access-Control-Allow-Headers"] = request.headers.get(
            "Access-Control-Request-Headers", "content-type,x-amz-target,x-amz-user-agent,cache-control")
        answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        answer.headers["Vary"] = "Access-Control-Request-Headers"
        return answer

    @door.get("/", provide_automatic_options=False)
    def about() -> Response:
        text = ("authservice: a user pools API answers at POST / of this address.\n"
                "Point boto3, the AWS CLI or Amplify here as their endpoint; the README shows how.\n")
        return Response(text, content_type="text/plain; charset=utf-8")

    return door


class Reply(NamedTuple):
    """The answer to a call."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Api:
    """The API over a backend, as a WSGI app in front of one that answers everything else.

    A call needs nothing of what Flask does for a page (routes, hooks, contexts, sessions), which would be a quarter of
    the time that a read takes. `clock` judges the age of signatures.
    """

    def __init__(self, others: Callable, backend: Backend, settings: Settings, watch: Watch, clock=utc_now):
        self._others, self._backend, self._watch, self._clock = others, backend, watch, clock
        self._contract = service()
        self._secrets = settings.keys_by_id  # read once, and refused here when they are none

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or (environ["PATH_INFO"] or "/") != "/":
            return self._others(environ, start_response)
        known = {"began": self._watch.began(), "request_id": new_id()}
        try:
            status, headers, text = self._answer(environ, known)
        except Exception:
            log.exception("Exception on / [POST]")
            status, headers, text = _refusal(internal_error(), known)
        self._watch.saw(known, status, "POST", "/")
        start_response(_line(status), headers)
        return [text]

    def _answer(self, environ: dict, known: dict) -> Reply:
        """Run the call; `known` is what may be told of it."""
        header = environ.get
        events.source.set(events.Source(header("REMOTE_ADDR"), header("HTTP_USER_AGENT"), known["request_id"],
                                        body.announced(environ) or 0))
        contract = self._contract
        try:
            operation = known["operation"] = _operation(contract, header("HTTP_X_AMZ_TARGET", ""))
            caller, members = self._read(environ, operation)
            known["client_id"], known["pool_id"] = members.get("ClientId"), members.get("UserPoolId")
            result = self._backend.call(operation, members, caller)
            return _answered(200, contract.encode(result) if contract.has_output(operation) else "", known)
        except CognitoError as refusal:
            return _refusal(refusal, known)

    def _read(self, environ: dict, operation: str) -> tuple[Caller, dict]:
        try:
            data = _body(environ)
            wire = _json(data)
            # Who asks is settled before what he asks is looked at.
            return self._caller(environ, data, operation), self._contract.decode(operation, wire)
        except CognitoError as refusal:
            self._backend.turned_away(operation, refusal)
            raise

    def _caller(self, environ: dict, data: bytes, operation: str) -> Caller:
        """Who asks. Only what Cognito authorises by IAM needs a signature; on other operations none is looked at.

        With access keys set, the signature is verified. Without, on loopback alone, any
        credentials do, as developers' tools have it.
        """
        if self._contract.is_public(operation):
            return Caller("anonymous", address=environ.get("REMOTE_ADDR"))
        if self._secrets:
            asked = Request(environ, populate_request=False)
            try:
                key = sigv4.verify(asked.method, asked.path, asked.query_string.decode(), dict(asked.headers),
                                   data, self._secrets.get, self._clock())
            except sigv4.SignatureRefused as refused:
                raise CognitoError(refused.code, refused.message) from None
            return Caller("iam", key)
        key = sigv4.access_key_of(environ.get("HTTP_AUTHORIZATION", ""))
        if key is None:
            raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token")
        _refuse_strangers(environ)
        return Caller("iam", key)


def _operation(contract, target: str) -> str:
    prefix, _, operation = target.rpartition(".")
    if prefix != contract.target_prefix or operation not in contract.operations:
        raise CognitoError("UnknownOperationException", "")
    return operation


def _body(environ: dict) -> bytes:
    """The body. One a little too long is read to its end, so that its sender sees the answer."""
    try:
        data = body.short(environ, LONGEST_BODY)
        if data is None:
            asked = Request(environ, populate_request=False)
            asked.max_content_length = LONGEST_READ
            data = asked.get_data()
    except RequestEntityTooLarge:
        data = None
    except ClientDisconnected:
        raise invalid_parameter("The request body is shorter than was announced.") from None
    if data is None or len(data) > LONGEST_BODY:
        raise invalid_parameter(f"The request body is longer than {LONGEST_BODY} bytes.")
    return data


def _json(data: bytes) -> object:
    try:
        return json_text.read(data) if data else {}
    except (ValueError, RecursionError):
        raise CognitoError("SerializationException", "The request body is not JSON") from None


def _refuse_strangers(environ: dict) -> None:
    """While any credentials do, only this machine may administer: no other host, no web page from elsewhere."""
    if not this_machine.sent(environ):
        raise CognitoError("AccessDeniedException", "Admin operations without access keys are for this machine "
                           "only; set AUTHSERVICE_ACCESS_KEYS to allow others.")


def _refusal(refusal: CognitoError, known: dict) -> Reply:
    known["outcome"] = refusal.code
    member = "Message" if refusal.code == "SerializationException" else "message"
    told = {"__type": refusal.code, **({member: refusal.message} if refusal.message else {})}
    answer = _answered(refusal.status, json_text.write(told), known)
    answer.headers.append(("x-amzn-ErrorType", f"{refusal.code}:"))
    if refusal.retry_after:
        answer.headers.append(("Retry-After", str(refusal.retry_after)))
    # A message may quote the request: what is no header text is left out, and the rest of a long one.
    answer.headers.append(("x-amzn-ErrorMessage", NOT_IN_A_HEADER.sub("?", refusal.message)[:LONGEST_HEADER].strip()))
    return answer


def _answered(status: int, text: str, known: dict) -> Reply:
    data = text.encode()
    return Reply(status, [("x-amzn-RequestId", known["request_id"]), *EVERY_ANSWER, ("Content-Length", str(len(data)))], data)


@lru_cache
def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
