"""A response as programs get it from us: sent as it was made.

Werkzeug corrects, copies and checks every header once more on a response's way out; for one that has a short text
and headers of ours alone this is a third of what Flask costs. Pages for people are Flask's own responses.
"""

from flask import Response


class Answer(Response):
    """A whole body in memory, its headers, and `further` ones that stand for many answers: (name, value) pairs."""

    further: list[tuple[str, str]] | tuple[tuple[str, str], ...] = ()

    def get_wsgi_response(self, environ: dict) -> tuple:
        """The WSGI triple; nobody is to be told of its end, so nothing wraps the body."""
        body = () if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, [*self.headers.to_wsgi_list(), *self.further]
