"""An authorize request: which app asks, whether it may, and what it demands of the sign-in.

Owns the checks. A request of a known app with a known redirect URI is refused to the app, any other to our own
error page. `reader` gives the hosted pages the same check. What follows a good request is authorize.py's.
Source: RFC 6749 section 4.1, OpenID Connect Core section 3.1.2, RFC 8707, RFC 9207; Developer Guide,
"Authorize endpoint".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant
from authlib.oidc.core.errors import LoginRequiredError, RequestNotSupportedError, RequestURINotSupportedError
from flask import abort, g
from werkzeug.datastructures import MultiDict

from authservice import browser
from authservice.contract import ANONYMOUS
from authservice.local.accounts import assurance
from authservice.local.call import Call
from authservice.local.models import AppClient, BrowserSession
from authservice.local.tokens import browser_sessions, id_token_hint, issue
from authservice.oauth import advice, answers, claims_parameter, clients, pools, server
from authservice.oauth.claims_parameter import ClaimsAsked

LONGEST_QUERY = 8192
"""Characters; the query travels in a Location header from page to page."""
LONGEST_VALUE = 2048
PROMPTS = {"none", "login", "select_account", "consent"}
RESPONSE_MODES = {"code": ("query", "fragment"), "token": ("fragment",)}
"""What each response_type offers; the first is the usual one."""
NOT_A_REASON_TO_REFUSE = {"offline_access", "address"}
"""Scopes of OpenID Connect that Cognito does not know. Apps that ask every provider for them ask here too."""
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
    scopes: tuple[str, ...]
    attributes: tuple[str, ...]
    """What the app would get to know beyond its scopes, since it asks for it by name."""
    login_hint: str | None
    acr_values: str | None
    account: str | None
    """The name of who is signed in at this browser, as people know it."""
    is_settled: bool
    """Whether the app would get its code at once, without a page."""


@dataclass(frozen=True)
class Asked:
    """A valid authorize request in one unit of work: Authlib's grant, and what it asks of the sign-in."""

    grant: BaseGrant
    client: AppClient
    redirect_uri: str
    values: MultiDict
    max_age: timedelta | None
    hint: dict | None
    """The claims of the id_token_hint."""
    claims: ClaimsAsked
    strict: bool

    @property
    def prompt(self) -> set[str]:
        return set(self.values.get("prompt", "").split())

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.grant.request.scope.split())

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that `claims` asks for by name, the app client may read, and no scope of the request shows."""
        by_name = set().union(*self.claims.names.values()) & self.client.readable - {"sub"}
        return tuple(sorted(by_name - issue.named_by_scope(self.scopes, by_name)))

    @property
    def acr_values(self) -> str | None:
        """The levels the app would like, by name, the best first. What `claims` insists on goes before a mere wish
        (OpenID Connect Core section 5.5.1.1)."""
        wished, by_claims = self.values.get("acr_values", "").split(), self.claims.acr_values
        return " ".join([*by_claims, *wished] if self.claims.acr_is_essential else [*wished, *by_claims]) or None

    def acr_of(self, session: BrowserSession) -> str | None:
        """The level of this sign-in, if the app asked to know it."""
        asked = self.acr_values or "acr" in self.claims.names.get("id_token", [])
        return assurance.reached(self.client.pool, session.methods) if asked else None

    def fits(self, session: BrowserSession) -> bool:
        """Whether it is the user whom id_token_hint or claims name, if they do (A9)."""
        if self.claims.subject not in (None, session.user_id):
            return False
        return self.hint is None or self.hint["sub"] == session.user_id

    def is_fresh(self, call: Call, session: BrowserSession) -> bool:
        """Whether this sign-in will do, or the app demands a new one."""
        too_old = self.max_age is not None and call.now > session.auth_time + self.max_age
        return not (too_old or self.max_age == timedelta(0) or "login" in self.prompt)

    def is_strong(self, session: BrowserSession) -> bool:
        """Whether this sign-in reaches the level that the app demands of its user."""
        return assurance.demanded(session.user, self.acr_values) <= set(session.methods)

    def next_page(self, call: Call, session: BrowserSession | None, done: set[str]) -> str | None:
        """The page a person must see before the app gets its code; None when there is none (any more).

        `done`: the steps that were taken for exactly this request: signed-in, chosen, consented, denied.
        """
        # A sign-in just now may have been begun for a weaker request of the app, so its strength is looked at again.
        if session is None or not self.is_strong(session):
            return "/login"
        if "signed-in" not in done and not (self.fits(session) and self.is_fresh(call, session)):
            return "/login"
        if "select_account" in self.prompt and not done & {"signed-in", "chosen"}:
            return "/selectAccount"
        if self.strict and "consent" in self.prompt and not done & {"consented", "denied"}:
            return "/consent"
        return None


def session_here(call: Call, client: AppClient) -> BrowserSession | None:
    """Who is signed in at this browser, in the app client's pool."""
    return browser_sessions.find(call, client.pool_id, browser.session_id(client.pool_id))


def reader(backend) -> Callable[[MultiDict], AuthorizeRequest]:
    """The function by which the pages read their query: the valid request, or abort with the refusal."""

    def read_request(values: MultiDict) -> AuthorizeRequest:
        try:
            return backend.run(lambda call: _described(call, read(call, values)), ANONYMOUS)
        except Refused as refused:
            abort(answers.Redirect(refused.location))

    return read_request


def _described(call: Call, asked: Asked) -> AuthorizeRequest:
    client, values, session = asked.client, asked.values, session_here(call, asked.client)
    return AuthorizeRequest(client.pool_id, client.id, client.name, query(values), answers.origin(asked.redirect_uri),
                            asked.scopes, asked.attributes, values.get("login_hint"), asked.acr_values,
                            session and _name(session), asked.next_page(call, session, set()) is None)


def _name(session: BrowserSession) -> str:
    """What a person is called on our pages: by an address where the username is an id nobody knows."""
    user = session.user
    known = [user.attributes.get(name) for name in ("email", "phone_number")] if user.username == user.id else []
    return next(filter(None, known), user.username)


def query(values: MultiDict) -> str:
    """The request as a query, always written the same way."""
    return urlencode(list(values.items(multi=True)))


def read(call: Call, values: MultiDict) -> Asked:
    """The valid authorize request in `values`, or Refused."""
    client, redirect_uri = _destination(call, values)
    g.refuse_to_app = partial(to_app, call, client, redirect_uri, values)  # what may yet go wrong is the app's to know
    strict = call.settings.strict_oidc
    try:
        server.refuse_repeated(values)
        # From here on one value each, and those without a value left out.
        asked = server.Request("GET", server.Parameters(values))
        values = asked.args
        _check_values(values)
        _check_response_type(client, values.get("response_type"), strict)
        claims = claims_parameter.read(values.get("claims") if strict else None)
        _check_strictly(client, values) if strict else _advise(client, values)
        grant = server.Server(call).get_consent_grant(asked)
        return Asked(grant, client, redirect_uri, values, _max_age(values), _hint(call, values, strict), claims, strict)
    except OAuth2Error as error:
        raise to_app(call, client, redirect_uri, values, error) from None


def _destination(call: Call, values: MultiDict) -> tuple[AppClient, str]:
    """The app client and where it is answered. Until both are known good nobody is sent anywhere (A1, A2)."""
    doubled = any(len(values.getlist(name)) > 1 for name in ("client_id", "redirect_uri"))
    if doubled or len(query(values)) > LONGEST_QUERY:
        raise Refused(answers.error_page("invalid_request"))
    client = pools.find_client(call, values.get("client_id"))
    if client is None:
        raise Refused(answers.error_page("invalid_client", values.get("client_id")))
    redirect_uri = values.get("redirect_uri", "")
    if not clients.Client(client, call.settings.strict_oidc).check_redirect_uri(redirect_uri):
        raise Refused(answers.error_page("redirect_mismatch", client.id))
    return client, redirect_uri


def to_app(call: Call, client: AppClient, redirect_uri: str, values: MultiDict, error: OAuth2Error) -> Refused:
    """The refusal told to the app, in the part of the address where it looks for its answer."""
    g.outcome = error.error
    told = {"error_description": error.description, "error": error.error}
    states = values.getlist("state")
    _, _, headers = answers.back(redirect_uri, {name: text for name, text in told.items() if text},
                                 states[0] if len(states) == 1 else None, issue.issuer(call, client.pool),
                                 fragment="fragment" in (values.get("response_mode"),
                                                         *RESPONSE_MODES.get(values.get("response_type"), [])[:1]))
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


def _check_response_type(client: AppClient, response_type: str | None, strict: bool) -> None:
    """Refuse what Authlib would refuse with the guest's own text in its description."""
    if not clients.Client(client).uses_oauth:
        raise InvalidRequestError("Client is not enabled for OAuth2.0 flows")
    if response_type is None:
        raise InvalidRequestError("Missing response_type.")
    if response_type not in RESPONSE_MODES or (strict and response_type != "code"):
        offered = "code" if strict else "code or token"
        raise OAuth2Error(f"response_type must be {offered}.", error="unsupported_response_type")
    if not clients.Client(client).check_response_type(response_type):
        raise UnauthorizedClientError("The client may not use this response_type.")


def _check_strictly(client: AppClient, values: MultiDict) -> None:
    """What only strict mode refuses, and the scopes only it overlooks."""
    if not client.secrets and "code_challenge" not in values:
        raise InvalidRequestError("code_challenge is required of a client without a secret.")
    if not PROMPTS.issuperset(values.get("prompt", "").split()):
        raise InvalidRequestError("prompt has an unknown value.")
    if values.get("response_mode", "query") not in RESPONSE_MODES["code"]:
        raise InvalidRequestError("response_mode must be query or fragment.")
    scopes = values.get("scope", "").split()
    foreign = NOT_A_REASON_TO_REFUSE.difference(clients.Client(client).scopes)
    if known := [scope for scope in scopes if scope not in foreign]:
        values["scope"] = " ".join(known)


def _advise(client: AppClient, values: MultiDict) -> None:
    if values["response_type"] == "token":
        advice.give(client.id, advice.IMPLICIT)
    elif not client.secrets and "code_challenge" not in values:
        advice.give(client.id, advice.NO_PKCE)


def _hint(call: Call, values: MultiDict, strict: bool) -> dict | None:
    """Whom the app means. What is no ID token of ours means nobody: without a page nobody is answered for (A9); with
    one it is overlooked, as at Cognito, or strictly refused.
    """
    if "id_token_hint" not in values:
        return None
    hint = id_token_hint.read(call, values["id_token_hint"])
    if hint is None and values.get("prompt") == "none":
        raise LoginRequiredError()
    if hint is None and strict:
        raise InvalidRequestError("id_token_hint is not an ID token of this provider.")
    return hint


def _max_age(values: MultiDict) -> timedelta | None:
    seconds = values.get("max_age")
    if seconds is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", seconds):
        raise InvalidRequestError("max_age is not a number of seconds.")
    return timedelta(seconds=int(seconds))
