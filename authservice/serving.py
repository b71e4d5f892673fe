"""The server in front of an app: granian, and what a guest may cost before he has asked anything.

Owns the threads of a worker and its core, how many connections it takes, and how long a request may take to arrive.
Does not own where it listens (cli/, config.py), how long a body may be (api.py), nor how a connection ends (connections.py).

granian bounds the head of a request and the pause between two, but waits for a body as long as it takes, with a thread
of Python. Therefore bodies are waited for by threads of their own, before a request takes one of the few places to
work, and a watch ends the connections of guests that let us wait.
"""

import fcntl
import io
import logging
import os
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue

from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from werkzeug.utils import import_string

from authservice.connections import Watch

ARRIVING = 256
"""Requests whose body a worker waits for, each in a thread that does nothing else; further ones queue."""
CONNECTIONS = 4096
"""Connections that a worker takes; further ones wait in the kernel, BACKLOG of them."""
BACKLOG = 1024
HEAD = 64 * 1024
"""Bytes of the longest head of a request."""
SHORT = 64 * 1024
"""Bytes of a body beyond which only LONG_ONES are read at a time: what strangers make a worker keep has a bound."""
LONG_ONES = 8
LONGEST = 4 * 1024 * 1024 + 1
"""Bytes that are read of a body: as many as the app takes of any, and one that shows it is longer."""
STOP_SECONDS = 30
"""How long a stopped worker may take to finish what it has begun."""


def run(app: str, host: str, port: int, certificate=None, workers: int = 1, threads: int = 4,
        patience: int = 20) -> None:
    """Serve a WSGI factory, `module:function`, until interrupted.

    Of each worker, `threads` calls at once are worked on; `patience` is how many seconds a request may take to arrive,
    and a connection may be idle.
    """
    import_string(app)  # what it needs is loaded once, and shared by the workers that are forked from here
    _allow_open_files(CONNECTIONS + 1024)
    _let_new_workers_be_stopped()
    file = certificate.served if certificate else None
    head = HTTP1Settings(header_read_timeout=patience * 1000, max_buffer_size=HEAD)
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())  # see ARRIVING
    # HTTP/1.1 alone: while granian waits to see which version a guest speaks, it waits without end.
    server = Granian(app, address=_address(host), port=port, interface=Interfaces.WSGI, http=HTTPModes.http1,
                     http1_settings=head, workers=workers, workers_kill_timeout=STOP_SECONDS, respawn_failed_workers=True,
                     blocking_threads=ARRIVING, backpressure=CONNECTIONS, backlog=BACKLOG, log_level=LogLevels.warning,
                     ssl_cert=file, ssl_key=file, ssl_protocol_min=SSLProtocols.tls12)
    # One place more than calls are worked on: it tells the balancer that we live when all others wait.
    with tempfile.TemporaryDirectory(prefix="authservice-") as seats:
        seats = seats if 1 < len(_cores()) <= workers else None
        server.serve(target_loader=partial(load, app, port, threads + 1, patience, seats), wrap_loader=False)


def _cores() -> list[int]:
    """The cores that this process may use; where the system does not tell (macOS), none."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _allow_open_files(number: int) -> None:
    """Raise this process' limit to so many, or as far as the system lets us."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if most == resource.RLIM_INFINITY else min(number, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _let_new_workers_be_stopped() -> None:
    """Have SIGTERM end a forked worker at once, from its first moment until granian takes the signal there.

    It inherits the parent's handler, by which it would note that its parent is to stop, and load on; the parent would
    wait for it STOP_SECONDS. And what comes within a fork Python forgets, hence the kernel keeps it for so long.
    """
    def keep(how: int) -> None:
        signal.pthread_sigmask(how, {signal.SIGTERM})

    def be_stopped() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        keep(signal.SIG_UNBLOCK)

    os.register_at_fork(before=partial(keep, signal.SIG_BLOCK), after_in_parent=partial(keep, signal.SIG_UNBLOCK),
                        after_in_child=be_stopped)


def _address(host: str) -> str:
    """granian listens on addresses, not on names."""
    return "127.0.0.1" if host == "localhost" else host


def load(app: str, port: int, places: int, patience: float, seats: str | None) -> "Door":
    """The app of one worker behind its door, which is watched."""
    door = Door(import_string(app)(), places)
    Watch(door, port, patience).start()
    if seats:
        _take_a_core(seats)
    return door


def _take_a_core(seats: str) -> None:
    """Keep the threads that this process starts from now on to one core, which no other worker has.

    Python's threads run one at a time, and when the next one is on another core it finds that core's caches cold: a
    read costs half as much again. Where there are as many workers as cores nothing is lost by it. What is taken is
    locked in the folder `seats`, and free again when the process ends, however it does.
    """
    for core in _cores():
        seat = os.open(f"{seats}/{core}", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(seat)
            continue
        os.sched_setaffinity(0, {core})
        return


class Door:
    """A WSGI app whose requests come in when it is open and they have arrived as a whole, a few at a time."""

    def __init__(self, app: Callable, places: int):
        self._app, self._number = app, places
        self._places, self._long = SimpleQueue(), threading.Semaphore(LONG_ONES)  # the quick kind, for every request
        self.waits: dict[int, float] = {}
        """Threads that wait for a body, and since when in monotonic seconds."""
        self.inside: set[int] = set()
        """Threads that have a whole request."""
        self.closing = False
        """Whether an answer is its connection's last."""

    def open(self) -> None:
        """Let requests in; until then they wait."""
        for _ in range(self._number):
            self._places.put(None)

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        thread = threading.get_ident()
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = self._body(environ, thread)
        self.inside.add(thread)
        self._places.get()
        try:
            return self._app(environ, _last(start_response) if self.closing else start_response)
        finally:
            self._places.put(None)
            self.inside.discard(thread)

    def _body(self, environ: dict, thread: int):
        """The body, read to its end; but one that is announced too long, which the app refuses unread."""
        body, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH", "")
        if length.isdigit() and int(length) >= LONGEST:
            return body
        self.waits[thread] = time.monotonic()
        try:
            data = body.read(SHORT)
            if len(data) < SHORT:
                return io.BytesIO(data)
            with self._long:
                return _read_on(data, body)
        finally:
            del self.waits[thread]


def _last(start_response: Callable) -> Callable:
    """Have the answer end its connection; hop-by-hop, hence the server's matter and not the app's."""
    return lambda status, headers, *more: start_response(status, [*headers, ("Connection", "close")], *more)


def _read_on(data: bytes, body) -> io.BytesIO:
    """All of a body that begins so; no more of it than shows that it is too long."""
    kept = io.BytesIO()
    while data:
        kept.write(data)
        data = body.read(min(SHORT, LONGEST - kept.tell()))
    kept.seek(0)
    return kept
