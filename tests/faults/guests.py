"""Guests of one worker each: a connection that stays open, requests as they are on the wire, no second try.

Owns asking and doing things at once. What may be asked is the API's and the OAuth endpoints' matter.
"""

import http.client
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from authservice.contract import service
from tests.faults.site import UNSIGNED

OK = "200"
PATIENCE = 20  # seconds


class Answer(NamedTuple):
    """What came back: the status, the JSON if it was some, where it sends the guest."""

    status: int
    body: dict
    location: str = ""

    @property
    def outcome(self) -> str:
        """'200', or the name of the error: Cognito's __type, OAuth's error."""
        return self.body.get("__type") or self.body.get("error") or str(self.status)

    @property
    def tokens(self) -> dict:
        """The tokens in it by Cognito's names, whichever door gave them; empty where there are none."""
        names = {"access_token": "AccessToken", "refresh_token": "RefreshToken", "id_token": "IdToken"}
        oauth = {names[name]: value for name, value in self.body.items() if name in names}
        return self.body.get("AuthenticationResult") or oauth


class Guest:
    """Whoever asks the service at `url`, over one connection. A patient one asks again when he hears "not now" (503), as
    on a machine with too much to do."""

    def __init__(self, url: str, timeout: float = 60, patient: bool = False):
        self._patience = PATIENCE if patient else 0
        self._wire = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=timeout)

    def call(self, operation: str, **request) -> Answer:
        """An API operation, with any credentials where it wants some. OSError or HTTPException where no answer came."""
        signed = {} if service().is_public(operation) else {"Authorization": UNSIGNED}
        return self._ask("POST", "/", json.dumps(request), {
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
            "Content-Type": "application/x-amz-json-1.1", **signed})

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def user_info(self, access_token: str) -> Answer:
        return self.get("/oauth2/userInfo", Authorization=f"Bearer {access_token}")

    def _ask(self, *request) -> Answer:
        deadline = time.monotonic() + self._patience
        while (answer := self._ask_once(*request)).status == 503 and time.monotonic() < deadline:
            time.sleep(0.02)
        return answer

    def _ask_once(self, method: str, path: str, body: str | None, headers: dict) -> Answer:
        try:
            self._wire.request(method, path, body, headers)
            answer = self._wire.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()  # the next request opens it anew
            raise
        told = json.loads(content) if "json" in answer.headers.get("Content-Type", "") else {}
        return Answer(answer.status, told, answer.headers.get("Location", ""))

    def close(self) -> None:
        self._wire.close()


NO_ANSWER = (OSError, http.client.HTTPException)


def at_once(*actions: Callable) -> list:
    """Do all of it at the same instant, each in a thread of its own; their results in order."""
    barrier = threading.Barrier(len(actions))

    def act(action):
        barrier.wait(30)
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(act, actions))


@contextmanager
def meanwhile(*actions: Callable):
    """Run these for the time of the block, each over and over in its own thread; yields a list that they fill with
    what they give. The first error of any of them is the block's."""
    over, results = threading.Event(), []

    def repeat(action) -> None:
        while not over.is_set():
            results.append(action())

    with ThreadPoolExecutor(len(actions)) as threads:
        running = [threads.submit(repeat, action) for action in actions]
        try:
            yield results
        finally:
            over.set()
        for thread in running:
            thread.result(60)


TIMES = int(os.environ.get("AUTHSERVICE_FAULT_ROUNDS", "1"))
"""How many times as many rounds the tests of races and kills play; a race that is lost seldom wants many."""


def wait_until(happened: Callable[[], object], seconds: float = 20) -> None:
    """Look again and again until it has happened; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"has not happened within {seconds} s"
        time.sleep(0.002)
