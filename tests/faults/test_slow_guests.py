"""Guests that open connections and say little, and bodies that are too long: they cost the others nothing."""

import contextlib
import resource
import select
import socket
import time

import pytest

from authservice import serving
from tests.faults.site import QUICK, TARGET, Site, forget_the_most, memory
from tests.services.server import running_service

PATIENCE = 3
QUICKLY = 5
"""Seconds within which a sign-in is answered, whatever the others do; they would keep it waiting for good."""
SILENT, STARTED, STALLED = b"", b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: ", (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
TOO_LONG = 60_000_000
STORM = 3000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("slow"), {**QUICK, "AUTHSERVICE_PATIENCE": PATIENCE}) as service:
        yield Site.make(service)


@contextlib.contextmanager
def connections(site: Site, number: int, first_words: bytes):
    """So many guests that have said this and say no more."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(number):
            opened.append(stack.enter_context(socket.create_connection(site.address, timeout=QUICKLY)))
            opened[-1].sendall(first_words)
        yield opened


def ended(opened: list[socket.socket]) -> list[socket.socket]:
    """Those to which something was said, or that were closed: the service says nothing else to half a request."""
    poll, known = select.poll(), {each.fileno(): each for each in opened}
    for number in known:
        poll.register(number, select.POLLIN)
    return [known[number] for number, _ in poll.poll(0)]


def wait_for_the_end(opened: list[socket.socket], within: float) -> None:
    """Wait until the service has ended them all."""
    deadline = time.monotonic() + within
    while len(gone := ended(opened)) < len(opened):
        assert time.monotonic() < deadline, f"{len(opened) - len(gone)} of {len(opened)} are still open"
        time.sleep(0.05)


@pytest.mark.parametrize("first_words", [SILENT, STARTED], ids=["silent", "started"])
def test_a_storm_of_half_requests_keeps_nobody_from_signing_in_and_is_ended(site, first_words):
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with connections(site, min(STORM, may_open - 200), first_words) as opened:
        for _ in range(5):
            assert site.sign_in(timeout=QUICKLY)[0] == 200
        assert not ended(opened), "nobody had to leave for it"
        wait_for_the_end(opened, PATIENCE + QUICKLY)
    assert site.sign_in()[0] == 200


def test_bodies_that_do_not_arrive_hold_no_place_and_are_ended(site):
    with connections(site, 40, STALLED) as opened:
        assert site.sign_in(timeout=QUICKLY)[0] == 200
        wait_for_the_end(opened, PATIENCE + QUICKLY)


def test_a_body_that_comes_byte_by_byte_is_ended_in_the_same_time(site):
    with connections(site, 1, STALLED) as (trickling,):
        began = time.monotonic()
        with pytest.raises((ConnectionError, AssertionError)):
            while time.monotonic() < began + PATIENCE + QUICKLY:
                assert not select.select([trickling], [], [], 0.1)[0]
                trickling.sendall(b" ")
        assert time.monotonic() - began > PATIENCE / 2, "a slow one has its time"
    assert time.monotonic() - began < PATIENCE + QUICKLY


def test_a_body_that_comes_slowly_but_in_time_is_answered(site):
    with connections(site, 1, STALLED) as (slow,):
        time.sleep(0.5)
        slow.sendall(b" " * 998 + b"}")
        assert slow.recv(4096).startswith(b"HTTP/1.1 400"), "no operation is named, but the request has come"


@pytest.mark.parametrize("path", ["/", "/oauth2/token", "/login"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_too_long_is_refused_and_not_kept(site, path, chunked):
    (worker,) = site.workers
    body = (b"x" * 65536 for _ in range(TOO_LONG // 65536)) if chunked else b"x" * TOO_LONG
    headers = {"X-Amz-Target": f"{TARGET}SignUp", "Content-Type": "application/x-www-form-urlencoded"}
    forget_the_most(worker)
    before, began = memory(worker), time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before the sender was done
        status, answer = site.ask("POST", path, body, headers)
        assert (status, answer.get("__type")) == ((400, "InvalidParameterException") if path == "/" else (413, None))
    assert time.monotonic() - began < QUICKLY
    assert memory(worker, "VmHWM") - before < TOO_LONG / 1e6 / 2


def test_a_body_announced_too_long_is_refused_before_it_comes(site):
    head = (b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n") % TOO_LONG
    with connections(site, 1, head) as (sender,):
        assert sender.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_head_without_measure_is_refused(site):
    assert site.ask("GET", "/healthz", headers={"X-Long": "x" * (8 * serving.HEAD)})[0] == 431
    assert site.ask("GET", "/healthz", headers={f"X-{number}": "x" for number in range(1000)})[0] == 431


def test_nothing_is_wrong_afterwards(site):
    assert site.is_sound()
