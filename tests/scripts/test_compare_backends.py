"""compare_backends finds no difference where there is none, and each one that is planted."""

import base64
import json
import os
import pty
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.services import free_port
from tests.scripts import in_process
from tests.services.server import ROOT, running_service

sys.path.insert(0, str(ROOT / "scripts"))  # the script's own modules, as it finds them itself
import compare_backends  # noqa: E402

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "AUTHSERVICE_INSTANCE": "/nonexistent",
               "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
               "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "localhost,127.0.0.1"}
QUICK_HASHES = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64"}
COMMAND = [sys.executable, ROOT / "scripts" / "compare_backends.py"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("compared"), QUICK_HASHES) as service:
        yield service


def compare(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return in_process.run(compare_backends, *arguments, environment={**ENVIRONMENT, **environment})


class Altering(BaseHTTPRequestHandler):
    """Passes requests on to the service, and its answers back with one thing changed."""

    upstream = ""
    shows_messages = True

    @staticmethod
    def change(status: int, answer: dict) -> int:
        """Change the answer in place; gives the status to send."""
        return status

    def do_POST(self):
        self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        if self.shows_messages:
            self.pass_on(None)
        else:
            self.send_error(404)

    def pass_on(self, body):
        own = ("host", "connection")
        sent = {name: value for name, value in self.headers.items() if name.lower() not in own}
        request = urllib.request.Request(self.upstream + self.path, body, sent)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            status, headers, content = answer.status, answer.headers, answer.read()
        decoded = json.loads(content) if content else {}
        if isinstance(decoded, dict):
            status = self.change(status, decoded)
            content = json.dumps(decoded).encode() if content else content
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Nothing: the proxy's own log says nothing about the comparison."""


@pytest.fixture
def behind_proxy(service):
    """The service behind a proxy that changes its answers; call it to get the address."""
    servers = []

    def start(change=Altering.change, **more) -> str:
        members = {"upstream": service.url, "change": staticmethod(change), **more}
        handler = type("Handler", (Altering,), members)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def other_message(status, answer):
    if answer.get("message") == "Incorrect username or password.":
        answer["message"] = "Wrong password."
    return status


def other_code(status, answer):
    if answer.get("__type") == "UserNotFoundException":
        answer["__type"] = "NotAuthorizedException"
    return status


def other_status(status, answer):
    return 403 if answer.get("__type") == "NotAuthorizedException" else status


def dropped_member(status, answer):
    answer.get("Group", {}).pop("Precedence", None)
    return status


def added_member(status, answer):
    if "Group" in answer:
        answer["Group"]["Description"] = answer["Group"].get("Description", "none")
    return status


def other_value(status, answer):
    if "UserPoolClient" in answer:
        answer["UserPoolClient"]["RefreshTokenValidity"] += 1
    return status


def _claim(name, value):
    """Change one claim of the ID token, which no scenario gives back to the service."""
    def change(status, answer):
        if "IdToken" in answer.get("AuthenticationResult", {}):
            header, payload, signature = answer["AuthenticationResult"]["IdToken"].split(".")
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            claims[name] = value(claims[name])
            payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            answer["AuthenticationResult"]["IdToken"] = f"{header}.{payload}.{signature}"
        return status
    return change


def test_the_service_agrees_with_itself_in_process_and_over_http(service):
    done = subprocess.run([*COMMAND, "local", service.url], env=ENVIRONMENT, cwd=ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "≠" not in done.stdout and "skipped" not in done.stdout
    assert re.search(r"\n(\d+) of \1 steps agree\n", done.stdout)
    assert done.stdout.count("\n  = ") > 120
    assert "\033" not in done.stdout and done.stderr == ""


def test_a_comparison_leaves_nothing_behind(service):
    compare("local", service.url, "--scenario", "groups")
    pools = urllib.request.Request(service.url, b'{"MaxResults": 10}', {
        "X-Amz-Target": "AWSCognitoIdentityProviderService.ListUserPools",
        "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/cognito-idp/aws4_request, "
                         "SignedHeaders=host, Signature=0"})
    with urllib.request.urlopen(pools) as answer:
        assert json.load(answer)["UserPools"] == []


def test_a_proxy_that_changes_nothing_is_no_difference(behind_proxy):
    """Otherwise the tests below would find the proxy, not what it plants."""
    assert compare("local", behind_proxy(), "--scenario", "groups", "--scenario", "errors").returncode == 0


@pytest.mark.parametrize(("scenario", "planted"), [
    ("errors", [(other_message, "message", "Incorrect username or password.", "Wrong password."),
                (other_code, "code", "UserNotFoundException", "NotAuthorizedException")]),
    ("errors", [(other_status, "status", 400, 403)]),
    ("groups", [(dropped_member, "Group.Precedence", 2, None),
                (added_member, "Group.Description", None, "none"),
                (other_value, "UserPoolClient.RefreshTokenValidity", 30, 31),
                (_claim("cognito:groups", lambda groups: groups[1:]),
                 "AuthenticationResult.IdToken:claims.cognito:groups[1]", "writers", None),
                (_claim("exp", lambda exp: exp + 60), "AuthenticationResult.IdToken:claims.lifetime", 3600, 3660),
                (_claim("token_use", lambda _: "access"), "AuthenticationResult.IdToken:claims.token_use", "id",
                 "access")]),
], ids=["message and code", "status", "members, values and claims"])
def test_each_planted_difference_is_found_and_nothing_else(behind_proxy, scenario, planted):
    def change(status, answer):
        for each, *_ in planted:
            status = each(status, answer)
        return status

    done = compare("local", behind_proxy(change), "--scenario", scenario, "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["agree"] is False
    found = [difference for step in told["scenarios"][0]["steps"] for difference in step["differences"]]
    for _, what, ours, theirs in planted:
        assert {"what": what, "left": ours, "right": theirs} in found
    assert {difference["what"] for difference in found} == {what for _, what, *_ in planted}


def test_a_difference_is_shown_side_by_side(behind_proxy):
    done = compare("local", behind_proxy(other_message), "--scenario", "errors")
    assert done.returncode == 1
    assert re.search(r"\n  ≠ InitiateAuth +400 NotAuthorizedException +400 NotAuthorizedException\n"
                     r"      message +Incorrect username or password\. +Wrong password\.\n", done.stdout)
    assert re.search(r"\n  = CreateUserPool +200 +200\n", done.stdout)
    assert "they differ in: errors" in done.stdout


def test_an_answer_the_next_step_cannot_use_ends_the_scenario_and_differs(behind_proxy):
    def without_pool(status, answer):
        answer.pop("UserPool", None)
        return status

    done = compare("local", behind_proxy(without_pool), "--scenario", "groups")
    assert done.returncode == 1
    assert "stopped here: the answer has no UserPool.Id" in done.stdout and "(not reached)" in done.stdout


def test_without_a_readable_inbox_the_steps_that_need_it_are_skipped_on_both_sides(behind_proxy):
    url = behind_proxy(shows_messages=False)
    done = compare("local", url, "--scenario", "sign-up", "--scenario", "recovery")
    assert done.returncode == 0, done.stdout
    assert f"- ConfirmSignUp: skipped, the messages of {url} cannot be read" in done.stdout
    assert "AdminConfirmSignUp" in done.stdout and ", 2 skipped" in done.stdout


def test_moto_is_compared_and_its_lenience_found(service):
    """It never sent a code and takes every one: the comparison must say so."""
    done = compare(service.url, "moto", "--scenario", "sign-up", "--json")
    assert done.returncode == 1, done.stderr
    steps = json.loads(done.stdout)["scenarios"][0]["steps"]
    wrong_code = next(step for step in steps if step["operation"] == "ConfirmSignUp")
    assert (wrong_code["left"]["code"], wrong_code["right"]) == ("CodeMismatchException", {"status": 200})


def test_a_service_with_access_keys_is_signed_for(tmp_path):
    keys = {"AUTHSERVICE_ACCESS_KEYS": "AKIDEXAMPLE:secret"}
    with running_service(tmp_path, {**QUICK_HASHES, **keys}) as guarded:
        signed = compare("local", guarded.url, "--scenario", "groups", AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
                         AWS_SECRET_ACCESS_KEY="secret")
        stranger = compare("local", guarded.url, "--scenario", "groups")
    assert signed.returncode == 0, signed.stdout + signed.stderr
    assert stranger.returncode == 2 and "UnrecognizedClientException" in stranger.stderr


@pytest.mark.parametrize(("arguments", "told"), [
    (("local", "nonsense"), "not a backend"),
    (("local", f"http://127.0.0.1:{free_port()}"), "cannot be reached"),
    (("local", "cognito"), "no AWS credentials"), (("local",), "two backends"), ((), "two backends"),
    (("local", "local", "--scenario", "nonsense"), "sign-up"), (("local", "local", "local"), "two backends"),
])
def test_what_cannot_be_compared_is_told_with_exit_code_2(arguments, told):
    done = compare(*arguments)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ""


def test_the_scenarios_are_listed():
    done = compare("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "sign-up", "srp-sign-in", "totp", "recovery", "groups", "refresh-and-revocation", "errors"]
    assert "examples:" in compare("--help").stdout


def test_on_a_terminal_it_shows_progress_and_colours():
    ours, theirs = pty.openpty()
    command = [*COMMAND, "local", "local", "--scenario", "groups"]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=theirs,
                               stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait() == 0
    assert b"\033[32m=\033[0m CreateGroup" in seen and b"[1/1] groups: local: CreateGroup" in seen
