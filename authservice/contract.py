"""The seam: one call, and Cognito's API as Amazon's own service model describes it.

Owns: who calls (Caller), who answers (Backend), and the contract between them:
names, shapes, limits, errors, read from botocore's model instead of written by
hand. Does not own what an operation means; that is local/operations or Amazon.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from itertools import islice
from typing import Protocol

import regex
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from authservice import json_text
from authservice.errors import CognitoError, invalid_parameter


@dataclass(frozen=True)
class Caller:
    """Who asks. `kind` is anonymous, iam (signed request), hosted (our login pages) or operator (the shell)."""

    kind: str
    access_key: str | None = None
    address: str | None = None
    """Where a person asks from, as far as is known; of a server that asks for many, nothing."""

    @property
    def is_administrator(self) -> bool:
        """May call the operations that Cognito authorises by IAM."""
        return self.kind != "anonymous"

    @property
    def is_hosted(self) -> bool:
        """Our own login pages: not bound by an app client's secret or its ExplicitAuthFlows."""
        return self.kind == "hosted"


ANONYMOUS = Caller("anonymous")
HOSTED = Caller("hosted")
OPERATOR = Caller("operator")


about: ContextVar[dict[str, str]] = ContextVar("about", default={})
"""Which pool and app client the last call here was about ({"pool": id, "client": id}); for the log."""


class Backend(Protocol):
    """What stands behind the doors: our own pools, or Amazon's."""

    def call(self, operation: str, request: dict, caller: Caller = ANONYMOUS) -> dict:
        """Run one API operation.

        `request` and the answer are what boto3 takes and gives: Cognito's member
        names, aware datetimes, bytes; no ResponseMetadata. Raises CognitoError.
        """

    def checks(self) -> dict[str, Callable[[], str]]:
        """By name, functions that look at what a call needs: each answers "ok" or what is wrong, or raises."""

    def turned_away(self, operation: str, refusal: CognitoError) -> None:
        """Take note, for the audit trail, of a call that a door has refused before it could be made."""

    def load(self) -> dict[str, int]:
        """How busy this process is now, by the names of metrics.LOAD."""


@lru_cache
def service(name: str = "cognito-idp") -> "Service":
    """The contract of one AWS service, loaded once (about 0.1 s)."""
    return Service(ServiceModel(Loader().load_service_model(name, "service-2"), name))


MOST_PROBLEMS = 20
"""So many violations are told at once: an answer must not be many times longer than its request."""
LONGEST_SHOWN = 256
"""Characters of a wrong value, or of its path, that are repeated to whoever sent it."""


class Service:
    """An AWS service's operations, shapes, limits and errors."""

    def __init__(self, model: ServiceModel):
        self._model = model
        self.operations = frozenset(model.operation_names)
        self.target_prefix = model.metadata["targetPrefix"]

    @cached_property
    def public_operations(self) -> frozenset[str]:
        """The operations that need no AWS credentials."""
        return frozenset(name for name in self.operations if self.operation(name).auth_type == "none")

    @lru_cache(maxsize=None)
    def operation(self, name: str) -> OperationModel:
        if name not in self.operations:
            raise CognitoError("UnknownOperationException", f"There is no operation {name}.")
        return self._model.operation_model(name)

    @cached_property
    def error_codes(self) -> frozenset[str]:
        """Every error that some operation lists."""
        return frozenset(name for operation in self.operations for name in self.errors_of(operation))

    def is_public(self, operation: str) -> bool:
        return operation in self.public_operations

    def has_output(self, operation: str) -> bool:
        """Whether an answer has a body; an operation without output shape answers with none."""
        return self.operation(operation).output_shape is not None

    def errors_of(self, operation: str) -> frozenset[str]:
        return frozenset(shape.name for shape in self.operation(operation).error_shapes)

    def decode(self, operation: str, wire: object) -> dict:
        """Turn a JSON body into a request: timestamps to datetime, blobs to bytes, nulls and unknown members out.

        Raises SerializationException for a value of another JSON type than the model has.
        """
        shape = self.operation(operation).input_shape
        return _decode(shape, {} if wire is None else wire) if shape else {}

    def encode(self, answer: dict, indent: int | None = None) -> str:
        """Turn an answer into JSON: datetimes to epoch seconds, bytes to base64."""
        return json_text.write(answer, _encode) if indent is None else json.dumps(answer, default=_encode, indent=indent)

    def validate(self, operation: str, request: dict) -> None:
        """Hold a request to the model's constraints, before anything is looked up.

        Raises one InvalidParameterException that lists every violation, in Cognito's words.
        """
        shape = self.operation(operation).input_shape
        if shape is None or _fits(shape)(request):
            return
        problems = list(islice(_violations(shape, request, ""), MOST_PROBLEMS))
        if problems:
            errors = "error" if len(problems) == 1 else "errors"
            raise invalid_parameter(f"{len(problems)} validation {errors} detected: {'; '.join(problems)}")

    def output_problems(self, operation: str, answer: dict) -> list[str]:
        """Where an answer leaves the output shape; tests hold every answer to it."""
        shape = self.operation(operation).output_shape
        if shape is None:
            return [f"{operation} has no output"] if answer else []
        return list(_misshapen(shape, answer, ""))


def _decode(shape: Shape, value):
    kind = shape.type_name
    if kind == "structure":
        _demand(isinstance(value, dict), value, "Expected map or null")
        return {name: _decode(member, value[name]) for name, member in shape.members.items()
                if value.get(name) is not None}
    if kind == "list":
        _demand(isinstance(value, list), value, "Expected list or null")
        return [_decode(shape.member, item) for item in value]
    if kind == "map":
        _demand(isinstance(value, dict), value, "Expected map or null")
        return {key: _decode(shape.value, item) for key, item in value.items() if item is not None}
    if kind == "string":
        return _demand(isinstance(value, str), value, _cannot_become(value, "String"))
    if kind == "boolean":
        return _demand(isinstance(value, bool), value, _cannot_become(value, "Boolean"))
    if kind in ("integer", "long"):
        whole = not isinstance(value, bool) and (isinstance(value, int) or
                                                 isinstance(value, float) and value.is_integer())
        number = int(_demand(whole, value, _cannot_become(value, "Integer")))
        fits = -LARGEST[kind] - 1 <= number <= LARGEST[kind]
        return _demand(fits, number, f"The number is out of range for {kind}")
    if kind == "timestamp":
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return _instant(_demand(number, value, _cannot_become(value, "Date")))
    if kind == "blob":
        return _bytes(_demand(isinstance(value, str), value, _cannot_become(value, "ByteBuffer")))
    raise TypeError(f"the model has a {kind}, which no operation used before")


LARGEST = {"integer": 2**31 - 1, "long": 2**63 - 1}
"""Java's, which a database column can hold too."""


def _demand(condition: bool, value, message: str):
    if not condition:
        raise CognitoError("SerializationException", message)
    return value


JAVA_NAMES = {bool: "java.lang.Boolean", int: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
              float: "com.amazon.coral.value.json.numbers.TruncatingBigNumber", str: "java.lang.String"}


def _cannot_become(value, wanted: str) -> str:
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    return f"class {JAVA_NAMES.get(type(value), 'java.lang.Object')} can not be converted to an {wanted}"


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        raise CognitoError("SerializationException", "The timestamp is out of range") from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CognitoError("SerializationException", "The blob is not base64") from None


def _encode(value):
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@lru_cache(maxsize=None)
def _fits(shape: Shape) -> Callable[[object], bool]:
    """Whether a value violates nothing: what nearly every request is asked, made once a shape and without a word.

    What it finds wanting `_violations` puts in words, by the same rules.
    """
    rules = [holds for holds, _ in _rules(shape)]
    if shape.type_name == "structure":
        def inside(value) -> bool:
            return (all(value.get(name) is not None for name in shape.required_members) and
                    all(_fits(shape.members[name])(item) for name, item in value.items() if name in shape.members))
    elif shape.type_name == "list":
        def inside(value) -> bool:
            return all(map(_fits(shape.member), value))
    elif shape.type_name == "map":
        def inside(value) -> bool:
            return all(map(_fits(shape.key), value)) and all(map(_fits(shape.value), value.values()))
    else:
        def inside(value) -> bool:
            return True

    return lambda value: all(holds(value) for holds in rules) and inside(value)


def _violations(shape: Shape, value, path: str) -> Iterator[str]:
    """Yield each violated constraint below `path`, in Cognito's words."""
    yield from _broken_rules(shape, value, path)
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for member, item, place in _inside(shape, value, path):
        yield from _violations(member, item, place)


def _inside(shape: Shape, value, path: str) -> Iterator[tuple[Shape, object, str]]:
    """The known members, items or entries of a value: (shape, value, path) each."""
    if shape.type_name == "structure":
        yield from ((shape.members[name], item, _join(path, name)) for name, item in value.items()
                    if name in shape.members)
    elif shape.type_name == "list":
        yield from ((shape.member, item, f"{path}.{number}.member") for number, item in enumerate(value, 1))
    elif shape.type_name == "map":
        for key, item in value.items():
            yield shape.key, key, f"{path}.{key}.key"
            yield shape.value, item, f"{path}.{key}.value"


def _misshapen(shape: Shape, value, path: str) -> Iterator[str]:
    """Yield each place where an answer has another type or a member that the shape lacks.

    Limits are not held against answers: Cognito's own break them (`phone_number_verified` is longer
    than an attribute's name may be).
    """
    if not isinstance(value, PYTHON_TYPES[shape.type_name]):
        yield f"'{path}' is {type(value).__name__}, not {shape.type_name}"
        return
    if shape.type_name == "structure":
        yield from (f"'{_join(path, name)}' is no member of {shape.name}" for name in value.keys() - shape.members)
    for member, item, place in _inside(shape, value, path):
        yield from _misshapen(member, item, place)


PYTHON_TYPES = {"structure": dict, "list": list, "map": dict, "string": str, "boolean": bool, "integer": int,
                "long": int, "timestamp": datetime, "blob": bytes}


def _broken_rules(shape: Shape, value, path: str) -> Iterator[str]:
    hidden = shape.metadata.get("sensitive") or shape.type_name not in SHOWN
    shown = "Value" if hidden else f"Value '{str(value)[:LONGEST_SHOWN]}'"
    for holds, rule in _rules(shape):
        if not holds(value):
            yield f"{shown} at '{path[-LONGEST_SHOWN:]}' failed to satisfy constraint: {rule}"


@lru_cache(maxsize=None)
def _rules(shape: Shape) -> list[tuple[Callable[[object], bool], str]]:
    """A shape's own constraints: whether a value holds to one, and what it says."""
    limits, kind, rules = shape.metadata, shape.type_name, []
    least, most, enum = limits.get("min"), limits.get("max"), limits.get("enum")
    measure, what = (int, "value") if kind in ("integer", "long") else (len, "length")
    if least is not None:
        rules.append((lambda value: measure(value) >= least,
                      f"Member must have {what} greater than or equal to {least}"))
    if most is not None:
        rules.append((lambda value: measure(value) <= most, f"Member must have {what} less than or equal to {most}"))
    if "pattern" in limits and shape.name not in UNENFORCED:
        pattern = _pattern(limits["pattern"])
        rules.append((lambda value: pattern.fullmatch(value) is not None,
                      f"Member must satisfy regular expression pattern: {limits['pattern']}"))
    if enum:
        rules.append((lambda value: value in enum, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
    if kind == "string":
        rules.append((_is_text, "Member must be Unicode text without NUL"))
    return rules


UNENFORCED = {"DomainType"}
"""Shapes whose pattern Cognito does not hold requests to: a custom domain has dots."""
SHOWN = {"string", "integer", "long"}


def _is_text(value: str) -> bool:
    """Whether a database can keep it: JSON can write NUL and halves of surrogate pairs too."""
    return "\x00" not in value and (value.isascii() or not SURROGATE.search(value))


SURROGATE = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=None)
def _pattern(java: str) -> re.Pattern | regex.Pattern:
    # In Java \w knows ASCII letters only, \p{L} knows them all. The latter only `regex` knows; `re` is faster.
    return regex.compile(java) if r"\p{" in java else re.compile(java, re.ASCII)


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
