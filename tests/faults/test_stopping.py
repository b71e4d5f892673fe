"""SIGTERM and SIGHUP under load: what was asked is answered, and who asks meanwhile is not turned away."""

import http.client
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from authservice import serving
from authservice.connections import LAST_ANSWERS
from tests.faults.site import QUICK, Site
from tests.services import free_port
from tests.services.server import Service, environment, running_service

SLOW = {"AUTHSERVICE_ARGON2_TIME": 6}
"""A sign-in takes a tenth of a second."""
HALVES = (b"GET /healthz HTTP/1.1\r\nHost: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")


def eventually(condition, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def are_read(port: int, number: int) -> bool:
    """Whether the service has so many connections at this port, and has read all that came by them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    theirs = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return len(theirs) >= number and all(row[4].endswith(":00000000") and row[9] != "0" for row in theirs)


def outcome(guest: socket.socket) -> int:
    """The status of an answer that has come as a whole."""
    answer = http.client.HTTPResponse(guest)
    answer.begin()
    answer.read()
    return answer.status


def test_what_was_read_is_answered_and_the_exit_code_is_0(tmp_path):
    number = 12
    with running_service(tmp_path, SLOW) as service, ExitStack() as stack:
        site = Site.make(service)
        guests = [stack.enter_context(socket.create_connection(site.address, timeout=60)) for _ in range(number)]
        for guest in guests:
            guest.sendall(site.request_to_sign_in())
        eventually(lambda: are_read(site.address[1], number))
        service.process.send_signal(signal.SIGTERM)
        outcomes = Counter(map(outcome, guests))
        # Where the machine is busy, "not now" is an answer too; those at work when the signal came are done.
        assert outcomes.keys() <= {200, 503} and outcomes[200] >= 4, outcomes
        assert service.process.wait(serving.STOP_SECONDS) == 0
        with pytest.raises(ConnectionRefusedError):
            site.sign_in()
        assert site.is_sound()


def test_halves_of_requests_do_not_keep_a_worker_from_stopping(tmp_path):
    with running_service(tmp_path, QUICK) as service, ExitStack() as stack:
        port = Site(service).address[1]
        for half in HALVES:
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(half)
        eventually(lambda: are_read(port, len(HALVES)))
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < serving.STOP_SECONDS / 2


def test_workers_that_are_just_beginning_are_stopped_too(tmp_path):
    port = free_port()
    arguments = ["serve", "--port", str(port), "--workers", "2"]
    service = Service(f"http://127.0.0.1:{port}", tmp_path / "log", arguments, environment(tmp_path, QUICK))
    service.launch()
    with ExitStack() as stack:
        stack.callback(service.kill9)
        workers = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
        eventually(workers.read_text)  # one has begun, so that the other one is told while it is forked or soon after
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < serving.STOP_SECONDS / 2


def test_a_worker_that_stops_says_so_and_takes_nobody_whom_it_would_leave_unanswered(tmp_path):
    with running_service(tmp_path, QUICK) as service, ExitStack() as stack:
        address = Site(service).address
        asking = http.client.HTTPConnection(*address)
        stack.callback(asking.close)
        asking.connect()
        stack.enter_context(socket.create_connection(address))  # says nothing: the worker waits a moment
        service.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        while True:
            try:
                asking.request("GET", "/healthz")
                answer = asking.getresponse()
            except ConnectionError:  # a guest whom a busy machine had wait longer than the worker did
                assert time.monotonic() > told + LAST_ANSWERS
                break
            assert answer.read() == b"ok\n"
            if answer.headers["Connection"] == "close":
                break
        eventually(lambda: is_turned_away(address), 5)


def is_turned_away(address: tuple[str, int]) -> bool:
    """Whether a new connection is overlooked, or refused when the service has stopped."""
    try:
        socket.create_connection(address, timeout=0.1).close()
    except (TimeoutError, ConnectionRefusedError, ConnectionResetError):
        return True
    return False


class Guests:
    """Guests who ask without pause and try nothing twice: some on a connection each, some on a new one each time."""

    KEPT, ANEW = 4, 12

    def __init__(self, site: Site):
        self._site, self._enough = site, threading.Event()
        self.outcomes: Counter[str] = Counter()
        kinds = [self._by_one_connection] * self.KEPT + [self._by_new_ones] * self.ANEW
        self._threads = [threading.Thread(target=kind) for kind in kinds]

    def __enter__(self) -> "Guests":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _by_one_connection(self) -> None:
        self._ask(http.client.HTTPConnection(*self._site.address, timeout=30), {})

    def _by_new_ones(self) -> None:
        self._ask(http.client.HTTPConnection(*self._site.address, timeout=30), {"Connection": "close"})

    def _ask(self, connection: http.client.HTTPConnection, headers: dict) -> None:
        while not self._enough.is_set():
            try:
                connection.request("GET", "/healthz", headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.outcomes[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.outcomes[repr(error)] += 1
                connection.close()


def test_workers_are_replaced_one_after_the_other_and_no_request_fails(tmp_path):
    with running_service(tmp_path, QUICK, workers=2) as service:
        site = Site.make(service)
        before = set(site.workers)
        with Guests(site) as guests:
            os.kill(service.process.pid, signal.SIGHUP)
            eventually(lambda: len(site.workers) == 2 and not before & set(site.workers))
            asked = guests.outcomes["200"]
            eventually(lambda: guests.outcomes["200"] > asked + 100)
        assert set(guests.outcomes) == {"200"}, guests.outcomes
        assert site.sign_in()[0] == 200 and site.is_sound()
