"""Door: POST / with X-Amz-Target. JSON in, JSON out; a refusal becomes `__type` and `message`.

Owns the wire (JSON 1.1, headers, CORS, sizes) and who the caller is (SigV4). Does not own
what an operation means: that is behind the seam.
Source: AWS JSON 1.1 protocol; user pools API, "Common errors".
"""

import json
import re

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from authservice import body, this_machine
from authservice.answer import Answer
from authservice.audit import events
from authservice.config import Settings
from authservice.contract import Backend, Caller, service
from authservice.crypto import sigv4
from authservice.errors import CognitoError, internal_error, invalid_parameter
from authservice.local.backend import utc_now
from authservice.watch import new_id

CONTENT_TYPE = "application/x-amz-json-1.1"
LONGEST_BODY = 1024 * 1024
"""Bytes of a request body."""
PREFLIGHT_SECONDS = 172800
NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e]")
LONGEST_HEADER = 2048
EVERY_ANSWER = (("Access-Control-Allow-Origin", "*"), ("Cache-Control", "no-store"),
                ("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"))


def create(backend: Backend, settings: Settings, clock=utc_now) -> Blueprint:
    """The door as a blueprint over a backend; `clock` judges the age of signatures."""
    door = Blueprint("api", __name__)
    contract = service()
    secrets = settings.keys_by_id  # read once, and refused here when they are none

    def read(asked: Request, operation: str) -> tuple[Caller, dict]:
        try:
            data = _body(asked)
            wire = _json(data)
            # Who asks is settled before what he asks is looked at.
            return _caller(contract, asked, data, operation, secrets, clock), contract.decode(operation, wire)
        except CognitoError as refusal:
            backend.turned_away(operation, refusal)
            raise

    @door.post("/", provide_automatic_options=False)
    def answer() -> Response:
        # Each look through Flask's proxies takes its time, and so does each of a request's own views of its environ.
        asked, known = request._get_current_object(), g._get_current_object()
        header, request_id = asked.environ.get, new_id()
        events.source.set(events.Source(header("REMOTE_ADDR"), header("HTTP_USER_AGENT"), request_id,
                                        body.announced(asked) or 0))
        try:
            operation = known.operation = _operation(contract, header("HTTP_X_AMZ_TARGET", ""))
            caller, members = read(asked, operation)
            known.client_id, known.pool_id = members.get("ClientId"), members.get("UserPoolId")
            result = backend.call(operation, members, caller)
            text = contract.encode(result) if contract.has_output(operation) else ""
            return _response(text, 200, request_id)
        except CognitoError as refusal:
            return _refusal(refusal, request_id)

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


def answer_bug(error: Exception) -> Response:
    """What a guest of this door sees of a bug: InternalErrorException, nothing else."""
    return _refusal(internal_error(), new_id())


def _operation(contract, target: str) -> str:
    prefix, _, operation = target.rpartition(".")
    if prefix != contract.target_prefix or operation not in contract.operations:
        raise CognitoError("UnknownOperationException", "")
    return operation


def _body(asked: Request) -> bytes:
    """The body. One a little too long is read to its end, so that its sender sees the answer."""
    try:
        data = body.short(asked, LONGEST_BODY)
        if data is None:
            data = asked.get_data()
    except RequestEntityTooLarge:
        data = None
    if data is None or len(data) > LONGEST_BODY:
        raise invalid_parameter(f"The request body is longer than {LONGEST_BODY} bytes.")
    return data


def _json(data: bytes) -> object:
    try:
        return json.loads(data) if data else {}
    except (ValueError, RecursionError):
        raise CognitoError("SerializationException", "The request body is not JSON") from None


def _caller(contract, asked: Request, data: bytes, operation: str, secrets: dict[str, str], clock) -> Caller:
    """Who asks. Only what Cognito authorises by IAM needs a signature; on other operations none is looked at.

    With access keys set, the signature is verified. Without, on loopback alone, any
    credentials do, as developers' tools have it.
    """
    if contract.is_public(operation):
        return Caller("anonymous", address=asked.environ.get("REMOTE_ADDR"))
    if secrets:
        try:
            key = sigv4.verify(asked.method, asked.path, asked.query_string.decode(), dict(asked.headers),
                               data, secrets.get, clock())
        except sigv4.SignatureRefused as refused:
            raise CognitoError(refused.code, refused.message) from None
        return Caller("iam", key)
    key = sigv4.access_key_of(asked.environ.get("HTTP_AUTHORIZATION", ""))
    if key is None:
        raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token")
    _refuse_strangers(asked)
    return Caller("iam", key)


def _refuse_strangers(asked: Request) -> None:
    """While any credentials do, only this machine may administer: no other host, no web page from elsewhere."""
    if not this_machine.sent(asked):
        raise CognitoError("AccessDeniedException", "Admin operations without access keys are for this machine "
                           "only; set AUTHSERVICE_ACCESS_KEYS to allow others.")


def _refusal(refusal: CognitoError, request_id: str) -> Response:
    g.outcome = refusal.code
    member = "Message" if refusal.code == "SerializationException" else "message"
    told = {"__type": refusal.code, **({member: refusal.message} if refusal.message else {})}
    answer = _response(json.dumps(told), refusal.status, request_id)
    answer.headers["x-amzn-ErrorType"] = f"{refusal.code}:"
    if refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    # A message may quote the request: what is no header text is left out, and the rest of a long one.
    answer.headers["x-amzn-ErrorMessage"] = NOT_IN_A_HEADER.sub("?", refusal.message)[:LONGEST_HEADER].strip()
    return answer


def _response(text: str, status: int, request_id: str) -> Response:
    g.request_id = request_id
    return Answer(text, status, [("x-amzn-RequestId", request_id), *EVERY_ANSWER], CONTENT_TYPE)
