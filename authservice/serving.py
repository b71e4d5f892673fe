"""The server in front of an app: granian, and what a guest may cost before he has asked anything.

Owns the threads of a worker, how many connections it takes, how long a request may take to arrive, and how a worker
stops. Does not own where it listens (cli.py, config.py) nor how long a body may be (api.py).

granian bounds the head of a request and the pause between two, but waits for a body as long as it takes, with a thread
of Python. Therefore bodies are waited for by threads of their own, before a request takes one of the few places to
work, and a watch ends the connections of guests that let us wait.
"""

import contextlib
import io
import logging
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from werkzeug.utils import import_string

log = logging.getLogger(__name__)

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
STOPPING_PATIENCE = 3.0
"""Seconds of silence after which a worker that stops no longer waits for the rest of a request."""
EVERY = 0.5
"""Seconds between two looks of the watch."""
OPEN_FILES = "/proc/self/fd"
INFO = struct.Struct("=44xI4xI")
"""Linux' tcp_info up to the two members that count here, in ms: tcpi_last_data_sent and tcpi_last_data_recv."""


def run(app: str, host: str, port: int, certificate=None, workers: int = 1, threads: int = 4,
        patience: int = 20) -> None:
    """Serve a WSGI factory, `module:function`, until interrupted.

    Of each worker, `threads` calls at once are worked on; `patience` is how many seconds a request may take to arrive,
    and a connection may be idle.
    """
    _allow_open_files(CONNECTIONS + 1024)
    file = certificate.served if certificate else None
    head = HTTP1Settings(header_read_timeout=patience * 1000, max_buffer_size=HEAD)
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())  # see ARRIVING
    # HTTP/1.1 alone: while granian waits to see which version a guest speaks, it waits without end.
    server = Granian(app, address=_address(host), port=port, interface=Interfaces.WSGI, http=HTTPModes.http1,
                     http1_settings=head, workers=workers, workers_kill_timeout=STOP_SECONDS, blocking_threads=ARRIVING,
                     backpressure=CONNECTIONS, backlog=BACKLOG, log_level=LogLevels.warning, ssl_cert=file,
                     ssl_key=file, ssl_protocol_min=SSLProtocols.tls12)
    # One place more than calls are worked on: it tells the balancer that we live when all others wait.
    server.serve(target_loader=partial(load, app, port, threads + 1, patience), wrap_loader=False)


def _allow_open_files(number: int) -> None:
    """Raise this process' limit to so many, or as far as the system lets us."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if most == resource.RLIM_INFINITY else min(number, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _address(host: str) -> str:
    """granian listens on addresses, not on names."""
    return "127.0.0.1" if host == "localhost" else host


def load(app: str, port: int, places: int, patience: float) -> "Door":
    """The app of one worker behind its door, which is watched."""
    door = Door(import_string(app)(), places)
    threading.Thread(target=Watch(door, port, patience).run, name="watch", daemon=True).start()
    return door


class Door:
    """A WSGI app whose requests come in when they have arrived as a whole, a few at a time."""

    def __init__(self, app: Callable, places: int):
        self._app = app
        self._places, self._long = threading.Semaphore(places), threading.Semaphore(LONG_ONES)
        self.waits: dict[int, float] = {}
        """Threads that wait for a body, and since when in monotonic seconds."""
        self.inside: set[int] = set()
        """Threads that have a whole request."""

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        thread = threading.get_ident()
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = self._body(environ, thread)
        self.inside.add(thread)
        try:
            with self._places:
                return self._app(environ, start_response)
        finally:
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


def _read_on(data: bytes, body) -> io.BytesIO:
    """All of a body that begins so; no more of it than shows that it is too long."""
    kept = io.BytesIO()
    while data:
        kept.write(data)
        data = body.read(min(SHORT, LONGEST - kept.tell()))
    kept.seek(0)
    return kept


class Watch:
    """Ends the connections of guests that let a worker wait for the rest of a request. Linux alone tells which.

    granian does not say which connection a body is awaited from. But it is among those to which nothing was sent for
    as long, and nobody loses much by the end of another one of these: it is idle, or its answer is long overdue.
    """

    def __init__(self, door: Door, port: int, patience: float):
        self._door, self._port, self._patience = door, port, patience
        self._listener: tuple[str, str] | None = None

    def run(self) -> None:
        """Look until the process ends."""
        while os.path.exists(OPEN_FILES):
            time.sleep(EVERY if self._listener else EVERY / 10)
            self.look()

    def look(self) -> None:
        """End what has let us wait too long; while the worker stops, and nothing is at work, also what is silent."""
        since = min(list(self._door.waits.values()), default=time.monotonic())
        stopping = self._stopping()
        if time.monotonic() - since > self._patience or stopping and not self._door.inside:
            for connection, sent, received in self._connections():
                if sent > self._patience or stopping and min(sent, received) > STOPPING_PATIENCE:
                    with contextlib.suppress(OSError):  # it has just ended by itself
                        connection.shutdown(socket.SHUT_RDWR)

    def _stopping(self) -> bool:
        """Whether the worker has ceased to listen, which is the first thing that it does."""
        if self._listener is None:
            self._listener = next((link for link, each in self._sockets() if _is_listening(each)), None)
            return False
        return _target(self._listener[0]) != self._listener[1]

    def _connections(self) -> Iterator[tuple[socket.socket, float, float]]:
        """Each guest's connection, and since how many seconds nothing was sent to it, and nothing came from it."""
        for _, each in self._sockets():
            if not _is_listening(each):
                sent, received = INFO.unpack(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO.size))
                yield each, sent / 1000, received / 1000

    def _sockets(self) -> Iterator[tuple[tuple[str, str], socket.socket]]:
        """The sockets of this process at our port, with the link that tells their file descriptor: (name, target)."""
        for name in os.listdir(OPEN_FILES):
            if (target := _target(name)).startswith("socket:"):
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as each:
                    if each.type == socket.SOCK_STREAM and each.getsockname()[1:2] == (self._port,):
                        yield (name, target), each


def _target(name: str) -> str:
    """What an open file is, as /proc has it; empty for one that has been closed meanwhile."""
    try:
        return os.readlink(f"{OPEN_FILES}/{name}")
    except OSError:
        return ""


def _is_listening(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
