"""The disk is full: what has to be written is refused whole, all else goes on, and so does everything once there is room.

A limit on the size of files stands for the full disk, for it can be set on a running worker and taken away: every
write to a file fails with it, of database and log alike. Where this may be done, a small file system really is full.
"""

import contextlib
import errno
import resource
import subprocess
import sys

import pytest

from tests.faults.site import QUICK, Site
from tests.services.server import ROOT, running_service

NO_LIMIT = resource.RLIM_INFINITY
SMALL = "16m"


class Limited:
    """Files of the workers may not grow beyond their first byte."""

    def __init__(self, site: Site):
        self._workers = site.workers

    def fill(self) -> None:
        self._set(1)

    def make_room(self) -> None:
        self._set(NO_LIMIT)

    def _set(self, limit: int) -> None:
        for worker in self._workers:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (limit, NO_LIMIT))


class Filled:
    """The file system of the instance has no block left."""

    def __init__(self, site: Site):
        self._ballast = site.instance / "ballast"

    def fill(self) -> None:
        with open(self._ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def make_room(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own; skips where this may not be made."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("disk", [Limited, Filled], ids=["limited", "small file system"])
def test_writes_are_refused_whole_and_reads_go_on(disk, tmp_path, request):
    instance = request.getfixturevalue("small_disk") if disk is Filled else tmp_path
    with running_service(instance, QUICK, workers=2) as service:
        site = Site.make(service)
        tokens, disk = site.tokens(), disk(site)
        assert site.sign_up("before")[0] == 200
        disk.fill()
        refused = sign_up_until_refused(site)
        for _ in range(4):
            status, answer = site.sign_in()
            assert (status, answer["__type"]) == (503, "InternalErrorException")
            assert site.call("GetUser", AccessToken=tokens["AccessToken"])[0] == 200
            assert site.call("AdminGetUser", UserPoolId=site.pool_id, Username="before")[0] == 200
            assert site.ask("GET", f"/{site.pool_id}/.well-known/jwks.json")[0] == 200
            assert site.ask("GET", "/healthz")[0] == 200
        disk.make_room()
        assert site.sign_up(refused)[0] == 200, "nothing of it was there"
        assert site.sign_in()[0] == 200
        assert site.is_sound()
        said = service.log
        assert site.sign_up("after")[0] == 200 and len(service.log) > len(said), "the log goes on too"


def sign_up_until_refused(site: Site) -> str:
    """Who was refused: room that the database has already may be used up first."""
    for number in range(200):
        status, answer = site.sign_up(f"full-{number}")
        if status != 200:
            assert (status, answer["__type"]) == (503, "InternalErrorException")
            return f"full-{number}"
    raise AssertionError("the disk is not full")


MAKE_KEY = "from authservice.crypto.seal import load_or_create_key; load_or_create_key(path / 'seal.key')"
MAKE_TLS = "from authservice import tls; tls.prepare(path, ['localhost'])"


WHOLE = {"ca-key.pem": b"PRIVATE KEY-----\n", "ca.pem": b"CERTIFICATE-----\n", "server.pem": b"CERTIFICATE-----\n"}
"""How a file ends that may be there before all of them are."""


@pytest.mark.parametrize(("work", "limits"), [(MAKE_KEY, (1, 31)), (MAKE_TLS, (1, 300, 1000))], ids=["seal.key", "tls"])
def test_a_file_of_ours_is_whole_or_not_there(work, limits, tmp_path):
    def do(limit: int) -> int:
        code = (f"import pathlib, sys; path = pathlib.Path(sys.argv[1])\ntry:\n    {work}\n"
                "except OSError as error:\n    sys.exit(error.errno)")
        return subprocess.run([sys.executable, "-B", "-c", code, tmp_path], cwd=ROOT, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, NO_LIMIT))).returncode

    def files() -> dict:
        return {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    for limit in limits:
        assert do(limit) == errno.EFBIG
        assert all(name in WHOLE and content.endswith(WHOLE[name]) for name, content in files().items()), files()
    made = files()
    assert do(NO_LIMIT) == 0
    whole = files()
    assert made.items() <= whole.items()
    for limit in limits:
        do(limit)
    assert files() == whole
