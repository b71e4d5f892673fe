"""The load: prebuilt requests over keep-alive connections, one outstanding on each, every answer looked at.

Owns sockets, the reading of answers, and the clock. It must cost little, for it runs beside what it measures: no
library, no header parsed beyond what ends an answer, and its own CPU time is part of every figure. Does not know
what the requests mean (operations.py).

An answer counts only if its status is 200 and it holds the operation's proof, a few bytes that no refusal has. To a
503, of a disk or a database that stood still, the same request is sent again, as clients do: the clock runs on, and
each connection counts them.
"""

import itertools
import select
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATIENCE = 60
"""Seconds without any answer after which the service counts as stuck."""
LEAD_IN = 0.2
"""Part of a measurement's time that runs before the clock: what is half done when it starts is half done at the end too."""
SHOWN = 300
"""Bytes of a refusal that are shown."""
TRIES = 10
PAUSE_SECONDS = 0.2
"""A request is sent so often while the answer is 503, with such pauses."""
FEWEST = 3
"""A measurement goes on until so many answers have come, however slow they are."""


class Refused(Exception):
    """An answer that is no success, or none at all; the message shows its beginning."""


@dataclass(frozen=True)
class Load:
    """What a measurement found: answers counted, in how many seconds, and the CPU seconds the generator itself used
    meanwhile. `asked` is all that the service had to do, what came before and after the clock included."""

    answers: int
    seconds: float
    cpu: float
    asked: int

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class Connection:
    """One keep-alive connection; a server that closes it after an answer gets a new one."""

    def __init__(self, address: tuple[str, int]):
        self.address = address
        self.received = self.sent = b""
        self.tries = self.turned_away = 0
        """How often the present request was sent, and how many answers were 503 in all."""
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self.socket.close()

    @property
    def ended(self) -> bool:
        """Whether the server closed it while nothing was asked, as servers do with idle ones."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def renew(self) -> None:
        """Open it anew if it has ended."""
        if self.ended:
            self.close()
            self.open()

    def ask(self, request: bytes) -> bytes:
        """Send one request and wait for its whole answer, headers included."""
        self.socket.sendall(request)
        while (answer := self.receive()) is None:
            pass
        return answer

    def send(self, request: bytes) -> None:
        """Send one request, whose answer is not waited for."""
        self.sent, self.tries = request, 1
        self.socket.sendall(request)

    def sends_again(self, answer: bytes) -> bool:
        """Whether the answer is "not now", and the same was therefore sent again."""
        if answer[9:12] != b"503" or self.tries == TRIES:
            return False
        time.sleep(PAUSE_SECONDS)
        self.turned_away += 1
        self.tries += 1
        self.socket.sendall(self.sent)
        return True

    def receive(self) -> bytes | None:
        """Take what has arrived: the whole answer, or None while a part is missing."""
        chunk = self.socket.recv(262_144)
        self.received = received = self.received + chunk if self.received else chunk
        end = received.find(b"\r\n\r\n")
        head = received[:end].lower() if end >= 0 else b""
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            whole = len(received) >= end + 4 + int(head[at + 17:].partition(b"\r\n")[0])
        elif b"\r\ntransfer-encoding: chunked" in head:
            whole = received.endswith(b"\r\n0\r\n\r\n")
        else:
            whole = not chunk and end >= 0
        if not whole and chunk:
            return None
        self.received = b""
        if not whole:
            raise Refused(f"the connection ended within an answer: {received[:SHOWN]!r}")
        if not chunk or b"\r\nconnection: close" in head:
            self.close()
            self.open()
        return received


def prove(answer: bytes, proof: bytes) -> None:
    """Raise Refused unless this answer is a success that holds the proof."""
    if answer[9:12] != b"200" or proof not in answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0]
        raise Refused(f"{status.decode(errors='replace')}: {body[:SHOWN].decode(errors='replace')}")


def steady(connections: list[Connection], requests: list[bytes], proof: bytes, seconds: float) -> Load:
    """Keep every connection busy with the requests in turn; count what is answered in `seconds` of steady load."""
    begin = time.perf_counter() + LEAD_IN * seconds
    count, asked, first, last, cpu = 0, 0, 0.0, 0.0, 0.0

    def answered(answer: bytes) -> bool:
        nonlocal count, asked, first, last, cpu
        prove(answer, proof)
        asked += 1
        now = time.perf_counter()
        if not first:
            if now >= begin:
                first, cpu = now, time.process_time()
            return True
        if count >= FEWEST and now > first + seconds:
            return False
        count, last = count + 1, now
        return True

    exchange(connections, itertools.cycle(requests), answered)
    return Load(count, last - first, time.process_time() - cpu, asked)


def batch(connections: list[Connection], requests: Iterator[bytes], proof: bytes,
          seconds: float | None = None) -> tuple[list[bytes], Load]:
    """Send requests until there are no more, or for `seconds`; give all answers, and the time until the last came."""
    answers: list[bytes] = []
    started, cpu = time.perf_counter(), time.process_time()

    def answered(answer: bytes) -> bool:
        prove(answer, proof)
        answers.append(answer)
        return seconds is None or time.perf_counter() - started < seconds

    exchange(connections, requests, answered)
    return answers, Load(len(answers), time.perf_counter() - started, time.process_time() - cpu, len(answers))


def exchange(connections: list[Connection], requests: Iterator[bytes], answered: Callable[[bytes], bool]) -> None:
    """One request on every connection, the next when its answer has come, until `answered` says no or none is left."""
    try:
        _keep_asking(connections, requests, answered)
    except Exception:
        for connection in connections:  # no late answer may be taken for one to another request
            connection.close()
            connection.open()
        raise


def _keep_asking(connections: list[Connection], requests: Iterator[bytes], answered: Callable[[bytes], bool]) -> None:
    with selectors.DefaultSelector() as selector:
        for connection, request in zip(connections, requests):
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(request)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise Refused(f"no answer within {PATIENCE} s")
            for key, _ in ready:
                connection = key.data
                answer = connection.receive()
                if answer is None:
                    continue
                if connection.socket is not key.fileobj:  # the server closes each after an answer
                    selector.unregister(key.fileobj)
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                if connection.sends_again(answer):
                    continue
                request = next(requests, None) if answered(answer) else None
                if request is None:
                    selector.unregister(connection.socket)
                else:
                    connection.send(request)
