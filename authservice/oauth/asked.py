"""The request that is being answered, and what is noted of it for the log: `request` and `g` as Flask has them.

They are Flask's own where it answers; where programs.py does, they are of a request without an app around it. Modules
that work for both take them from here.
"""

from contextvars import ContextVar

from flask import Flask
from flask import g as flasks_g
from flask import request as flasks_request
from werkzeug.local import LocalProxy

from authservice.body import FormRequest

Notes = Flask.app_ctx_globals_class
"""What Flask's `g` is."""

alone: ContextVar[tuple[FormRequest, Notes] | None] = ContextVar("alone", default=None)
"""The request that is answered without Flask, if one is."""


def _request() -> FormRequest:
    here = alone.get()
    return here[0] if here else flasks_request._get_current_object()


def _notes() -> Notes:
    here = alone.get()
    return here[1] if here else flasks_g._get_current_object()


request: FormRequest = LocalProxy(_request)
g: Notes = LocalProxy(_notes)
