"""api_coverage tells of every operation of the model, once, whether it is built."""

import re
import subprocess
import sys

from authservice.contract import service
from authservice.local.call import OPERATIONS
from tests.services.server import ROOT


def coverage(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / "api_coverage.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_every_operation_is_in_the_table_once_and_on_the_right_side():
    rows = [row.strip("| ").split(" | ") for row in coverage().stdout.splitlines() if row.startswith("| ")]
    listed = {row[0]: re.findall(r"\w+", row[-1]) for row in rows if row[0] != "subject"}
    missing = listed.pop("*not built yet*")
    built = [name for names in listed.values() for name in names]
    assert sorted(built) == sorted(OPERATIONS)
    assert sorted(built + missing) == sorted(service().operations)


def test_checking_changes_nothing():
    before = (ROOT / "README.md").read_text()
    coverage("--check")
    assert (ROOT / "README.md").read_text() == before
