"""screenshots.py takes a page in both themes and sizes, and says in a line what it cannot do."""

import struct
import subprocess
import sys
from pathlib import Path

from scripts.pages import PAGES
from tests.services import browser as browsers
from tests.services import unavailable
from tests.services.server import ROOT


def screenshots(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / "screenshots.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


def size_of(picture: Path) -> tuple[int, int]:
    return struct.unpack(">II", picture.read_bytes()[16:24])


def test_a_page_is_taken_in_both_themes_and_sizes(tmp_path):
    if browsers.missing():
        unavailable("BROWSER", browsers.missing())
    done = screenshots("--only", "sign-in-closed", "--to", tmp_path / "pictures")
    assert done.returncode == 0, done.stderr
    pictures = {file.name: file for file in (tmp_path / "pictures").glob("*.png")}
    assert set(pictures) == {f"sign-in-closed.{size}.{theme}.png" for size in ("phone", "desktop")
                             for theme in ("light", "dark")}
    assert [size_of(pictures[f"sign-in-closed.{size}.dark.png"]) for size in ("phone", "desktop")] == [
        (390, 844), (1280, 800)]
    light, dark = (pictures[f"sign-in-closed.phone.{theme}.png"].read_bytes() for theme in ("light", "dark"))
    assert light != dark
    assert 'src="sign-in-closed.phone.light.png"' in (tmp_path / "pictures" / "index.html").read_text()


def test_the_list_has_every_page_once():
    names = [line.split()[0] for line in screenshots("--list").stdout.splitlines()]
    assert names == [page.name for page in PAGES] and len(names) == len(set(names))


def test_a_page_that_is_not_there_is_refused_in_a_line():
    done = screenshots("--only", "no-such-page")
    assert done.returncode == 1 and done.stderr == "authservice: no page is named no-such-page; --list tells the names.\n"
