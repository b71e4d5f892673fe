"""A line between a client and a server that breaks where a test says so: a TCP relay on loopback.

Owns the line. Knows nothing of what goes over it but a mark in the bytes to wait for.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Line:
    """A relay at `port`. `breaks` is None, "before" a request with the mark arrives, or "after" it was answered, while
    the answer is on its way; it breaks once. `broken` counts."""

    port: int
    mark: bytes
    breaks: str | None = None
    broken: int = 0

    def takes(self) -> str | None:
        """The break that is due, if one is."""
        due, self.breaks = self.breaks, None
        self.broken += due is not None
        return due


@contextlib.contextmanager
def line_to(port: int, mark: bytes = b"", at: int = 0) -> Iterator[Line]:
    """A line to the server at this port of the loopback address, taken up at the port `at`, or at any free one."""
    with socket.create_server(("127.0.0.1", at)) as door:
        line = Line(door.getsockname()[1], mark)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest, _ = door.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    lost = threading.Event()
                    for relay in (_forth, _back):
                        threading.Thread(target=relay, args=(line, guest, server, lost), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield line
        door.shutdown(socket.SHUT_RDWR)


def _forth(line: Line, guest: socket.socket, server: socket.socket, lost: threading.Event) -> None:
    with _ending(guest, server):
        while data := guest.recv(65536):
            due = line.takes() if line.mark in data else None
            if due == "before":
                return
            if due == "after":
                lost.set()
            server.sendall(data)


def _back(line: Line, guest: socket.socket, server: socket.socket, lost: threading.Event) -> None:
    with _ending(guest, server):
        while data := server.recv(65536):
            if lost.is_set():  # the server has answered, so it is done
                return
            guest.sendall(data)


@contextlib.contextmanager
def _ending(*sockets: socket.socket):
    """Shut both down at the end: a mere close would not wake the thread that reads from one."""
    with contextlib.suppress(OSError):
        yield
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
