"""A throw-away Redis server: real, empty, on loopback, gone at the end.

Owns finding the program, starting, stopping and ending it. What lies in it is the counters' matter.
"""

import contextlib
import shutil
import subprocess
import time
from dataclasses import dataclass

import redis

from tests.services import free_port

START_WITHIN = 30  # seconds


@dataclass
class Redis:
    """A server that can be taken away and brought back; it forgets everything in between."""

    port: int
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        # A session of its own: Ctrl-C is for the tests, which end the server themselves.
        self.process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        start_new_session=True)
        deadline = time.monotonic() + START_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"redis-server did not start on port {self.port}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Away at once, its connections closed."""
        self.process.kill()
        self.process.wait()

    def empty(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(port=self.port) as client:
            return client.ping()
        return False


def missing() -> str:
    """Return why there is no Redis for the tests and how to get it; "" where there is one."""
    return "" if shutil.which("redis-server") else "no redis-server found (Debian, Ubuntu: apt install redis-server)"


@contextlib.contextmanager
def running():
    """Start a server and yield it as Redis; it is gone afterwards."""
    server = Redis(free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
