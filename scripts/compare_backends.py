"""Run the same scenarios on two backends and show, step by step, where they agree and where they differ.

A backend is `local` (our own pools, in a fresh temporary folder), an address such as
http://localhost:8400 (any service that speaks the API), `cognito` (Amazon's, by the usual
credentials and AUTHSERVICE_COGNITO_PROFILE and _REGION) or `moto` (an independent implementation,
for comparison). Each scenario makes a user pool of its own and deletes it at the end; no other
pool is touched. Compared are HTTP status, error code, message, members and the claims of tokens;
ids, times and secrets are replaced by what they are. Steps that need a mailed code are skipped
where one of the two has no /outbox.json to read it from. An address with access keys is signed
for with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

Exit code: 0 all agree, 1 they differ, 2 could not run.
"""

import bootstrap  # first: it is what refuses an old Python

import argparse
import base64
import contextlib
import itertools
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import textwrap
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scenarios import EMAIL, SCENARIOS, CannotRun, Run, Step, Stopped

EXAMPLES = """examples:
  python3 scripts/compare_backends.py local http://localhost:8400
  python3 scripts/compare_backends.py local moto --scenario groups --scenario errors
  AWS_PROFILE=dev python3 scripts/compare_backends.py local cognito --json > differences.json
"""


# --- two backends -------------------------------------------------------------------------------------------

@dataclass
class Side:
    """One of the two: its name, its backend, and how to read the messages it sends (None: nobody can)."""

    name: str
    backend: object
    inbox: object = None
    answered: int | None = None
    """The HTTP status of the last answer, of a side behind HTTP."""

    def call(self, operation: str, request: dict) -> tuple[dict, object]:
        """(what can be compared of the outcome, the answer); the answer to a refused call is {}."""
        from authservice.contract import ANONYMOUS, OPERATOR, service
        from authservice.errors import CognitoError
        caller = ANONYMOUS if service().is_public(operation) else OPERATOR
        self.answered = None
        try:
            answer = self.backend.call(operation, request, caller)
        except CognitoError as refusal:
            if self.answered is None and hasattr(self.backend, "client"):
                raise CannotRun(f"{self.name}: {refusal.message}") from None
            status = self.answered or refusal.status
            return {"status": status, "code": refusal.code, "message": refusal.message}, {}
        return {"status": self.answered or 200, **answer}, answer


@contextlib.contextmanager
def open_side(name: str):
    """Start or reach a backend by its name on the command line."""
    from authservice.config import Settings, SettingsError, load
    if name == "local":
        from authservice.local.backend import LocalBackend
        from authservice.local.messaging import outbox
        with tempfile.TemporaryDirectory() as folder:
            with contextlib.closing(LocalBackend(Settings(instance=Path(folder)))) as backend:
                yield Side(name, backend, lambda to: outbox.recent(backend, to))
    elif name == "cognito":
        try:
            yield _reached(name, load(backend="cognito"), None)
        except SettingsError as error:
            raise CannotRun(str(error)) from None
    elif name == "moto":
        with _moto() as url:
            yield _reached(name, Settings(cognito_endpoint_url=url), ("any", "any"))
    elif re.match(r"https?://", name):
        keys = tuple(os.environ.get(f"AWS_{each}", "any") for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        yield _reached(name, Settings(cognito_endpoint_url=name), keys, _inbox_at(name.rstrip("/")))
    else:
        raise CannotRun(f"{name}: not a backend; write local, cognito, moto or http://HOST:PORT")


def _reached(name: str, settings, credentials, inbox=None) -> Side:
    """A side behind HTTP, asked through the adapter; refuses one out of reach, or that will not let us in."""
    from authservice.cognito.backend import CognitoBackend
    side = Side(name, CognitoBackend(settings, credentials), inbox)
    if not side.backend.has_credentials:
        raise CannotRun(f"{name}: no AWS credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                        "AWS_SECRET_ACCESS_KEY")

    def note(http_response, **_):
        side.answered = http_response.status_code

    side.backend.client.meta.events.register("after-call.cognito-idp", note)
    outcome, _ = side.call("ListUserPools", {"MaxResults": 1})
    if "code" in outcome:
        raise CannotRun(f"{name}: {outcome['code']}: {outcome['message']}")
    return side


@contextlib.contextmanager
def _moto():
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        raise CannotRun("moto is not installed: pip install '.[test]'") from None
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def _inbox_at(url: str):
    """How to read the messages of a service; None where it does not show them."""
    def read(to: str) -> list[dict]:
        with urllib.request.urlopen(f"{url}/outbox.json?to={urllib.parse.quote(to)}", timeout=10) as answer:
            return json.load(answer)

    try:
        return read if isinstance(read(EMAIL), list) else None
    except (OSError, ValueError):
        return None


# --- what is comparable -------------------------------------------------------------------------------------

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
SECRETS = {"ClientSecret", "SecretCode", "Session", "RefreshToken", "SALT", "SRP_B", "SECRET_BLOCK",
           "NextToken", "PaginationToken", "CloudFrontDistribution", "S3Bucket", "Version"}
MOMENTS = {"auth_time", "exp", "iat", "iss"}
"""Claims that name a time or an address."""


def comparable(value, names: dict[str, str], path: str = "", key: str = "") -> dict[str, object]:
    """Flatten an answer to {path: value} with everything that differs from run to run replaced by what it is.

    Lists of {Name: …} and plain lists are taken in order of their content: the API promises none.
    """
    if isinstance(value, dict):
        flat = {}
        for name, item in sorted(value.items()):
            flat |= comparable(item, names, f"{path}.{name}" if path else name, name)
        return flat
    if isinstance(value, list):
        items = sorted(value, key=lambda item: json.dumps(item, default=str, sort_keys=True))
        flat = {path: "[]"} if not items else {}
        for number, item in enumerate(items):
            label = item["Name"] if isinstance(item, dict) and "Name" in item else number
            flat |= comparable(item, names, f"{path}[{label}]", key)
        return flat
    if isinstance(value, str) and TOKEN.fullmatch(value):
        return comparable(claims_of(value), names, f"{path}:claims")
    return {path: plain(value, names, key)}


def claims_of(token: str) -> dict:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["lifetime"] = claims.get("exp", 0) - claims.get("iat", 0)
    return {name: f"<{name}>" if name in MOMENTS else value for name, value in claims.items()}


def plain(value, names: dict[str, str], key: str):
    if key in SECRETS:
        return f"<{key}>"
    if isinstance(value, datetime):
        return "<time>"
    if isinstance(value, str):
        for name, stands_for in names.items():
            value = value.replace(name, stands_for)
        value = re.sub(r"arn:aws:cognito-idp:[^:]*:\d+", "arn:aws:cognito-idp:<region>:<account>", value)
        return UUID.sub("<uuid>", value)
    return value


# --- comparing and telling ----------------------------------------------------------------------------------

def play(name: str, side: Side, unread: str, told) -> tuple[list[Step], str | None]:
    """Run a scenario on one side and clean up; gives its steps, and why it stopped early, if it did."""
    run, reason = Run(side, unread, told), None
    try:
        SCENARIOS[name](run)
    except CannotRun:
        raise
    except Stopped as stopped:
        reason = str(stopped)
    except Exception as error:  # a library choked on what it was given: that backend's answer is at fault
        reason = f"its answer is of no use to the next step ({error})"
    finally:
        for made, stands_for in run.names.items():
            if stands_for == "<pool>":
                with contextlib.suppress(Exception):  # what the scenario made; the comparison is over
                    side.call("DeleteUserPool", {"UserPoolId": made})
    steps = [Step(step.operation, comparable(step.outcome, run.names), step.skipped) for step in run.steps]
    return steps, reason


def compare(name: str, sides: list[Side], told) -> dict:
    """One scenario on both sides.

    Gives {scenario, agrees, stopped, steps: [{operation, agrees, skipped, left, right, differences}]}. A
    difference is {what, left, right}; None is a member that is absent. A step that one side did not reach
    does not agree.
    """
    unreadable = [side.name for side in sides if side.inbox is None]
    unread = f"the messages of {' and '.join(unreadable)} cannot be read" if unreadable else ""
    (left, left_stop), (right, right_stop) = (play(name, side, unread, told) for side in sides)
    steps = []
    for pair in itertools.zip_longest(left, right):
        a, b = (step.outcome if step else {} for step in pair)
        differing = [{"what": path, "left": a.get(path), "right": b.get(path)}
                     for path in sorted(a.keys() | b.keys(), key=_place) if None not in pair
                     and a.get(path) != b.get(path)]
        steps.append({"operation": (pair[0] or pair[1]).operation, "skipped": (pair[0] or pair[1]).skipped,
                      "agrees": not differing and None not in pair, "left": a, "right": b,
                      "differences": differing})
    stopped = {"left": left_stop, "right": right_stop}
    return {"scenario": name, "agrees": all(step["agrees"] for step in steps) and left_stop == right_stop,
            "stopped": stopped, "steps": steps}


def _place(path: str) -> tuple[bool, str]:
    """Status, code and message first."""
    return path not in ("status", "code", "message"), path


class Table:
    """Prints scenarios side by side: what was called, then each side's column."""

    def __init__(self, sides: list[Side]):
        self.sides = sides
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 130
        self.first = 44
        self.column = max(24, (room - self.first) // 2 - 2)

    def show(self, result: dict, all_members: bool) -> None:
        print()
        self.row(result["scenario"], *(side.name for side in self.sides))
        for step in result["steps"]:
            if step["skipped"]:
                print(f"  {self.mark('-')} {step['operation']}: skipped, {step['skipped']}")
                continue
            self.row(f"  {self.mark('=' if step['agrees'] else '≠')} {step['operation']}",
                     *(outcome_of(step[side]) for side in ("left", "right")))
            left, right = step["left"], step["right"]
            differing = [difference["what"] for difference in step["differences"]]
            for member in sorted(left.keys() | right.keys(), key=_place) if all_members else differing:
                if member not in ("status", "code"):
                    self.row(f"      {member}", shown(left.get(member)), shown(right.get(member)))
        for side, stopped in zip(self.sides, result["stopped"].values()):
            if stopped:
                print(f"  {self.mark('≠')} {side.name} stopped here: {stopped}")

    def row(self, what: str, *values: str) -> None:
        """One row; a long text goes on below, in its own column."""
        hidden = len(what) - len(re.sub(r"\033\[\d*m", "", what))  # colours take no room
        if len(what) - hidden > self.first:
            print(what)
            what, hidden = "", 0
        cells = [[what]] + [textwrap.wrap(value, self.column) or [""] for value in values]
        for first, *others in itertools.zip_longest(*cells, fillvalue=""):
            width = self.first + hidden if first else self.first
            print(first.ljust(width), "  ".join(other.ljust(self.column) for other in others).rstrip())

    def mark(self, sign: str) -> str:
        colour = {"=": "32", "≠": "31", "-": "33"}[sign]
        return f"\033[{colour}m{sign}\033[0m" if self.colour else sign


def outcome_of(step: dict) -> str:
    return f"{step['status']} {step.get('code', '')}".strip() if step else "(not reached)"


def shown(value) -> str:
    return "(absent)" if value is None else str(value) or "(empty)"


def progress(line: str) -> None:
    """What is being done, in one turning line of a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        print("\r\033[K" + line[:shutil.get_terminal_size().columns - 1], end="", file=sys.stderr, flush=True)


def main() -> int:
    bootstrap.go_on_in_venv("test")
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND",
                        help="two of: local, cognito, moto, http://HOST:PORT")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, metavar="NAME",
                        help="only this one (may be repeated)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--all", action="store_true", help="show also the members that agree")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    arguments = parser.parse_args()
    if arguments.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:24} {scenario.__doc__.strip()}")
        return 0
    if len(arguments.backends) != 2:
        parser.error("name two backends, for example: local http://localhost:8400")
    try:
        return run_all(arguments)
    except (CannotRun, OSError) as error:
        progress("")
        print(f"cannot compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def run_all(arguments) -> int:
    """Open both sides, run and show every chosen scenario; gives the exit code."""
    results = []
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(open_side(name)) for name in arguments.backends]
        table = Table(sides)
        chosen = list(dict.fromkeys(arguments.scenario or SCENARIOS))
        for number, name in enumerate(chosen, 1):
            here = f"[{number}/{len(chosen)}] {name}"
            results.append(compare(name, sides, lambda line: progress(f"{here}: {line}")))
            progress("")
            if not arguments.json:
                table.show(results[-1], arguments.all)
    differing = [result["scenario"] for result in results if not result["agrees"]]
    if arguments.json:
        told = {"backends": arguments.backends, "agree": not differing, "scenarios": results}
        print(json.dumps(told, indent=2, default=str))
    else:
        summary(results, differing)
    return 1 if differing else 0


def summary(results: list[dict], differing: list[str]) -> None:
    steps = [step for result in results for step in result["steps"]]
    skipped = sum(bool(step["skipped"]) for step in steps)
    agree = sum(step["agrees"] for step in steps) - skipped
    print(f"\n{agree} of {len(steps) - skipped} steps agree"
          + (f", {skipped} skipped" if skipped else "")
          + (f"; they differ in: {', '.join(differing)}" if differing else ""))


if __name__ == "__main__":
    sys.exit(main())
