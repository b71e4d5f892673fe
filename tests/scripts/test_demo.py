"""demo.py as a newcomer starts it, but for the set-up of .venv: these tests run in one already."""

import contextlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import pytest

from authservice import tls
from tests.services.server import ROOT, environment, trusting

START = """
import sys
sys.path.insert(0, "scripts")
import bootstrap
bootstrap.prepare = lambda *extras: sys.executable
import demo
demo.main()
"""
PATIENCE = 120  # seconds, for all that is done with one demo


@contextlib.contextmanager
def demo(instance: Path, port: int, *options: str):
    """Run demo.py and yield what it told until it was ready; ended as by Ctrl-C."""
    process = subprocess.Popen([sys.executable, "-c", START, "--instance", instance, "--port", str(port), *options],
                               cwd=ROOT, env=environment(instance), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "\n" and any("From a shell" in line for line in lines):
                break
        yield "".join(lines)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait() == 0, rest
    finally:
        patience.cancel()
        process.kill()
        process.wait()


def two_free_ports() -> int:
    """A port that nobody uses, nor the next: below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            return port


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """(what was told, port of the service, instance) of a demo with --tls."""
    instance, port = tmp_path_factory.mktemp("demo"), two_free_ports()
    with demo(instance, port, "--tls") as told:
        yield told, port, instance


def test_with_tls_both_answer_by_https_under_one_authority(started):
    told, port, instance = started
    for each in port, port + 1:
        with trusting(instance / "tls" / "ca.pem").open(f"https://localhost:{each}/healthz", timeout=10) as answer:
            assert answer.status == 200, told


def test_with_tls_every_address_to_click_is_https(started):
    told, port, _ = started
    addresses = re.findall(r"https?://localhost:\d+", told[told.index("Ready."):])
    assert set(addresses) == {f"https://localhost:{port}", f"https://localhost:{port + 1}"}


def test_with_tls_the_lines_to_copy_say_whom_to_trust(started):
    told, port, instance = started
    authority = instance / "tls" / "ca.pem"
    assert f"AWS_CA_BUNDLE={authority} aws cognito-idp" in told
    assert "--ignore-certificate-errors-spki-list=" in told
    written = told[told.index("boto3.client"):told.index("From a shell")].strip()
    cognito = eval(written, {"boto3": boto3})
    assert cognito.list_user_pools(MaxResults=1)["UserPools"][0]["Name"] == "Demo pool"
    assert cognito.meta.endpoint_url == f"https://localhost:{port}" and str(authority) in written


def test_a_reset_keeps_the_authority(tmp_path):
    authority = tls.prepare(tmp_path, {"localhost"}).authority
    before = authority.read_bytes()
    (tmp_path / "authservice.db").write_bytes(b"of no use any more")
    with demo(tmp_path, two_free_ports(), "--tls", "--reset", "--yes") as told:
        assert "Deleted the database" in told and "authority in tls is kept" in told and "Ready." in told
    assert authority.read_bytes() == before
