"""soak.py finds growth where there is some, and none in the service."""

import json
import subprocess
import sys

from tests.scripts.test_bench import ENVIRONMENT
from tests.services.server import ROOT

QUICK = ["--minutes", "0.06", "--users", "100", "--json"]
LEAKING = """
import sys
sys.path.insert(0, "scripts")
import itertools, soak
grown = itertools.count(100, 20)
soak.memory_of = lambda pid: {"rss": float(next(grown))}
sys.exit(soak.main())
"""


def soak(*command: str) -> tuple[int, dict]:
    done = subprocess.run([*command, *QUICK], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_mixed_load_leaves_no_fault_and_everything_is_sampled():
    code, found = soak(sys.executable, "scripts/soak.py", "--workers", "2")
    assert found["faults"] == []
    assert code == (found["grows"] or found["turned_away"] > 0.01 * sum(found["asked"].values()))
    assert all(found["asked"][kind] > 0 for kind in ("success", "refused", "srp", "code flow"))
    first, last = found["samples"][0], found["samples"][-1]
    assert all(len(last[name]) == 2 and min(last[name]) > 0 for name in ("memory_mb", "files", "threads"))
    assert last["rows"]["User"] > first["rows"]["User"] >= 100 and last["journal_bytes"] > 0
    assert not list((ROOT / "instance").glob("soak-*"))


def test_growing_memory_is_found():
    code, found = soak(sys.executable, "-c", LEAKING, "--workers", "1")
    assert code == 1 and found["grows"]
