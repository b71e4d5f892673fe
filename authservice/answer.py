"""A response as programs get it from us: sent as it was made.

Werkzeug corrects, copies and checks every header several times on a response's way out; for one that has a short text
and headers of ours alone this is a third of what Flask costs. Pages for people are Flask's own responses.
"""

from collections.abc import Iterable

from flask import Response

JSON = "application/json"


class Answer(Response):
    """A whole body in memory, and its headers, (name, value) pairs, as they were given: `lines`.

    What is put into `headers` besides is sent too.
    """

    default_mimetype = None

    def __init__(self, text: str, status: int = 200, headers: Iterable[tuple[str, str]] = (), kind: str | None = JSON):
        """`kind`: the Content-Type."""
        data = text.encode()
        super().__init__([data], status, content_type=kind)
        self.lines = [*headers, ("Content-Length", str(len(data)))]

    def get_wsgi_response(self, environ: dict) -> tuple:
        """The WSGI triple; nobody is to be told of its end, so nothing wraps the body."""
        body = () if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, [*self.lines, *self.headers.to_wsgi_list()]
