"""The body of a request, read in one step where it is short and its length is told, as nearly all are.

Werkzeug's way, by a stream within a stream and a parser of all forms there are, takes as long as a read of the
database; it stays the way of every other body. Does not own how long a body may be (api.py, oauth/).
"""

import io
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import ClientDisconnected

FORM = "application/x-www-form-urlencoded"
SHORT_FORM = 8192
"""Bytes; a longer form is Werkzeug's, which knows what a door allows."""


def announced(environ: dict) -> int | None:
    """Bytes of the body as its sender tells them, if he does."""
    length = environ.get("CONTENT_LENGTH", "")
    return int(length) if length.isdecimal() else None


def is_there(environ: dict) -> bool:
    """Whether anything is announced, or comes without."""
    return "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ


def short(environ: dict, most: int) -> bytes | None:
    """The body, if it is announced with no more than `most` bytes and not read yet."""
    length = announced(environ)
    if length is None or length > most:
        return None
    data = environ["wsgi.input"].read(length)
    if len(data) < length:
        raise ClientDisconnected()
    return data


class FormRequest(Request):
    """Flask's request, which reads short forms so."""

    def _load_form_data(self) -> None:
        known, environ = self.__dict__, self.environ
        data = None
        if not known.keys() & {"form", "stream", "_cached_data"}:
            if not is_there(environ):
                data = b""
            elif environ.get("CONTENT_TYPE") == FORM:
                data = short(environ, SHORT_FORM)
        if data is None:
            return super()._load_form_data()
        try:
            pairs = parse_qsl(data.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
        except ValueError:  # not UTF-8: no form
            pairs = []
        nothing = self.parameter_storage_class()
        known.update(stream=io.BytesIO(), form=self.parameter_storage_class(pairs), files=nothing)
