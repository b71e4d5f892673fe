"""Door: /healthz (the process lives) and /readyz (it can answer guests now), for whoever starts, stops and routes.

Owns how long a look may take and how long its finding is believed. Does not own what is looked at: each backend names
it in `checks()`.
"""

import logging
import threading
import time
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from authservice.contract import Backend

log = logging.getLogger(__name__)

LONGEST_LOOK_SECONDS = 1.0
BELIEVED_SECONDS = 1.0
OK = "ok"


def create(backend: Backend) -> Blueprint:
    """Both addresses; a balancer asks /readyz, what restarts a dead process /healthz."""
    door = Blueprint("health", __name__)
    readiness = Looks(backend.checks())

    @door.get("/healthz")
    def healthz() -> Response:
        return _not_kept(Response("ok\n", content_type="text/plain"))

    @door.get("/readyz")
    def readyz() -> Response:
        found = {name: _worded(finding) for name, finding in readiness.found().items()}
        answer = jsonify(found)
        answer.status_code = 200 if set(found.values()) == {OK} else 503
        return _not_kept(answer)

    return door


def _worded(finding) -> str:
    """An error's words may name a row or an address, its kind does not."""
    if finding is None:
        return f"no answer within {LONGEST_LOOK_SECONDS:.0f} s"
    return f"failed: {type(finding).__name__}" if isinstance(finding, Exception) else finding


def _not_kept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


class Looks:
    """What these functions find, looked at once for all who ask within a second.

    A look has a thread of its own: a database that does not answer holds that one thread, however many ask.
    """

    def __init__(self, checks: dict[str, Callable[[], object]]):
        self._checks = checks
        self._one_at_a_time = threading.Lock()
        self._look: _Look | None = None

    def found(self) -> dict[str, object]:
        """Of each its answer, its exception, or None where there was no answer within a second."""
        with self._one_at_a_time:
            if self._look is None or self._look.is_old():
                self._look = _Look(self._checks, self._look.found if self._look else {})
            look = self._look
        look.finished.wait(max(0.0, look.began + LONGEST_LOOK_SECONDS - time.monotonic()))
        return {name: look.found.get(name) for name in self._checks}


class _Look:
    """One look at everything, in a thread."""

    def __init__(self, checks: dict[str, Callable[[], object]], before: dict[str, object]):
        self._checks = checks
        self._before = before
        self.began = time.monotonic()
        self.found: dict[str, object] = {}
        self.finished = threading.Event()
        threading.Thread(target=self._run, name="readiness", daemon=True).start()

    def is_old(self) -> bool:
        """Whether to look again; never beside a look that still waits."""
        return self.finished.is_set() and time.monotonic() - self.began > BELIEVED_SECONDS

    def _run(self) -> None:
        for name, check in self._checks.items():
            try:
                self.found[name] = check()
            except Exception as error:
                if type(error) is not type(self._before.get(name)):  # else it is logged already
                    log.warning("%s: a look at it failed", name, exc_info=True)
                self.found[name] = error
        self.finished.set()
