"""Set-up that demo.py and test.py share: the virtual environment `.venv` of this folder.

Owns: making `.venv`, installing the project into it, remembering that this is done, repairing what is half
made, and how progress and failures are told. Starts nothing. Standard library only, since it runs before
anything is installed; no syntax newer than Python 3.6, so that an older Python can still read the refusal.
"""
import sys

if sys.version_info < (3, 11):
    sys.exit("authservice: Python 3.11 or newer is needed; %s is Python %d.%d."
             % ((sys.executable,) + sys.version_info[:2]))

import contextlib
import hashlib
import importlib.util
import itertools
import os
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "authservice.stamp"
LOG = VENV / "setup.log"
UNFINISHED = "unfinished"

# Run by the Python of .venv: is everything the project requires really there?
COMPLETE = """
import importlib.metadata as metadata, re, sys
name, *extras = sys.argv[1:]
for need in metadata.requires(name) or []:
    requirement, _, marker = need.partition(";")
    if not marker or any("extra == \\"%s\\"" % extra in marker for extra in extras):
        metadata.version(re.match(r"[\\w.-]+", requirement)[0])
"""


def fail(message):
    """End the program with one line on stderr and exit code 1."""
    sys.exit("authservice: " + message)


def say(message):
    """Tell the user one line at once, in one piece, also when stdout is a file or two threads speak."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


def prepare(*extras):
    """Make `.venv` ready, with the project and the named extras installed, and return its Python.

    Does nothing when the stamp in `.venv` says it is done: no network, a fraction of a second. Refuses, in
    one line, a Python without venv or pip, a folder it cannot write to, an installation that fails.
    """
    with _alone():
        made, had = _read_stamp()
        wanted = sorted(had.union(extras))
        if made == _fingerprint() and had.issuperset(extras):
            if _works("-c", COMPLETE, _project()["name"], *wanted):
                return PYTHON
            made = UNFINISHED
        try:
            if made == UNFINISHED or not _usable():
                _make()
                made, had = UNFINISHED, set()
            STAMP.write_text(UNFINISHED)
            try:
                _install(wanted)
            except SystemExit:
                # pip undoes what it cannot finish: what was installed before is still whole.
                STAMP.write_text(" ".join([made, *sorted(had)]))
                raise
            STAMP.write_text(" ".join([_fingerprint(), *wanted]))
        except OSError as error:
            fail("cannot write to %s: %s." % (error.filename or VENV, error.strerror or error))
    return PYTHON


def go_on_in_venv(*extras, needs=("botocore", "sqlalchemy")):
    """Run this script anew with the Python of `.venv`, unless the one at work has the libraries it needs."""
    sys.path.insert(0, str(ROOT))
    if all(importlib.util.find_spec(library) for library in needs):
        return
    python = str(prepare(*extras))
    sys.stdout.flush()
    os.execv(python, [python, *sys.argv])


def _project():
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


def _fingerprint():
    """What an installation depends on: the project file, the Python, and where this folder is."""
    parts = [(ROOT / "pyproject.toml").read_bytes(), sys.implementation.cache_tag.encode(), os.fsencode(ROOT)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _read_stamp():
    """Return (fingerprint, extras) of what is installed; of a `.venv` that is not ours, ("foreign", none)."""
    try:
        made, *had = STAMP.read_text().split() or [UNFINISHED]
    except OSError:
        return "foreign", set()
    return made, set(had)


def _works(*arguments):
    """Whether the Python of `.venv` runs these arguments without an error."""
    try:
        return subprocess.run([PYTHON, *arguments], capture_output=True, timeout=60, cwd=ROOT).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _usable():
    same = "import pip, sys; sys.exit(sys.implementation.cache_tag != %r)" % sys.implementation.cache_tag
    return _works("-c", same)


def _make():
    """Make an empty `.venv`, in place of a half-made one or one of another Python."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        fail("this Python has no venv module; install it (Debian, Ubuntu: apt install python%d.%d-venv) and "
             "start again." % sys.version_info[:2])
    if VENV.exists():
        say("The folder .venv is incomplete or of another Python: making it anew.")
        shutil.rmtree(VENV)
    VENV.mkdir()
    # Written before anything else, so that an interruption at any later point is seen by the next start.
    STAMP.write_text(UNFINISHED)
    base = getattr(sys, "_base_executable", sys.executable)
    _run([base, "-m", "venv", str(VENV)], "Making the virtual environment .venv")


def _install(extras):
    target = ".[%s]" % ",".join(extras) if extras else "."
    _run([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
          "--progress-bar", "off", "-e", target],
         "Installing %s and what it needs (a minute or two, this once)" % _project()["name"])


def _run(command, doing):
    """Run a step of the set-up, its output going to the log; refuses with the log's last lines."""
    started = time.monotonic()
    with open(LOG, "w+b") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        try:
            _show_progress(process, doing, started)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        lines = LOG.read_text(errors="replace").splitlines()
        print("\n".join("    " + line for line in lines[-25:]), file=sys.stderr)
        fail("%s failed; all of its output is in %s." % (doing.split(" (")[0], LOG))
    say("%s: done in %d s." % (doing.split(" (")[0], time.monotonic() - started))


def _show_progress(process, doing, started):
    """Wait for the process; a turning line with its latest output on a terminal, one plain line elsewhere."""
    if not sys.stdout.isatty():
        say(doing + " ...")
        process.wait()
        return
    for mark in itertools.cycle("|/-\\"):
        latest = LOG.read_bytes()[-500:].decode(errors="replace").strip().rpartition("\n")[2]
        passed = time.monotonic() - started
        line = "%s %s, %d s: %s" % (mark, doing.split(" (")[0], passed, latest.strip())
        print("\r\033[K" + line[:shutil.get_terminal_size().columns - 1], end="", flush=True)
        try:
            process.wait(timeout=0.15)
        except subprocess.TimeoutExpired:
            continue
        break
    print("\r\033[K", end="", flush=True)


@contextlib.contextmanager
def _alone():
    """Hold this folder's lock: two set-ups at once would take each other's work for half made."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is setting this folder up: waiting for it ...")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
