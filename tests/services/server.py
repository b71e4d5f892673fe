"""The service and the demo site as real processes, the way a user runs them: `python -m authservice ...`.

Owns starting, waiting for /healthz, ending, killing and restarting, and one-off commands. Does not make the
database or seed it: that is `command(instance, "db", "upgrade")` and `command(instance, "seed", FILE)`.
"""

import contextlib
import functools
import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from authservice.local import database
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN = 60  # seconds
STOP_WITHIN = 30  # seconds
NO_PROXY = urllib.request.ProxyHandler({})
DIRECT = urllib.request.build_opener(NO_PROXY)


@dataclass
class Service:
    """A running process that answers at `url`; `log_path` has all it printed, over restarts too."""

    url: str
    log_path: Path
    arguments: list[str]
    environment: dict[str, str]
    process: subprocess.Popen | None = None

    @property
    def ca(self) -> Path:
        """The certificate authority of an https one, for its clients."""
        return Path(self.environment["AUTHSERVICE_INSTANCE"]) / "tls" / "ca.pem"

    @property
    def pin(self) -> str:
        """What Chromium is to trust, as the first lines of an https one tell it."""
        return re.findall(r"--ignore-certificate-errors-spki-list=(\S+)", self.log)[-1]

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        with open(self.log_path, "ab") as output:
            # A session of its own, so that workers can be killed together with their parent.
            self.process = subprocess.Popen([sys.executable, "-m", "authservice", *self.arguments], cwd=ROOT,
                                            env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def start(self) -> None:
        """Start the process and wait until /healthz answers 200; raises with its log when it does not."""
        self.launch()
        deadline = time.monotonic() + START_WITHIN
        while not _healthy(self.url, self.ca):
            code = self.process.poll()
            if code is not None or time.monotonic() > deadline:
                self.kill9()
                state = "is not ready" if code is None else f"ended with exit code {code}"
                raise RuntimeError(f"authservice {' '.join(self.arguments)} {state}:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> int:
        """End the process as an operator does, by SIGTERM, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_WITHIN)
        finally:
            self.kill9()

    def kill9(self) -> None:
        """Kill the process and its workers at once, in the middle of whatever they do."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Start it again on the same address and instance; ends it first if it still runs."""
        if self.process.poll() is None:
            self.stop()
        self.start()


def command(instance: Path, *arguments: str, env: dict | None = None) -> subprocess.CompletedProcess:
    """Run `authservice ARGUMENTS` to its end, output captured as text; the caller looks at the exit code."""
    return subprocess.run([sys.executable, "-m", "authservice", *map(str, arguments)], cwd=ROOT,
                          env=environment(instance, env), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)


@contextlib.contextmanager
def running_service(instance: Path, env: dict | None = None, port: int | None = None, workers: int = 1,
                    tls: bool = False):
    """Run the service on loopback for the time of the `with` block and yield it as Service.

    `env` adds settings (AUTHSERVICE_...) to the clean environment; the public URL is the service's own
    address unless `env` has another. `tls` starts it with --tls.
    """
    port = port or free_port()
    url = f"{'https' if tls else 'http'}://localhost:{port}"
    settings = environment(instance, {"AUTHSERVICE_PUBLIC_URL": url, **(env or {})})
    if not settings.get("AUTHSERVICE_DATABASE_URL"):
        _spare_the_migrations(instance / "authservice.db")
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers),
                 *["--tls"] * tls]
    with _running(Service(url, instance / f"service-{port}.log", arguments, settings)) as service:
        yield service


@contextlib.contextmanager
def running_demo(instance: Path, service_url: str, env: dict | None = None, port: int | None = None,
                 tls: bool = False):
    """Run the demo site, a guest of the service at `service_url`, likewise."""
    port = port or free_port()
    url = f"{'https' if tls else 'http'}://localhost:{port}"
    settings = environment(instance, {"AUTHSERVICE_PUBLIC_URL": service_url, "AUTHSERVICE_DEMO_URL": url,
                                      **(env or {})})
    arguments = ["demo", "--host", "127.0.0.1", "--port", str(port), *["--tls"] * tls]
    with _running(Service(url, instance / f"demo-{port}.log", arguments, settings)) as demo:
        yield demo


def _spare_the_migrations(file: Path) -> None:
    """Put a database with the newest schema where there is none: to make one takes a start as long as all the rest."""
    if not file.exists():
        file.write_bytes(_empty_database())
        file.chmod(0o600)


@functools.lru_cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        engine = database.open_engine(f"sqlite:///{file}")
        database.upgrade(engine)
        engine.dispose()  # the last connection to a file takes its journal in
        return file.read_bytes()


def environment(instance: Path, settings: dict | None = None) -> dict[str, str]:
    """Our environment without the AUTHSERVICE_ variables of whoever runs the tests, then these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVICE_")}
    given = {name: str(value) for name, value in (settings or {}).items()}
    return {**clean, "AUTHSERVICE_INSTANCE": str(instance), "PYTHONUNBUFFERED": "1", **given}


@contextlib.contextmanager
def _running(service: Service):
    service.start()
    try:
        yield service
    finally:
        service.kill9() if service.process.poll() is not None else service.stop()


def _healthy(url: str, ca: Path) -> bool:
    try:
        opener = trusting(ca) if url.startswith("https:") else DIRECT
        with opener.open(url.replace("//localhost:", "//127.0.0.1:") + "/healthz", timeout=2) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


def trusting(ca: Path) -> urllib.request.OpenerDirector:
    """Like DIRECT, for https by this certificate authority alone."""
    context = ssl.create_default_context(cafile=ca)
    return urllib.request.build_opener(NO_PROXY, urllib.request.HTTPSHandler(context=context))
