"""How close the service comes to what this machine allows: python3 scripts/bench.py

Starts the service on an instance of its own, fills a pool with users, and then measures in turn, round by round, a
limit (signatures, password hashes, powers, an empty Flask route behind the same server) and the operations that it
limits, asked over HTTP from beside the service. What is printed is operations a second, the limit, and their ratio
with its lowest and highest value of all rounds: a figure alone tells more about the machine than about the service.

The client's arithmetic in a sign-in by SRP is done while the clock stands still; the load generator's own cost is told.
Every answer is checked: a single one that is no success ends the run. Nothing is left behind.
"""

import bootstrap  # first: it is what refuses an old Python

bootstrap.go_on_in_venv(needs=("botocore", "sqlalchemy", "gmpy2"))

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from authservice import config
from authservice.contract import OPERATOR
from bootstrap import ROOT, fail, say
from measuring import crowd, report, world
from measuring.generator import Connection, Refused, steady
from measuring.limits import Limits
from measuring.operations import OPERATIONS
from measuring.processes import Server, free_port, memory_of
from measuring.rounds import Measurement, Pace, pace
from measuring.world import World

CONNECTIONS = 8
"""Keep-alive connections for each worker. It works on as many calls at once on PostgreSQL, on half as many on SQLite."""
KEPT = ("argon2_memory_kib", "argon2_time", "argon2_parallelism")
"""Settings of the environment that hold for a measurement too."""
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "postgres": "PostgreSQL"}
USERS, PEERS_USERS = 1000, 100
EXAMPLES = """examples:
  python3 scripts/bench.py                                     everything, in under two minutes
  python3 scripts/bench.py --only refresh --rounds 10          one operation, more often
  python3 scripts/bench.py --users 1000000                     in a pool of a million (a few minutes to load)
  python3 scripts/bench.py --database postgresql://me@127.0.0.1/bench
  python3 scripts/bench.py --against http://127.0.0.1:5000     another server that speaks the API, such as moto's
  python3 scripts/bench.py --json > figures.json

operations: """ + ", ".join(each.name for each in OPERATIONS)


def main() -> int:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    forget_settings()
    try:
        found = run(arguments)
    except Refused as refusal:
        progress("")
        fail(str(refusal))
    except config.SettingsError as error:
        fail(str(error))
    except KeyboardInterrupt:
        return 130
    say(json.dumps(found, indent=2) if arguments.json else report.table(found, sys.stdout.isatty()))
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=between(int, 1, 256), default=cores(), metavar="N",
                        help="worker processes of the service (as many as cores: %(default)s)")
    parser.add_argument("--users", type=between(int, 1, 100_000_000), metavar="N",
                        help=f"users in the pool ({USERS:,}; at a peer {PEERS_USERS:,}, made one by one)")
    parser.add_argument("--database", default="", metavar="URL",
                        help="a database instead of a new SQLite file; the pool is deleted afterwards")
    parser.add_argument("--against", type=on_loopback, metavar="URL",
                        help="measure whoever answers there instead of a service of our own; on this machine only")
    parser.add_argument("--only", action="append", choices=[each.name for each in OPERATIONS], metavar="NAME",
                        help="only this operation; may be given again")
    parser.add_argument("--rounds", type=between(int, 1, 1000), default=5, metavar="N", help="(%(default)s)")
    parser.add_argument("--seconds", type=between(float, 0.01, 60), default=0.5, metavar="S",
                        help="of each measurement (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args()
    if arguments.against and arguments.database:
        parser.error("--database is for a service of our own, not for --against")
    arguments.users = arguments.users or (PEERS_USERS if arguments.against else USERS)
    return arguments


def between(kind: type, least: float, most: float):
    """A type of arguments: a number within these bounds."""
    def read(text: str):
        with contextlib.suppress(ValueError):
            if least <= (number := kind(text)) <= most:
                return number
        raise argparse.ArgumentTypeError(f"{text} is not a number from {least} to {most}")
    return read


def on_loopback(text: str) -> str:
    """A type of arguments: the http URL of a server on this machine."""
    with contextlib.suppress(ValueError):
        url = urlsplit(text)
        if url.scheme == "http" and url.port and config.is_loopback_name(url.hostname or "") and url.path in ("", "/"):
            return text.rstrip("/")
    raise argparse.ArgumentTypeError(f"{text} is not of the form http://127.0.0.1:PORT; no other machine is put under load")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- who is measured ----------------------------------------------------------------------------------------

@dataclass
class Subject:
    """A server under load, its pool and our connections to it; what is known of the process only for our own."""

    world: World
    start_seconds: float | None = None
    load_seconds: float | None = None
    server: Server | None = None

    @property
    def memory(self) -> list[dict]:
        return [memory_of(pid) for pid in self.server.workers] if self.server else []


@contextlib.contextmanager
def own_service(arguments: argparse.Namespace, folder: Path) -> Iterator[Subject]:
    """Our own service, as a user starts it, on a pool with so many users."""
    from authservice.local.backend import LocalBackend
    port = free_port()
    with contextlib.closing(LocalBackend(config.load(instance=folder, database_url=arguments.database))) as backend:
        def call(operation: str, request: dict) -> dict:
            return backend.call(operation, request, OPERATOR)

        pool = world.make(call, f"http://127.0.0.1:{port}")
        command = [sys.executable, "-m", "authservice", "serve", "--port", str(port), "--workers", str(arguments.workers)]
        settings = environment(instance=str(folder), database_url=arguments.database, public_url=pool.url)
        question = pool.request("GET", f"/{pool.pool_id}/.well-known/jwks.json")
        server = Server(command, settings, port, folder / "service.log", question)
        try:
            began = time.monotonic()
            bar = Bar("loading users", arguments.users)
            pool.names, pool.srp_names = crowd.fill(backend, pool.pool_id, arguments.users, bar)
            loaded = time.monotonic() - began
            progress("starting the service")
            started = server.start(arguments.workers)
            pool.connections = server.connections(CONNECTIONS * arguments.workers)
            yield Subject(pool, started, loaded, server)
        finally:
            server.stop()
            if arguments.database:
                progress("deleting the pool")
                world.remove(call, pool)


@contextlib.contextmanager
def peer(arguments: argparse.Namespace) -> Iterator[Subject]:
    """Whoever answers at a URL; its pool is made by the API, and deleted by it."""
    call = world.over_http(arguments.against)
    pool = world.make(call, arguments.against)
    url = urlsplit(arguments.against)
    try:
        pool.connections = [Connection((url.hostname, url.port)) for _ in range(CONNECTIONS * arguments.workers)]
        world.invite(pool, arguments.users, Bar("making users", arguments.users))
        yield Subject(pool)
    finally:
        for connection in pool.connections:
            connection.close()
        progress("deleting the pool")
        world.remove(call, pool)


@contextlib.contextmanager
def empty_route(arguments: argparse.Namespace, folder: Path) -> Iterator[Callable[[float], Pace]]:
    """An empty Flask route behind the same server; gives a function from seconds to its pace."""
    port = free_port()
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    command = [sys.executable, "-m", "scripts.measuring.empty_route", str(port), str(arguments.workers)]
    server = Server(command, environment(), port, folder / "route.log", request)
    try:
        server.start(arguments.workers)
        connections = server.connections(CONNECTIONS * arguments.workers)
        yield lambda seconds: pace(server, connections, lambda: steady(connections, [request], b"\r\n\r\nok", seconds))
    finally:
        server.stop()


def forget_settings() -> None:
    """Take the settings of whoever runs this out of the environment, but for the costs of a hash."""
    kept = {f"AUTHSERVICE_{name.upper()}" for name in KEPT}
    for name in [name for name in os.environ if name.startswith("AUTHSERVICE_") and name not in kept]:
        del os.environ[name]


def environment(**settings: str) -> dict[str, str]:
    """Our environment with these settings."""
    return {**os.environ, **{f"AUTHSERVICE_{name.upper()}": value for name, value in settings.items() if value}}


# --- the measurement ----------------------------------------------------------------------------------------

def run(arguments: argparse.Namespace) -> dict:
    """Start what is needed, measure, stop it; gives the findings."""
    load_before = load_average()
    operations = [each for each in OPERATIONS if each.name in (arguments.only or [each.name])]
    (ROOT / "instance").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        # On the disk of a real instance: where temporary files are kept in memory, a commit costs nothing.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "instance")))
        settings = config.load(instance=folder)
        subject = stack.enter_context(peer(arguments) if arguments.against else own_service(arguments, folder))
        limits = Limits(max(cores(), arguments.workers), tuple(getattr(settings, name) for name in KEPT))
        stack.callback(limits.close)
        route = None
        if any(each.limit == "route" for each in operations):
            route = stack.enter_context(empty_route(arguments, folder))
        measurement = Measurement(operations, subject.world, subject.server, limits, route, cores(), progress)
        measurement.warm_up(arguments.seconds)
        for number in range(arguments.rounds):
            measurement.round(f"round {number + 1} of {arguments.rounds}", arguments.seconds)
        memory = subject.memory
    progress("")
    scheme = urlsplit(arguments.database).scheme.partition("+")[0] or "sqlite"
    return {"machine": {"system": platform.system(), "python": platform.python_version(), "cores": cores(),
                        "load_average": load_before, "load_average_after": load_average()},
            "subject": {"against": arguments.against, "database": DATABASES.get(scheme, scheme), "workers": arguments.workers,
                        "users": arguments.users, "load_seconds": subject.load_seconds,
                        "start_seconds": subject.start_seconds, "memory_mb": memory},
            "rounds": arguments.rounds, "seconds": arguments.seconds, "operations": measurement.findings}


def load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


# --- what is going on ---------------------------------------------------------------------------------------

def progress(line: str) -> None:
    """What is being done, in one line of a terminal that is written over; nothing elsewhere."""
    if sys.stderr.isatty():
        print("\r\033[K" + line[:shutil.get_terminal_size().columns - 1], end="", file=sys.stderr, flush=True)


class Bar:
    """A progress bar; call it with how many are done."""

    WIDTH = 30  # characters

    def __init__(self, doing: str, total: int):
        self.doing, self.total, self.began = doing, total, time.monotonic()

    def __call__(self, done: int) -> None:
        passed = time.monotonic() - self.began
        filled = "#" * (self.WIDTH * done // self.total)
        progress(f"{self.doing} [{filled:.<{self.WIDTH}}] {done:,} of {self.total:,}, "
                 f"{passed * (self.total - done) / done:.0f} s left")


if __name__ == "__main__":
    sys.exit(main())
