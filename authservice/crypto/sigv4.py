"""AWS Signature Version 4, the server's side: who signed this request, and is it unchanged.

Owns the reading of the Authorization header, the canonical request and the clock window. Which access keys
exist, and what they may do, is the caller's matter.

Differs: only the header form is verified, not a presigned address; secrets are long-lived, so a session
token is refused; any region is accepted in the scope, because the installation has one; UNSIGNED-PAYLOAD is
refused, because a signature that leaves the body open would sign every operation at once.

Source: IAM User Guide, "AWS Signature Version 4 for API requests".
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
WINDOW = timedelta(minutes=5)
_TERMINATOR = "aws4_request"
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")

MISSING = "Missing Authentication Token"
UNRECOGNIZED = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


class SignatureRefused(Exception):
    """A request that is not validly signed: `code` is the API's error type, `message` its text."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class _Authorization(NamedTuple):
    access_key: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: list[str]
    signature: str

    @property
    def scope(self) -> str:
        return "/".join((self.date, self.region, self.service, self.terminator))


def verify(
    method: str,
    path: str,
    query_string: str,
    headers: Mapping[str, str],
    body: bytes,
    secret_of: Callable[[str], str | None],
    now: datetime,
    service: str = "cognito-idp",
) -> str:
    """The access key id that signed this request, or SignatureRefused.

    `path` and `query_string` are as sent, still percent-encoded; `headers` is any mapping whose `items()`
    gives names (in any case) and values, Werkzeug's included; `secret_of` answers None for an unknown
    access key; `now` is aware. The host and every x-amz-* header present must be signed: an unsigned
    X-Amz-Target could be swapped.
    """
    fields = _fields(headers)
    authorization = _read(fields.get("authorization", ""))
    date = _date(fields)
    _require_signed(fields, authorization.signed_headers)
    secret = secret_of(authorization.access_key)
    if not secret or "x-amz-security-token" in fields:
        raise SignatureRefused("UnrecognizedClientException", UNRECOGNIZED)
    _require_scope(authorization, date, service)
    _require_current(date, now)
    body_hash = hashlib.sha256(body).hexdigest()
    if fields.get("x-amz-content-sha256", body_hash) != body_hash:
        raise SignatureRefused("InvalidSignatureException", MISMATCH)
    request = _canonical_request(method, path, query_string, fields, authorization.signed_headers, body_hash)
    expected = _signature(secret, date, authorization, request)
    if not hmac.compare_digest(_bytes(expected), _bytes(authorization.signature)):
        raise SignatureRefused("InvalidSignatureException", MISMATCH)
    return authorization.access_key


def access_key_of(authorization: str) -> str | None:
    """The access key id that an Authorization header claims, nothing verified; None unless it is well-formed SigV4."""
    try:
        return _read(" ".join(authorization.split())).access_key
    except SignatureRefused:
        return None


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in headers.items():
        name, value = name.lower(), " ".join(value.split())
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def _incomplete(message: str) -> SignatureRefused:
    return SignatureRefused("IncompleteSignatureException", message)


def _invalid(message: str) -> SignatureRefused:
    return SignatureRefused("InvalidSignatureException", message)


def _read(header: str) -> _Authorization:
    scheme, _, rest = header.partition(" ")
    if scheme != ALGORITHM:
        raise SignatureRefused("MissingAuthenticationTokenException", MISSING)
    pairs = [part.strip().partition("=")[::2] for part in rest.split(",")]
    values = {name: value for name, value in pairs if value}
    missing = [name for name in _PARAMETERS if name not in values]
    if missing:
        raise _incomplete(" ".join(f"Authorization header requires '{name}' parameter." for name in missing))
    if len(pairs) != len(_PARAMETERS):
        raise _incomplete("Authorization header takes Credential, SignedHeaders and Signature, each once.")
    credential = values["Credential"].split("/")
    if len(credential) != 5 or not credential[0]:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{values['Credential']}'"
        )
    return _Authorization(*credential, values["SignedHeaders"].split(";"), values["Signature"])


def _date(fields: dict[str, str]) -> datetime:
    text = fields.get("x-amz-date")
    if text is None:
        raise _incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        return datetime.strptime(text, _DATE_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{text}'.") from None


def _require_signed(fields: dict[str, str], signed_headers: list[str]) -> None:
    for name in ("host", *sorted(fields)):
        if (name == "host" or name.startswith("x-amz-")) and name not in signed_headers:
            raise _incomplete(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    if not fields.keys() >= set(signed_headers):
        raise _invalid(MISMATCH)  # something signed was lost on the way


def _require_scope(authorization: _Authorization, date: datetime, service: str) -> None:
    if authorization.terminator != _TERMINATOR:
        raise _invalid(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'.")
    if not authorization.region:
        raise _invalid("Credential should be scoped to a valid region.")
    if authorization.service != service:
        raise _invalid(f"Credential should be scoped to correct service: '{service}'.")
    day = date.strftime("%Y%m%d")
    if authorization.date != day:
        raise _invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{authorization.date}' != '{day}', from '{date.strftime(_DATE_FORMAT)}'."
        )


def _require_current(date: datetime, now: datetime) -> None:
    now = now.astimezone(timezone.utc)
    sent, present = date.strftime(_DATE_FORMAT), now.strftime(_DATE_FORMAT)
    if date < now - WINDOW:
        limit = (now - WINDOW).strftime(_DATE_FORMAT)
        raise _invalid(f"Signature expired: {sent} is now earlier than {limit} ({present} - 5 min.)")
    if date > now + WINDOW:
        limit = (now + WINDOW).strftime(_DATE_FORMAT)
        raise _invalid(f"Signature not yet current: {sent} is still later than {limit} ({present} + 5 min.)")


def _canonical_request(
    method: str,
    path: str,
    query_string: str,
    fields: dict[str, str],
    signed_headers: list[str],
    body_hash: str,
) -> str:
    lines = [method.upper(), quote(path or "/", safe="/~"), _canonical_query(query_string)]
    lines += [f"{name}:{fields[name]}" for name in signed_headers]
    return "\n".join([*lines, "", ";".join(signed_headers), body_hash])


def _canonical_query(query_string: str) -> str:
    if not query_string:
        return ""
    # The pairs as sent, not decoded and encoded again: no operation has a query, so nobody needs it.
    pairs = sorted(part.partition("=")[::2] for part in query_string.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _signature(secret: str, date: datetime, authorization: _Authorization, canonical_request: str) -> str:
    digest = hashlib.sha256(_bytes(canonical_request)).hexdigest()
    text = "\n".join((ALGORITHM, date.strftime(_DATE_FORMAT), authorization.scope, digest))
    key = b"AWS4" + _bytes(secret)
    for part in (*authorization.scope.split("/"), text):
        key = hmac.digest(key, _bytes(part), "sha256")
    return key.hex()


def _bytes(text: str) -> bytes:
    # surrogatepass: text that is not Unicode must give a refusal, not a crash, and must stay distinct.
    return text.encode(errors="surrogatepass")
