"""What `authservice serve` opens to whom, and how it says so: tried with real processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.services import free_port, server

KEYS = {"AUTHSERVICE_ACCESS_KEYS": "AKIDEXAMPLE:secret"}


def refusal_to_start(instance, *arguments, **settings) -> str:
    """The one line with which `authservice serve` refuses; fails, and ends the process, when it starts."""
    command = [sys.executable, "-m", "authservice", "serve", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=server.ROOT, env=server.environment(instance, settings),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    try:
        out, told = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out) == (1, ""), told
    assert len(told.splitlines()) == 1, told
    return told


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "127.0.0.1.example.com"])
def test_a_service_open_to_a_network_refuses_to_start_without_access_keys(tmp_path, host):
    told = refusal_to_start(tmp_path, "--host", host, "--port", free_port())
    assert host in told and "AUTHSERVICE_ACCESS_KEYS" in told


def test_access_keys_without_secret_are_refused_at_start(tmp_path):
    everywhere = ("--host", "0.0.0.0", "--port", free_port())
    told = refusal_to_start(tmp_path, *everywhere, AUTHSERVICE_ACCESS_KEYS="AKID")
    assert "access_keys" in told and "AKID" not in told


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refusal_to_start(tmp_path, "--port", port)


def test_the_start_up_lines_say_what_is_open(tmp_path):
    with server.running_service(tmp_path) as service:
        assert "any credentials are accepted, from this machine only" in service.log
        assert f"{service.url}/outbox" in service.log


def test_with_access_keys_any_address_is_served_and_nothing_is_shown(tmp_path):
    port = free_port()
    service = server.Service(f"http://localhost:{port}", tmp_path / "log", [
        "serve", "--host", "0.0.0.0", "--port", str(port)], server.environment(tmp_path, KEYS))
    service.start()
    try:
        assert "SigV4 signatures are verified" in service.log and "outbox" not in service.log
        assert "secret" not in service.log
    finally:
        assert service.stop() == 0
