"""The login pages: a door of HTML forms onto the seam.

Owns the journeys (one module each), their templates and languages, the stylesheet, and one script that no page
needs. Every page carries the authorize request in its address and ends at `/oauth2/authorize`, which decides what
follows.
Knows no rule and no row: forms become requests to Backend.call, refusals become notices.
To add a page: a function tagged `@page` (with its challenge, if it answers one), a template, its module here.
"""
import re
from collections.abc import Callable

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from authservice import browser
from authservice.audit import doors
from authservice.contract import Backend
from authservice.errors import CognitoError, Unavailable
from authservice.hosted import (account_choice, authenticator, consent, new_password,  # noqa: F401  tags
                                recovery, sign_in, sign_up)
from authservice.hosted import languages, plain_pages
from authservice.hosted.journey import PAGES, Journey, Page

FORM_BYTES = 32_768


class AnyCase(BaseConverter):
    """A path in any letter case: Cognito's own documents write its pages' paths in several ways."""

    part_isolating = False

    def __init__(self, url_map, path: str):
        super().__init__(url_map)
        self.regex = f"(?i:{re.escape(path)})"


def create(backend: Backend, read_request: Callable, read_logout: Callable, trail) -> Blueprint:
    """The pages on this backend.

    `read_request(args)` gives the valid authorize request of a query, `read_logout(args)` what a /logout request
    asks for; each aborts with the answer to a bad one. `trail`: where requests are recorded.
    """
    pages = Blueprint("hosted", __name__, template_folder="templates", static_folder="static",
                      static_url_path="/hosted/static")
    pages.record_once(lambda state: state.app.url_map.converters.update(anycase=AnyCase))
    pages.record_once(lambda state: languages.set_up(state.app))

    def route(path: str, name: str, view: Callable[[], Response], methods=("GET",)) -> None:
        def named(_: str) -> Response:
            g.operation = f"{request.method} {path}"  # for the log
            return view()

        pages.add_url_rule(f"/<anycase('{path[1:]}'):_>", name, named, methods=methods)

    def serve(page: Page) -> Callable[[], Response]:
        return lambda: Journey(backend, read_request(request.args)).answer(page)

    for page in PAGES:
        route(page.path, page.path[1:].replace("/", "_"), serve(page), ("GET", "POST"))
    route("/signout", "sign_out", lambda: plain_pages.sign_out(read_logout(request.args)))
    route("/signedout", "signed_out", lambda: plain_pages.signed_out(read_logout(request.args)))
    route("/error", "error", lambda: plain_pages.error(backend))
    route("/confirmUser", "confirm_user", lambda: plain_pages.confirm_user(backend))

    pages.before_request(limit_forms)
    pages.before_request(languages.remember)
    doors.watch(pages, trail)
    pages.after_request(browser.secure_headers)
    for refusal in (HTTPException, 500):  # by number too, for a page's bug is answered by a page
        pages.register_error_handler(refusal, lambda error: plain_pages.error_page(error.code))
    pages.register_error_handler(CognitoError, lambda error: plain_pages.error_page(error.status, error.code))
    pages.register_error_handler(Unavailable, plain_pages.not_now)
    pages.context_processor(lambda: {"csrf_token": browser.csrf_token, "language": languages.current(),
                                     "language_choices": languages.choices, "languages": languages.LANGUAGES})
    return pages


def limit_forms() -> None:
    """No form of ours is larger (S9)."""
    request.max_content_length = request.max_form_memory_size = FORM_BYTES
