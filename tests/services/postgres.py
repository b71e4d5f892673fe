"""A throw-away PostgreSQL server: real, empty, on loopback, gone at the end.

Owns finding the programs, starting and ending the server, and fresh databases in it, with our tables or without. The
tables are local/database.py's.
"""

import contextlib
import functools
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from authservice.local import database
from tests.services import free_port

OWNER = "authservice"
KEPT = {"synchronous_commit": "on"}
"""What is acknowledged outlives the server's processes, though not the machine."""
START_WITHIN = 60  # seconds
# Nothing here outlives the test run, so nothing is worth waiting for the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


@dataclass
class Postgres:
    """A server; every URL is for SQLAlchemy with psycopg 3, and needs no password."""

    port: int
    folder: Path
    settings: dict[str, str]
    _account: dict = field(repr=False)
    _process: subprocess.Popen = field(repr=False)
    _numbers: itertools.count = field(default_factory=itertools.count, repr=False)

    def stop(self) -> None:
        """End the server at once, its children included, as a crash would: PostgreSQL's "immediate" shutdown."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=30)

    def start(self) -> None:
        """Start the server that was stopped, with its databases, on the same port."""
        self._process = _process(self.folder, self.settings, self._account, self.port)
        if not _accepts(self._process, self.port):
            raise RuntimeError(f"PostgreSQL did not start again:\n{_log(self.folder)}")

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{name}"

    def create_database(self, template: str | None = None) -> str:
        """Make a database of its own for the caller, as a copy of `template` if given, and return its URL.

        PostgreSQL refuses a template that somebody is connected to.
        """
        name = f"test_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(command.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        return self.url(name)

    @functools.cached_property
    def _schema(self) -> str:
        url = self.create_database()
        engine = database.open_engine(url)
        database.upgrade(engine)
        engine.dispose()
        return url.rpartition("/")[2]

    def create_migrated_database(self) -> str:
        """The same with the newest schema in it, made once: to make one takes ten times as long as to copy it."""
        return self.create_database(self._schema)

    def drop_database(self, url: str) -> None:
        """Remove a database by its URL, closing the connections that are still open to it."""
        name = url.rpartition("/")[2]
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, command) -> None:
        with _connect(self.port) as connection:
            connection.execute(command)


def find_binaries() -> tuple[Path | None, str]:
    """Return (the folder of initdb and postgres, ""), or (None, what is missing and how to get it)."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    versions = map(Path, glob.glob("/usr/lib/postgresql/*/bin"))
    folders += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder, ""
    return None, "no PostgreSQL server found (Debian, Ubuntu: apt install postgresql)"


def missing() -> str:
    """Return why there is no PostgreSQL for the tests and how to get it; "" where there is one."""
    return find_binaries()[1]


@contextlib.contextmanager
def running(**settings: str):
    """Start a server with these settings and yield it as Postgres; it and its files are gone afterwards.

    Needs `find_binaries()` to have found them. PostgreSQL refuses to run as root, so root hands it, and its
    folder, to the user postgres or nobody.
    """
    binaries, reason = find_binaries()
    if binaries is None:
        raise RuntimeError(reason)
    account = _another_user()
    # Not pytest's tmp_path: that lies in a folder which another user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="authservice-postgres-"))
    try:
        if account:
            os.chown(folder, account["user"], account["group"])
        _initialise(binaries, folder, account)
        server = _started(folder, {**FAST, **settings}, account)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def replica_of(primary: Postgres):
    """Start a streaming replica of a running server and yield it as Postgres; gone afterwards."""
    account = _another_user()
    folder = Path(tempfile.mkdtemp(prefix="authservice-replica-"))
    try:
        if account:
            os.chown(folder, account["user"], account["group"])
        command = [find_binaries()[0] / "pg_basebackup", "--pgdata", folder / "data", "--host", "127.0.0.1",
                   "--port", str(primary.port), "--username", OWNER, "--write-recovery-conf", "--checkpoint", "fast",
                   "--no-sync"]
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, **account)
        replica = _started(folder, primary.settings, account)
        try:
            yield replica
        finally:
            replica.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _another_user() -> dict:
    """What Popen needs to leave root's account; nothing when we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it")


def _initialise(binaries: Path, folder: Path, account: dict) -> None:
    command = [binaries / "initdb", "--pgdata", folder / "data", "--username", OWNER, "--auth", "trust",
               "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **account)
    if done.returncode:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


def _started(folder: Path, settings: dict, account: dict) -> Postgres:
    """Start the server on a free port; tries another one when somebody was quicker to take it."""
    for _ in range(3):
        port = free_port()
        process = _process(folder, settings, account, port)
        if _accepts(process, port):
            return Postgres(port, folder, settings, account, process)
    raise RuntimeError(f"PostgreSQL did not start:\n{_log(folder)}")


def _process(folder: Path, settings: dict, account: dict, port: int) -> subprocess.Popen:
    settings = {**settings, "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    command = [find_binaries()[0] / "postgres", "-D", folder / "data"]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with open(folder / "server.log", "wb") as output:
        # A session of its own: Ctrl-C is for the tests, which end the server themselves.
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, start_new_session=True, **account)


def _log(folder: Path) -> str:
    return (folder / "server.log").read_text(errors="replace")


def _accepts(process: subprocess.Popen, port: int) -> bool:
    """Wait until the server takes connections; False when it has ended, or is too slow and has been ended."""
    deadline = time.monotonic() + START_WITHIN
    while process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError), _connect(port):
            return True
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
        time.sleep(0.02)
    return False


def _connect(port: int) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user=OWNER, dbname="postgres", autocommit=True,
                           connect_timeout=5)
