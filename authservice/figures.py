"""What is counted: requests by operation and outcome, how long they took, and how busy the process is.

Owns the counting, and how the workers of one service tell each other: a file each, in a folder that a start makes anew.
Does not own how the figures are published (metrics.py).

Not prometheus_client's own way for several processes, which writes every change through a memory map: that costs a
request three times as much, and where the disk is full it ends the process (SIGBUS).
"""

import json
import os
import shutil
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path

from authservice.config import Settings
from authservice.contract import service
from authservice.watch import Seen

BOUNDS = (.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)
"""Upper bounds of the classes of latency, in seconds; a last class holds what takes longer."""
TELL_SECONDS = 1.0
"""How old another worker's figures are at most."""
OAUTH_ERRORS = frozenset((
    "access_denied", "account_selection_required", "consent_required", "insufficient_scope", "interaction_required",
    "invalid_client", "invalid_grant", "invalid_request", "invalid_request_object", "invalid_request_uri",
    "invalid_scope", "invalid_target", "invalid_token", "login_required", "redirect_mismatch", "registration_not_supported",
    "request_not_supported", "request_uri_not_supported", "server_error", "temporarily_unavailable",
    "unauthorized_client", "unmet_authentication_requirements", "unsupported_grant_type", "unsupported_response_type",
    "unsupported_token_type"))
"""Of RFC 6749, 6750, 7009, 8707 and OpenID Connect Core; and Cognito's redirect_mismatch."""
OF_ANY_OPERATION = frozenset((
    "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InternalErrorException",
    "InvalidSignatureException", "MissingAuthenticationTokenException", "NotImplementedException",
    "SerializationException", "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException"))
"""What any operation may answer, though the model lists it for none: "Common errors" of the API reference."""


def folder_of(settings: Settings) -> Path:
    """Where the workers that listen on one port tell their figures."""
    return settings.instance / "metrics" / str(settings.port)


def begin_anew(folder: Path) -> None:
    """Make the folder empty, before the first worker starts: nothing is left of the last run."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # without it each worker knows its own figures alone, and serves
        folder.mkdir(parents=True, mode=0o700)


class Figures:
    """One worker's figures. `load` gives how busy it is now, {name: number}; `folder` is shared with the other workers
    of the service, None where there are none."""

    def __init__(self, load: Callable[[], dict[str, float]], folder: Path | None = None):
        self._load = load
        self._folder = folder
        self._operations: dict[str, dict] = {}
        self._lock = threading.Lock()
        self._told = ""
        if folder is not None:
            Finalize(None, self._tell, exitpriority=0)  # the last ones; a worker's end runs no atexit
            threading.Thread(target=self._tell_forever, name="figures", daemon=True).start()

    def count(self, seen: Seen) -> None:
        """Count an answered request."""
        outcome = seen.outcome
        if outcome.__class__ is int:
            outcome = "ok" if outcome < 400 else str(outcome)
        with self._lock:
            counted = self._operations.get(seen.operation) or self._first(seen.operation)
            outcomes = counted["outcomes"]
            if outcome not in outcomes:
                outcome = _known(outcome)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            counted["classes"][bisect_left(BOUNDS, seen.seconds)] += 1
            counted["seconds"] += seen.seconds

    def _first(self, operation: str) -> dict:
        self._operations[operation] = {"outcomes": {}, "classes": [0] * (len(BOUNDS) + 1), "seconds": 0.0}
        return self._operations[operation]

    def _own(self) -> str:
        with self._lock:
            return json.dumps({"pid": os.getpid(), "alive": True, "operations": self._operations, "load": self._load()})

    def of_all(self) -> list[dict]:
        """The figures of every worker there is or was: {"pid", "alive", "operations": {name: {"outcomes": {outcome: number},
        "classes": [number], "seconds": sum}}, "load": {name: number}}."""
        return [json.loads(self._own()), *(self._of_the_others() if self._folder else ())]

    def _of_the_others(self) -> Iterator[dict]:
        for file in self._folder.glob("*.json"):
            told = json.loads(file.read_text())
            if told["pid"] != os.getpid():
                yield {**told, "alive": is_alive(told["pid"])}

    def _tell_forever(self) -> None:
        pause = threading.Event()
        while True:
            self._tell()
            pause.wait(TELL_SECONDS)

    def _tell(self) -> None:
        with suppress(OSError):  # a full disk: the others see older figures
            if (own := self._own()) != self._told:
                _replace(self._folder / f"{os.getpid()}.json", own)
                self._told = own


def _replace(file: Path, text: str) -> None:
    # Whoever reads meanwhile sees the old file or the new, never a half.
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, file)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _known(outcome: str) -> str:
    """An error's code, or a status; "other" for what neither the model nor a specification has, for there would be no
    end of figures where a guest or a stranger's server could invent one."""
    known = (outcome == "ok" or outcome.isdigit() or outcome in OF_ANY_OPERATION or outcome in OAUTH_ERRORS
             or outcome in service().error_codes)
    return outcome if known else "other"
