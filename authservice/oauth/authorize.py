"""/oauth2/authorize: the only dispatcher. Is the request good? Who is signed in, and freshly enough?

A good request for which no person has to see a page: back to the app with a code. Otherwise to the page that is
due (sign in, choose an account, consent), which comes back here with the same query. No page routes to an app by
itself. What a good request is, and which page is due, is authorize_request.py's.
Source: RFC 6749 section 4.1, OpenID Connect Core section 3.1.2; Developer Guide, "Authorize endpoint".
"""

from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Error
from authlib.oidc.core.errors import AccountSelectionRequiredError, ConsentRequiredError, LoginRequiredError
from flask import Response, request
from werkzeug.datastructures import MultiDict

from authservice import browser
from authservice.contract import ANONYMOUS
from authservice.local.call import Call
from authservice.local.models import BrowserSession
from authservice.local.tokens import browser_sessions
from authservice.oauth import answers
from authservice.oauth.authorize_request import Asked, Refused, query, read, session_here, to_app
from authservice.oauth.grants import Granted

WITHOUT_A_PAGE = {"/login": LoginRequiredError, "/selectAccount": AccountSelectionRequiredError,
                  "/consent": ConsentRequiredError}
"""What prompt=none gets where a page would be due."""


def answer(backend) -> Response:
    """Answer GET. POST is sent on as a GET: a cookie with SameSite comes along only with that."""
    if request.method == "POST":
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return answers.Redirect(answers.here("/oauth2/authorize", urlencode(given)), 303)
    if replaced := browser.replaced():  # no copy of the cookie that was here before is worth anything (S1)
        backend.run(lambda call: browser_sessions.end(call, *replaced), ANONYMOUS)
        browser.drop("replaced")
    values = request.args
    done = browser.steps_taken(query(values))  # here, for the work below may run again
    try:
        response, is_over = backend.run(lambda call: _dispatch(call, values, done), ANONYMOUS)
    except Refused as refused:
        response, is_over = answers.Redirect(refused.location), True
    if is_over:
        browser.forget_steps()
    return response


def _dispatch(call: Call, values: MultiDict, done: set[str]) -> tuple[Response, bool]:
    """A code, the page that is due, or Refused; and whether that ends the request."""
    asked = read(call, values)
    session = session_here(call, asked.client)
    page = asked.next_page(call, session, done)
    if page and "none" in asked.prompt:
        raise _refuse(call, asked, WITHOUT_A_PAGE[page]())
    if page:
        return answers.Redirect(answers.here(page, query(values))), False
    _check_outcome(call, asked, session, done)
    grant, granted = asked.grant, Granted(session, asked.acr_of(session), asked.claims.names)
    return grant.server.create_authorization_response(grant.request, grant_user=granted, grant=grant), True


def _check_outcome(call: Call, asked: Asked, session: BrowserSession, done: set[str]) -> None:
    """Refuse, in the app's name, what the person said no to, or who is not who the app wants."""
    if "denied" in done:
        raise _refuse(call, asked, AccessDeniedError())
    if not asked.fits(session):
        raise _refuse(call, asked, LoginRequiredError())
    if asked.claims.acr_is_essential and asked.acr_of(session) not in asked.claims.acr_values:
        raise _refuse(call, asked, OAuth2Error("The user cannot sign in as strongly as claims demands.",
                                               error="unmet_authentication_requirements"))


def _refuse(call: Call, asked: Asked, error: OAuth2Error) -> Refused:
    return to_app(call, asked.client, asked.redirect_uri, asked.values, error)
