"""Node.js and the clients that npm brings into javascript/.

Owns finding them and running a script of javascript/. What a script should have seen is its test's.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parent / "javascript"
MODULES = SCRIPTS / "node_modules"
CLIENTS = json.loads((SCRIPTS / "package.json").read_text())["dependencies"]
HOW_TO_GET = "npm install --no-audit --no-fund --no-package-lock, in tests/clients/javascript"
OLDEST = 20


def missing() -> str:
    """What the scripts lack and how to get it; "" where they lack nothing."""
    node = shutil.which("node")
    if node is None:
        return f"no Node.js found ({OLDEST} or newer, from nodejs.org or your system; then {HOW_TO_GET})"
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if int(re.match(r"v(\d+)", version)[1]) < OLDEST:
        return f"Node.js {version} is too old for these clients: {OLDEST} or newer"
    absent = [name for name in CLIENTS if not (MODULES / name / "package.json").exists()]
    return f"not installed: {', '.join(absent)} ({HOW_TO_GET})" if absent else ""


def run(name: str, *arguments: str) -> dict:
    """Run a script of javascript/ to its end and answer what it told; its errors fail the test."""
    done = subprocess.run(["node", SCRIPTS / f"{name}.mjs", *arguments], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def bundle(script: Path, into: Path) -> Path:
    """Make one file for browsers of a script of javascript/ and all it imports, by esbuild."""
    done = subprocess.run([MODULES / ".bin" / "esbuild", script, "--bundle", "--format=esm", "--log-level=error",
                           f"--outfile={into}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return into
