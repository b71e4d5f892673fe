"""The house keeps its walls: who may import whom, a note at every door, no library below a known hole."""

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "authservice").rglob("*.py"))
OURS = "authservice"

MAY_IMPORT = {  # the room's own modules besides
    "crypto": set(), "errors": set(), "config": set(), "demo": set(), "json_text": set(),
    "contract": {"errors", "json_text"},
    "watch": {"contract", "crypto.ids"}, "logs": {"watch"}, "health": {"contract"},
    "figures": {"config", "contract", "watch"}, "metrics": {"config", "figures", "health", "this_machine"},
    "tracing": {"contract", "watch"},
    "browser": {"contract", "errors"},
    "audit": {"body", "contract", "errors", "watch"},
    "hosted": {"contract", "errors", "browser", "audit", "watch"},
    "this_machine": set(), "worker": {"config", "create_app", "figures", "hosted", "metrics", "oauth", "outbox", "tracing"},
    "answer": set(), "body": set(),
    "api": {"answer", "body", "contract", "errors", "crypto", "config", "json_text", "this_machine", "local.backend", "audit",
            "watch"},
    "outbox": {"config", "browser", "this_machine", "local.messaging"},
    "tls": {"config", "crypto"},
    "serving": {"connections"}, "connections": set(),
    "cognito": {"contract", "errors", "config", "watch"},
    "local": {"contract", "errors", "crypto", "config", "audit", "json_text"},
    "oauth": {"answer", "body", "local", "browser", "errors", "config", "contract", "crypto", "audit", "json_text", "watch"},
}
"""What each room may use of ours. `__init__` builds everything, the shell (cli) works on everything."""

ONLY_IN = {"flask": {"__init__", "answer", "body", "api", "browser", "hosted", "oauth", "outbox", "cli", "watch", "health", "metrics",
                     "demo", "cognito.domain", "worker", "audit.doors"}, "granian": {"serving"},
           "sqlalchemy": {"local", "cli"}, "alembic": {"local"}, "boto3": {"cognito"},
           "botocore": {"contract", "cognito", "local.seed_file"}, "authlib": {"oauth", "demo"}, "passlib": {"crypto"},
           "prometheus_client": {"metrics"}, "opentelemetry": {"tracing"}, "redis": {"local.counters.in_redis"}, "limits": {"local.counters", "local.quotas"}, "gmpy2": {"crypto"}, "pyotp": {"crypto"}, "orjson": {"json_text"}, "cryptography": {"crypto"}, "trustme": {"tls"},
           "flask_babel": {"hosted.languages"}, "babel": {"hosted.languages"}}
"""Libraries with one place."""


def name_of(path: Path) -> str:
    """`local.tokens.issue`; a room's own __init__ has the room's name."""
    parts = path.relative_to(ROOT / "authservice").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_what_it_may(path):
    here = name_of(path)
    room = here.split(".")[0]
    for imported in imports_of(path):
        if imported.startswith(f"{OURS}.") and room not in ("__init__", "cli", "__main__"):
            assert within(imported.removeprefix(f"{OURS}."), MAY_IMPORT[room] | {room}), imported
        for library, rooms in ONLY_IN.items():
            if within(imported, {library}):
                assert within(here, rooms), imported


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_a_door_note(path):
    if "versions" not in path.parts:
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("room", ["crypto", "local/accounts", "local/tokens", "local/authentication"])
def test_public_functions_longer_than_a_line_say_what_they_do(room):
    for path in sorted((ROOT / "authservice" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and len(node.body) > 3:
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


FLOORS = {"authlib": "1.6.9", "joserfc": "1.7.4"}
"""Below these are known holes: CVE-2026-27962, CVE-2026-49852."""


@pytest.mark.parametrize(("library", "floor"), FLOORS.items())
def test_no_library_is_below_a_known_hole(library, floor):
    def numbers(text: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", text)[:3]]

    assert numbers(version(library)) >= numbers(floor)


def test_the_readme_lists_the_operations_that_are_built():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "api_coverage.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
