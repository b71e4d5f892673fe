"""Workers that are as many as the cores keep to one each."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

WORKER = """
import os, sys
from authservice import serving
serving._take_a_core(sys.argv[1])
print(*os.sched_getaffinity(0), flush=True)
sys.stdin.read()
"""


@contextmanager
def worker(seats):
    """A process that has taken a core; gives the cores it may use."""
    with subprocess.Popen([sys.executable, "-c", WORKER, seats], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            yield {int(core) for core in process.stdout.readline().split()}
        finally:
            process.kill()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
def test_each_worker_takes_a_core_of_its_own_and_leaves_it_by_its_end(tmp_path):
    all_cores = os.sched_getaffinity(0)
    with worker(tmp_path) as first:
        with worker(tmp_path) as second:
            assert len(first) == len(second) == 1 and first != second
        with worker(tmp_path) as third:
            assert third == second if len(all_cores) == 2 else third != first


def test_who_finds_none_left_uses_them_all(tmp_path):
    import fcntl
    for core in os.sched_getaffinity(0):
        fcntl.flock(os.open(tmp_path / str(core), os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX)
    with worker(tmp_path) as cores:
        assert cores == os.sched_getaffinity(0)
