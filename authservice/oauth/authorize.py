"""/oauth2/authorize: the only dispatcher. Is the request good? Who is signed in, and freshly enough?

Good request and signed in: back to the app with a code. Good and not signed in: to the sign-in page, which
comes back here with the same query. Otherwise an error, to the app if it is known where that is, else to our
own error page. No page routes to an app by itself: `reader` gives the pages the same check.
Source: RFC 6749 section 4.1, OpenID Connect Core section 3.1.2, RFC 8707, RFC 9207; Developer Guide,
"Authorize endpoint".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant
from authlib.oidc.core.errors import LoginRequiredError, RequestNotSupportedError, RequestURINotSupportedError
from flask import Response, abort, g, request
from werkzeug.datastructures import MultiDict

from authservice import browser
from authservice.contract import ANONYMOUS
from authservice.local.call import Call
from authservice.local.models import AppClient, BrowserSession
from authservice.local.tokens import browser_sessions, id_token_hint, issue
from authservice.oauth import answers, clients, pools, server

LONGEST_QUERY = 8192
"""Characters; the query travels in a Location header from page to page."""
LONGEST_VALUE = 2048
RESPONSE_TYPES = ("code", "token")
RESOURCE = re.compile(r"https://\S+|http://localhost([:/]\S*)?|(?!https?:)[a-z][a-z0-9+.-]*:\S+", re.I)
"""A resource indicator: https, http on localhost, or a scheme of one's own."""


class Refused(Exception):
    """The authorize request was refused; the guest goes to `location`, at the app or on our error page."""

    def __init__(self, location: str):
        self.location = location


@dataclass(frozen=True)
class AuthorizeRequest:
    """What the hosted pages need to know of a valid authorize request."""

    pool_id: str
    client_id: str
    client_name: str
    query: str
    """The whole request, to come back with."""
    redirect_origin: str
    """scheme://host:port of the redirect URI; of an app's own scheme, the scheme alone."""
    login_hint: str | None
    lang: str | None


@dataclass(frozen=True)
class Asked:
    """A valid authorize request in one unit of work: Authlib's grant, and what it asks of the sign-in."""

    grant: BaseGrant
    client: AppClient
    redirect_uri: str
    values: MultiDict
    max_age: timedelta | None

    @property
    def prompt(self) -> set[str]:
        return set(self.values.get("prompt", "").split())

    def fits(self, call: Call, session: BrowserSession) -> bool:
        """Whether it is the user an id_token_hint names, if there is one (A9)."""
        if "id_token_hint" not in self.values:
            return True
        hint = id_token_hint.read(call, self.values["id_token_hint"])
        return hint is not None and hint["sub"] == session.user_id

    def is_fresh(self, call: Call, session: BrowserSession) -> bool:
        """Whether this sign-in will do, or the app demands a new one."""
        too_old = self.max_age is not None and call.now > session.auth_time + self.max_age
        return not (too_old or self.max_age == timedelta(0) or "login" in self.prompt)


def answer(backend) -> Response:
    """Answer GET. POST is sent on as a GET: a cookie with SameSite comes along only with that."""
    if request.method == "POST":
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return answers.Redirect(answers.here("/oauth2/authorize", urlencode(given)), 303)
    values = request.args
    finished = browser.just_finished(_query(values))  # here: it is true but once, and the work may run again
    try:
        return backend.run(lambda call: _dispatch(call, values, finished), ANONYMOUS)
    except Refused as refused:
        return answers.Redirect(refused.location)


def _dispatch(call: Call, values: MultiDict, finished: bool) -> Response:
    """A code, the sign-in page, or a refusal; `finished`: the sign-in it demands has just happened."""
    asked = read(call, values)
    pool_id = asked.client.pool_id
    session = browser_sessions.find(call, pool_id, browser.session_id(pool_id))
    if session and asked.fits(call, session) and (finished or asked.is_fresh(call, session)):
        grant = asked.grant
        return grant.server.create_authorization_response(grant.request, grant_user=session, grant=grant)
    if "none" in asked.prompt or (session and finished):  # somebody else signed in than the hint wants
        raise _to_app(call, asked.client, asked.redirect_uri, values, LoginRequiredError())
    return answers.Redirect(answers.here("/login", _query(values)))


def reader(backend) -> Callable[[MultiDict], AuthorizeRequest]:
    """The function by which the pages read their query: the valid request, or abort with the refusal."""

    def read_request(values: MultiDict) -> AuthorizeRequest:
        try:
            return backend.run(lambda call: _described(read(call, values)), ANONYMOUS)
        except Refused as refused:
            abort(answers.Redirect(refused.location))

    return read_request


def _described(asked: Asked) -> AuthorizeRequest:
    client, values = asked.client, asked.values
    scheme, host = urlsplit(asked.redirect_uri)[:2]
    origin = f"{scheme}://{host}" if scheme in ("http", "https") else f"{scheme}:"
    language = values.get("lang") or values.get("ui_locales", "").partition(" ")[0]
    return AuthorizeRequest(client.pool_id, client.id, client.name, _query(values), origin,
                            values.get("login_hint"), language or None)


def _query(values: MultiDict) -> str:
    """The request as a query, always written the same way."""
    return urlencode(list(values.items(multi=True)))


def read(call: Call, values: MultiDict) -> Asked:
    """The valid authorize request in `values`, or Refused."""
    client, redirect_uri = _destination(call, values)
    try:
        server.refuse_repeated(values)
        # From here on one value each, and those without a value left out.
        asked = server.Request("GET", values)
        values = asked.args
        _check_values(values)
        _check_response_type(client, values.get("response_type"))
        grant = server.Server(call).get_consent_grant(asked)
        return Asked(grant, client, redirect_uri, values, _max_age(values))
    except OAuth2Error as error:
        raise _to_app(call, client, redirect_uri, values, error) from None


def _destination(call: Call, values: MultiDict) -> tuple[AppClient, str]:
    """The app client and where it is answered. Until both are known good nobody is sent anywhere (A1, A2)."""
    doubled = any(len(values.getlist(name)) > 1 for name in ("client_id", "redirect_uri"))
    if doubled or len(_query(values)) > LONGEST_QUERY:
        raise Refused(answers.error_page("invalid_request"))
    client = pools.find_client(call, values.get("client_id"))
    if client is None:
        raise Refused(answers.error_page("invalid_client", values.get("client_id")))
    redirect_uri = values.get("redirect_uri", "")
    if not clients.Client(client).check_redirect_uri(redirect_uri):
        raise Refused(answers.error_page("redirect_mismatch", client.id))
    return client, redirect_uri


def _to_app(call: Call, client: AppClient, redirect_uri: str, values: MultiDict,
            error: OAuth2Error) -> Refused:
    """The refusal told to the app, in the part of the address where it looks for its answer."""
    g.outcome = error.error
    told = {"error_description": error.description, "error": error.error}
    states = values.getlist("state")
    _, _, headers = answers.back(redirect_uri, {name: text for name, text in told.items() if text},
                                 states[0] if len(states) == 1 else None, issue.issuer(call, client.pool),
                                 fragment=values.get("response_type") == "token")
    return Refused(dict(headers)["Location"])


def _check_values(values: MultiDict) -> None:
    """Refuse what no column can hold and what is not offered, rather than ignore it (A13)."""
    if any("\0" in value for value in values.values()):
        raise InvalidRequestError("A parameter contains NUL.")
    if "request" in values:
        raise RequestNotSupportedError("Request objects are not supported.")
    if "request_uri" in values:
        raise RequestURINotSupportedError("Request objects are not supported.")
    if len(values.get("nonce", "")) > LONGEST_VALUE:
        raise InvalidRequestError(f"nonce is longer than {LONGEST_VALUE} characters.")
    prompt = values.get("prompt", "").split()
    if "none" in prompt and len(prompt) > 1:
        raise InvalidRequestError("prompt=none goes with no other value.")
    if values.get("identity_provider", "COGNITO") != "COGNITO" or "idp_identifier" in values:
        raise InvalidRequestError("The identity provider is not configured.")
    resource = values.get("resource", "https://any")
    if len(resource) > LONGEST_VALUE or "#" in resource or not RESOURCE.fullmatch(resource):
        raise OAuth2Error("resource must be an absolute URI without fragment.", error="invalid_target")


def _max_age(values: MultiDict) -> timedelta | None:
    seconds = values.get("max_age")
    if seconds is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", seconds):
        raise InvalidRequestError("max_age is not a number of seconds.")
    return timedelta(seconds=int(seconds))


def _check_response_type(client: AppClient, response_type: str | None) -> None:
    """Refuse what Authlib would refuse with the guest's own text in its description."""
    if not clients.Client(client).uses_oauth:
        raise InvalidRequestError("Client is not enabled for OAuth2.0 flows")
    if response_type is None:
        raise InvalidRequestError("Missing response_type.")
    if response_type not in RESPONSE_TYPES:
        raise OAuth2Error("response_type must be code or token.", error="unsupported_response_type")
    if not clients.Client(client).check_response_type(response_type):
        raise UnauthorizedClientError("The client may not use this response_type.")
