"""The busiest endpoints that programs ask, answered in front of the Flask app: tokens, userInfo, keys and metadata.

Owns which these are, and the order in which a request is noted, answered, dressed and told of. What Flask does for a
page around that (contexts, routes, hooks, a session) would be a quarter of their time. What they answer is the
endpoints' own; other methods, and all other endpoints, are Flask's (see create in __init__.py).
"""

import logging
import re
from collections.abc import Callable, Iterable

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Response
from werkzeug.exceptions import HTTPException

from authservice.audit import doors
from authservice.body import FormRequest
from authservice.config import Settings
from authservice.errors import CognitoError, Unavailable
from authservice.oauth import answers, asked, discovery, revoke, token, userinfo
from authservice.watch import Watch, new_id

log = logging.getLogger(__name__)

LONGEST_BODY = 65_536
"""Bytes of a form (S9)."""
ENDPOINTS = {
    "POST /oauth2/token": ("oauth.token", token.answer),
    "POST /oauth2/revoke": ("oauth.revoke", revoke.answer),
    "GET /oauth2/userInfo": ("oauth.userinfo", userinfo.answer),
    "POST /oauth2/userInfo": ("oauth.userinfo", userinfo.answer)}
DOCUMENTS = {
    "GET /.well-known/jwks.json": ("oauth.jwks", discovery.jwks),
    "GET /.well-known/openid-configuration": ("oauth.configuration", discovery.configuration)}
"""Those of a pool, whose id stands before."""
OF_A_POOL = re.compile(r"/(?P<pool_id>[\w-]{1,128})(?P<document>/\.well-known/[a-z.-]+)", re.ASCII)


class Programs:
    """A WSGI app in front of one that answers everything else."""

    def __init__(self, others: Callable, backend, settings: Settings, watch: Watch):
        self._others, self._backend, self._hsts, self._watch = others, backend, settings.hsts, watch
        self._record = doors.Record(backend.trail)

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if of_a_pool := OF_A_POOL.fullmatch(path):
            found, names = DOCUMENTS.get(f"{method} {of_a_pool['document']}"), {"pool_id": of_a_pool["pool_id"]}
            route = f"/<pool_id>{of_a_pool['document']}"
        else:
            found, names, route = ENDPOINTS.get(f"{method} {path}"), {}, path
        if found is None:
            return self._others(environ, start_response)
        endpoint, view = found
        request, notes = FormRequest(environ, populate_request=False), asked.Notes()
        request.max_content_length = request.max_form_memory_size = LONGEST_BODY
        notes.began, notes.request_id = self._watch.began(), new_id()
        before = asked.alone.set((request, notes))
        try:
            self._record.begin(request, notes, endpoint)
            answer = self._answer(endpoint, view, names)
            response = answers.dress(answer, method, notes.request_id, self._hsts, open_to_scripts=True)
            self._record.end(response, notes)
            self._watch.saw(notes.__dict__, response.status_code, method, route)
            return response(environ, start_response)
        finally:
            self._record.forget()
            asked.alone.reset(before)

    def _answer(self, endpoint: str, view: Callable[..., Response], names: dict) -> Response:
        try:
            return view(self._backend, **names)
        except Unavailable as refusal:
            return answers.not_now(refusal)
        except (OAuth2Error, CognitoError) as refusal:
            return answers.refusal(refusal)
        except HTTPException as error:
            return answers.failure("invalid_request", error.code)
        except Exception:
            log.exception("Exception at %s", endpoint)
            return answers.failure("server_error", 500)
