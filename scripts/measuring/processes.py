"""The processes under load: started, waited for, looked into and stopped. None is left behind.

Owns the time to the first answer, who the workers are and how much memory they take, and that connections are spread
over them evenly. What the system tells comes from /proc; where there is none (not Linux) it stays untold.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from bootstrap import ROOT
from children import fail_with_output

from .generator import Connection, Refused

START_WITHIN = 60  # seconds
STOP_WITHIN = 10  # seconds
BETWEEN_TRIES = 0.005  # seconds
TRIES = 12
"""So many connections are opened for each one wanted, until every worker has its share."""


class Server:
    """One server of ours with its workers; what it prints goes to a file, as a log does.

    `question` is a request that it answers with 200 as soon as it can answer anything.
    """

    def __init__(self, command: list[str], environment: dict[str, str], port: int, log: Path, question: bytes):
        self.command, self.environment, self.log, self.question = command, environment, log, question
        self.address = ("127.0.0.1", port)
        self.process: subprocess.Popen | None = None
        self.workers: list[int] = []

    def start(self, workers: int) -> float:
        """Start it; gives the seconds until the question was answered. Then wait for the other workers."""
        began = time.perf_counter()
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self._until(began, self._answers)
        passed = time.perf_counter() - began
        if Path("/proc/self/net/tcp").exists():
            self._until(began, lambda: listeners(self.address[1]) == workers)
            self.workers = workers_of(self.process.pid)
        return passed

    def connections(self, number: int) -> list[Connection]:
        """Open so many connections, as many to each worker: each has a socket of its own, and the kernel draws lots.

        With few connections one worker would idle while another has a queue; a service with many guests has not
        that trouble, and it is not what is measured here.
        """
        share = number // len(self.workers) if self.workers else number
        kept: dict[int | None, list[Connection]] = {}
        for _ in range(number * TRIES):
            connection = Connection(self.address)
            connection.ask(self.question)
            worker = holder(connection.socket, self.workers) if self.workers else None
            if len(kept.setdefault(worker, [])) < share:
                kept[worker].append(connection)
            else:
                connection.close()
            if sum(map(len, kept.values())) == number:
                break
        return [connection for some in zip(*kept.values()) for connection in some]

    def renew(self, connections: list[Connection]) -> None:
        """Open them all anew if one was closed for having been idle, so that they stay spread evenly."""
        if any(connection.ended for connection in connections):
            number = len(connections)
            for connection in connections:
                connection.close()
            connections[:] = self.connections(number)

    def cpu_seconds(self) -> float:
        """What the workers have used of the processors since they started; 0 where that is not told."""
        return sum(map(cpu_of, self.workers))

    def stop(self) -> None:
        """SIGTERM as an operator would; what is left after STOP_WITHIN is killed."""
        if self.process is None:
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_WITHIN)
        with contextlib.suppress(ProcessLookupError, AttributeError):  # the second where there are no groups
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _until(self, began: float, condition) -> None:
        while not condition():
            if self.process.poll() is not None or time.perf_counter() > began + START_WITHIN:
                lines = self.log.read_text(errors="replace").splitlines()
                fail_with_output(" ".join(self.command[1:4]), lines, self.process.poll())
            time.sleep(BETWEEN_TRIES)

    def _answers(self) -> bool:
        try:
            connection = Connection(self.address)
        except OSError:
            return False
        with contextlib.closing(connection), contextlib.suppress(OSError, Refused):
            return connection.ask(self.question)[9:12] == b"200"
        return False


def workers_of(parent: int) -> list[int]:
    """The process ids of a server's workers: its children, without the one that Python keeps books with."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(_stat(entry)[1]) == parent and b"resource_tracker" not in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return sorted(found)


def memory_of(pid: int) -> dict[str, float]:
    """{rss, pss} of a process in MB (10^6 bytes): all it has in memory, and its fair part of what is shared."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return {"rss": int(kib["Rss"]) * 1024 / 1e6, "pss": int(kib["Pss"]) * 1024 / 1e6}


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, in user and system mode, to the hundredth."""
    user, system = _stat(Path(f"/proc/{pid}"))[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _stat(process: Path) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second, a name, may hold anything."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def listeners(port: int) -> int:
    """How many sockets listen on this port of the loopback address."""
    return sum(local.endswith(f":{port:04X}") and state == "0A" for local, _, state, _ in _tcp())


def holder(client: socket.socket, pids: list[int]) -> int | None:
    """Which of these processes has the other end of a connection."""
    ours, theirs = (f":{address[1]:04X}" for address in (client.getsockname(), client.getpeername()))
    inodes = [inode for local, remote, _, inode in _tcp() if local.endswith(theirs) and remote.endswith(ours)]
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if inodes and os.readlink(link) == f"socket:[{inodes[0]}]":
                    return pid
    return None


def _tcp() -> list[tuple[str, str, str, str]]:
    """(local, remote, state, inode) of each IPv4 socket, as the kernel writes them."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [(row[1], row[2], row[3], row[9]) for row in rows]


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
