"""How a connection ends: of a guest that lets a worker wait, and of all guests when a worker stops.

Owns that watch in each worker. Linux tells it what granian does not: elsewhere nothing is watched. Does not own how
requests come in (serving.py).
"""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from enum import IntEnum

STOPPING_PATIENCE = 3.0
"""Seconds of silence after which a worker that stops no longer waits for the rest of a request."""
LAST_ANSWERS = 1.0
"""Seconds in which a worker that stops lets kept connections have one more answer, which is marked as the last."""
EVERY = 0.5
"""Seconds between two looks."""
SO_ATTACH_FILTER = 26
IGNORE_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xffffffff))
"""Linux' socket filter: load the flags of TCP; with SYN among them drop the packet, else take the whole of it."""
OPEN_FILES = "/proc/self/fd"
INFO = struct.Struct("=B23xI16xI4xI")
"""Linux' tcp_info, as far as it counts here: the state; tcpi_unacked, of a listening socket the length of its queue;
tcpi_last_data_sent and tcpi_last_data_recv in ms."""


class State(IntEnum):
    """Those of Linux' TCP that count here."""

    ESTABLISHED = 1
    CLOSE_WAIT = 8
    LISTEN = 10


class Watch:
    """Looks after the connections of one worker, at a port.

    Of a request whose body is awaited, granian does not say the connection. But it is among those to which nothing was
    sent for as long, and nobody loses much by the end of another one of these: it is idle, or its answer is long overdue.
    """

    def __init__(self, door, port: int, patience: float):
        self._door, self._port, self._patience = door, port, patience
        self._told_to_stop, self._stop_granian = threading.Event(), lambda: None
        self._handler_before = signal.getsignal(signal.SIGTERM)  # not granian's yet
        self._stands_between = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin, in the main thread, and open the door; where there is nothing to be seen, do only that."""
        if os.path.exists(OPEN_FILES):
            signal.signal(signal.SIGUSR1, self._stand_between)
            self._thread.start()
        else:
            self._door.open()

    def _run(self) -> None:
        while signal.getsignal(signal.SIGTERM) is self._handler_before:
            time.sleep(0.001)
        while not self._stands_between.is_set():  # a signal just before the main thread falls asleep does not wake it
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            self._stands_between.wait(EVERY / 10)
        while not self._listening():
            time.sleep(0.001)
        while not self._told_to_stop.wait(EVERY):
            self._end_those_we_wait_for()
        try:
            self._let_no_request_go_unanswered()
        finally:
            self._stop_granian()
        while True:
            time.sleep(EVERY)
            self._end_those_we_wait_for()

    def _stand_between(self, *_) -> None:
        """Hear first that the worker is to stop: granian would at once end connections with a request on its way.

        Not before that is sure does the door let a first request in.
        """
        if self._stands_between.is_set():
            return
        stop = signal.getsignal(signal.SIGTERM)
        self._stop_granian = lambda: stop(signal.SIGTERM, None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told_to_stop.set() if self._thread.is_alive() else self._stop_granian())
        self._stands_between.set()
        self._door.open()

    def _end_those_we_wait_for(self) -> None:
        """End what has let us wait too long; when all that is left is silent, as the worker stops, end that too."""
        since = min(list(self._door.waits.values()), default=time.monotonic())
        stopping = self._told_to_stop.is_set()
        if time.monotonic() - since > self._patience or stopping and not self._door.inside:
            for connection, sent, received in self._connections():
                if sent > self._patience or stopping and min(sent, received) > STOPPING_PATIENCE:
                    with contextlib.suppress(OSError):  # it has just ended by itself
                        connection.shutdown(socket.SHUT_RDWR)

    def _let_no_request_go_unanswered(self) -> None:
        """Let no more connections begin, take those that have begun, and answer once more on those that are kept."""
        self._door.closing = True
        deadline = time.monotonic() + LAST_ANSWERS
        for listener in self._sockets(State.LISTEN):
            _let_none_begin(listener)
            while _info(listener)[1] and time.monotonic() < deadline:
                time.sleep(0.001)
        while time.monotonic() < deadline and any(True for _ in self._connections()):
            time.sleep(0.01)

    def _listening(self) -> bool:
        return any(True for _ in self._sockets(State.LISTEN))

    def _connections(self) -> Iterator[tuple[socket.socket, float, float]]:
        """Each guest's connection, and since how many seconds nothing was sent to it, and nothing came from it."""
        for each in self._sockets(State.ESTABLISHED, State.CLOSE_WAIT):
            *_, sent, received = _info(each)
            yield each, sent / 1000, received / 1000

    def _sockets(self, *states: State) -> Iterator[socket.socket]:
        """The sockets of this process at our port that are in one of these states."""
        for name in os.listdir(OPEN_FILES):
            with contextlib.suppress(OSError):  # closed since
                if os.readlink(f"{OPEN_FILES}/{name}").startswith("socket:"):
                    with socket.socket(fileno=os.dup(int(name))) as each:
                        if each.type == socket.SOCK_STREAM and each.getsockname()[1:2] == (self._port,):
                            if _info(each)[0] in states:
                                yield each


def _info(each: socket.socket) -> tuple[int, int, int, int]:
    return INFO.unpack(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO.size))


def _let_none_begin(listener: socket.socket) -> None:
    """Have the kernel overlook who wants to connect here: a second later he asks again, and another worker takes him.

    A listener that is closed resets whom it has not taken yet.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in IGNORE_SYN))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(IGNORE_SYN), ctypes.addressof(program)))
