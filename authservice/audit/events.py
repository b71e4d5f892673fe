"""One event of the trail: who did what, from where, how it ended.

An entry is what a door and the seam know while a call runs; it holds no secret, for what must be hidden is hidden
when it is made. `event` gives CloudTrail's record of it. Event ids are UUIDs that grow with time (RFC 9562,
version 7), so that a table of events is in order by its key alone.
"""

import itertools
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from authservice.audit import redaction
from authservice.contract import ANONYMOUS, OPERATOR, Caller
from authservice.errors import CognitoError, internal_error

EVENT_SOURCE = "cognito-idp.amazonaws.com"
EVENT_VERSION = "1.08"
LONGEST_MESSAGE = LONGEST_AGENT = 1000
"""Characters of an error message and of a user agent; CloudTrail's are 1 KB."""
LARGE = 8192
"""Bytes of a request whose parameters an event that has to wait leaves out: so many of them fit into memory."""
POOL_ID = re.compile(r"[\w-]{1,55}", re.ASCII)
READS = re.compile(r"(Admin)?(Get|List|Describe)")
NO_READS = {"GetTokensFromRefreshToken", "GetUserAttributeVerificationCode"}
QUOTED = re.compile(r"Value '.*' at '", re.DOTALL)
"""What a refused request had in a member that breaks its limits: it may be anything, a password in the wrong field."""


numbers = itertools.count()
"""The order of this process's entries."""


class Source(NamedTuple):
    """Where a request came from: address, User-Agent, the id its answer carries, bytes of its body."""

    address: str | None
    user_agent: str | None
    request_id: str
    size: int = 0


source: ContextVar[Source | None] = ContextVar("source", default=None)
"""Where the request that is being answered came from; None: the shell."""


class Place(NamedTuple):
    """What all events of an installation have in common."""

    region: str
    account: str
    domain: str


@dataclass(slots=True)
class Entry:
    """What is known of a call or request while it runs; `about`: the pool and user it turned out to be about."""

    name: str
    at: datetime
    source: Source | None
    about: dict[str, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    number: int = field(default_factory=numbers.__next__)
    """Its place among those of one millisecond."""
    kept: str = ""
    """The event as it is in the database, once it was committed there with its change."""
    parameters: dict | None = None
    """What may be shown of the request."""
    is_read: bool = False

    @property
    def stands_alone(self) -> bool:
        """False for what our own pages look up: their own event stands for it."""
        return True

    @property
    def pool_id(self) -> str | None:
        """The pool it was about, or would have been."""
        known = self.about.get("pool") or (self.parameters or {}).get("userPoolId")
        return known if known and POOL_ID.fullmatch(known) else None

    def refuse(self, error: BaseException) -> None:
        """Note that it failed; of our own faults no more than a guest sees is told."""
        refusal = error if isinstance(error, CognitoError) else internal_error()
        self.error = refusal.code, QUOTED.sub("Value at '", refusal.message)[:LONGEST_MESSAGE]

    def answered(self, answer: object) -> None:
        """Note what may be told of the answer."""

    def _record(self, event_id: str, place: Place, identity: dict, of_kind: dict) -> dict:
        """The members in CloudTrail's order; `of_kind` are those that differ between calls and requests to pages."""
        origin = self.source or SHELL
        failed = {"errorCode": self.error[0], "errorMessage": self.error[1]} if self.error else {}
        return {"eventVersion": EVENT_VERSION, "userIdentity": identity, "eventTime": self.at.isoformat()[:19] + "Z",
                "eventSource": EVENT_SOURCE, "eventName": self.name, "awsRegion": place.region,
                "sourceIPAddress": origin.address, "userAgent": (origin.user_agent or "")[:LONGEST_AGENT], **failed,
                **of_kind, "requestID": origin.request_id or event_id, "eventID": event_id, "managementEvent": True,
                "recipientAccountId": place.account, "eventCategory": "Management"}


SHELL = Source("127.0.0.1", "authservice", "")


@dataclass(slots=True)
class OperationEntry(Entry):
    """A call of an API operation."""

    caller: Caller = ANONYMOUS
    answer: dict | None = None
    """What may be shown of the answer of a call that is no read."""

    @property
    def stands_alone(self) -> bool:
        return not (self.caller.is_hosted and self.is_read and self.error is None)

    def answered(self, answer: dict) -> None:
        if not self.is_read:
            self.answer = _shown(redaction.of_answer(self.name), answer) or None

    def event(self, event_id: str, place: Place) -> dict:
        sub = self.about.get("user")
        whom = {"additionalEventData": {"sub": sub}} if sub else {}
        return self._record(event_id, place, _identity(self.caller, place), {
            "requestParameters": self.parameters, "responseElements": None if self.error else self.answer, **whom,
            "readOnly": self.is_read, "eventType": "AwsApiCall"})


@dataclass(slots=True)
class PageEntry(Entry):
    """A request to a page or an OAuth endpoint. `status`: what a good end answers, until it is known."""

    status: int = 200

    def event(self, event_id: str, place: Place) -> dict:
        known = {"userPoolDomain": place.domain, "userPoolId": self.about.get("pool"), "sub": self.about.get("user")}
        return self._record(event_id, place, {"accountId": place.account}, {
            "requestParameters": None, "responseElements": None,
            "additionalEventData": {"responseParameters": {"status": self.status}, "requestParameters": self.parameters,
                                    **{name: value for name, value in known.items() if value}},
            "readOnly": self.is_read, "eventType": "AwsServiceEvent",
            "serviceEventDetails": {"serviceAccountId": place.account}})


@dataclass(slots=True)
class ShellEntry(Entry):
    """What an operator does at the shell that is no operation of the API."""

    def event(self, event_id: str, place: Place) -> dict:
        return self._record(event_id, place, _identity(OPERATOR, place), {
            "requestParameters": self.parameters, "responseElements": None, "readOnly": False,
            "eventType": "AwsServiceEvent"})


under_way: ContextVar[Entry | None] = ContextVar("under_way", default=None)
"""What changes are recorded by where no operation is called: the request to a page or OAuth endpoint that is being
answered, or what is done at the shell."""


def of_call(operation: str, request: dict, caller: Caller, at: datetime) -> OperationEntry:
    """The entry of an operation that is called now."""
    shown = _shown(redaction.of_request(operation), request)
    return OperationEntry(operation, at, source.get(), caller=caller, parameters=shown, is_read=_is_read(operation))


@lru_cache(maxsize=None)
def _is_read(operation: str) -> bool:
    return READS.match(operation) is not None and operation not in NO_READS


def _shown(show, value):
    try:
        return show(value)
    except (AttributeError, TypeError):  # a refused request may have any shape
        return None


def _identity(caller: Caller, place: Place) -> dict:
    """Who called, in CloudTrail's terms: nobody known, an access key, our own pages, or who sits at the shell."""
    if caller.kind == "anonymous":
        return {"type": "Unknown", "principalId": "Anonymous"}
    if caller.kind == "hosted":
        return {"type": "AWSService", "invokedBy": EVENT_SOURCE}
    if caller.kind == "operator":
        return {"type": "Root", "principalId": place.account, "arn": f"arn:aws:iam::{place.account}:root",
                "accountId": place.account}
    key = (caller.access_key or "")[:128]
    return {"type": "IAMUser", "principalId": key, "arn": f"arn:aws:iam::{place.account}:user/{key}",
            "accountId": place.account, "accessKeyId": key, "userName": key}


def new_id(at: datetime, number: int, random: bytes) -> str:
    """A UUID of version 7: milliseconds, the number within the process (12 bits), 62 of 64 random bits."""
    time, rest = f"{int(at.timestamp() * 1000):012x}", random.hex()
    return f"{time[:8]}-{time[8:]}-7{number & 0xfff:03x}-{'89ab'[int(rest[0], 16) & 3]}{rest[1:4]}-{rest[4:16]}"


def first_id(at: datetime) -> str:
    """The least id of this millisecond: every event before it has a lesser one."""
    time = f"{int(at.timestamp() * 1000):012x}"
    return f"{time[:8]}-{time[8:]}"
