"""compare_backends finds no difference where there is none, and each one that is planted."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.services.server import ROOT, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("compared"), {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64"}) as service:
        yield service


def compare(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "scripts" / "compare_backends.py", *arguments], capture_output=True,
                          text=True, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                                                    "AUTHSERVICE_INSTANCE": "/nonexistent"})


class Altering(BaseHTTPRequestHandler):
    """Passes requests on to the service, and its answers back with one thing changed."""

    upstream = ""
    old, new = b"", b""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = urllib.request.Request(self.upstream, body, {
            name: self.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization")
            if name in self.headers})
        try:
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, content = refusal.code, refusal.read()
        content = content.replace(self.old, self.new)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Nothing: the proxy's own log says nothing about the comparison."""


@pytest.fixture
def altered(service):
    """The service behind a proxy that replaces `old` by `new` in its answers; call it to get the address."""
    servers = []

    def start(old: str, new: str) -> str:
        handler = type("Handler", (Altering,), {"upstream": service.url, "old": old.encode(), "new": new.encode()})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_service_agrees_with_itself_in_process_and_over_http(service):
    done = compare("local", service.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differ" not in done.stdout and "≠" not in done.stdout


@pytest.mark.parametrize(("scenario", "old", "new", "told"), [
    ("errors", "Incorrect username or password.", "Wrong password.", "Wrong password."),
    ("errors", '"__type": "UserNotFoundException"', '"__type": "NotAuthorizedException"', "NotAuthorizedException"),
    ("groups", '"Description": "may read"', '"Described": "may read"', "(absent)"),
    ("groups", '"Precedence": 2', '"Precedence": 3', "Precedence"),
])
def test_a_planted_difference_is_found_and_shown(altered, scenario, old, new, told):
    done = compare("local", altered(old, new), "--scenario", scenario)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "≠" in done.stdout and told in done.stdout


def test_a_token_that_says_something_else_is_a_difference(service, tmp_path):
    with running_service(tmp_path, {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64"}) as other:
        done = compare(service.url, other.url, "--scenario", "groups", "--json")
    assert done.returncode == 0, done.stdout
    claims = [step for step in json.loads(done.stdout)["scenarios"][0]["steps"] if step["operation"] == "InitiateAuth"]
    assert claims and all(step["agrees"] for step in claims)


@pytest.mark.parametrize("arguments", [("local", "nonsense"), ("local", "http://127.0.0.1:9")])
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(arguments):
    done = compare(*arguments, "--scenario", "groups")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
