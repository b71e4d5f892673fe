"""One worker process: the app, in an interpreter that is set for serving.

What granian starts. Does not own what the app is (create_app) nor how many workers there are (cli.py).
"""

import gc

from flask import Flask

from authservice import config, figures, hosted, metrics, oauth, outbox, tracing  # noqa: F401  before workers are forked
from authservice import create_app as create_service

YOUNG = 20_000
"""So many more objects than before let the collector look for rings of dead ones; 700, as Python has it, is every
second request."""


def create_app() -> Flask:
    """The service's app, for a process that does nothing else."""
    settings = config.load()
    app = create_service(settings, shared=figures.folder_of(settings))
    settle()
    return app


def settle() -> None:
    """Leave what was loaded at the start out of every later search for garbage: it stays as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
