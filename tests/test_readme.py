"""The README keeps its word: its tables are those of the code, its snippets run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from authservice.config import Settings
from tests.services import unavailable
from tests.services.server import ROOT, command, running_service

README = (ROOT / "README.md").read_text()
SETTINGS = re.search(r"<!-- settings -->\n(.*?)<!-- /settings -->", README, re.DOTALL)[1]


def settings_table() -> str:
    rows = [f"| `{f.name}` | `{f.default}` | {f.metadata['meaning']} |" if str(f.default) else
            f"| `{f.name}` | | {f.metadata['meaning']} |" for f in fields(Settings)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows, ""])


def test_the_table_of_settings_is_that_of_the_code():
    assert SETTINGS == settings_table()


def test_every_link_into_the_repository_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def demo_service(tmp_path_factory):
    """The service as scripts/demo.py starts it, on another port."""
    with running_service(seeded(tmp_path_factory.mktemp("readme"))) as service:
        yield service


@pytest.fixture(scope="module")
def https_service(tmp_path_factory):
    """The same as scripts/demo.py --tls starts it."""
    with running_service(seeded(tmp_path_factory.mktemp("https")), tls=True) as service:
        yield service


def seeded(instance: Path) -> Path:
    done = command(instance, "seed", ROOT / "authservice" / "demo" / "seed.toml")
    assert done.returncode == 0, done.stderr
    return instance


def snippet(language: str, part: str, service) -> str:
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if part in text]
    assert len(found) == 1, f"one {language} snippet with {part}"
    return re.sub("https?://localhost:8400", service.url, found[0]).replace("instance/tls/ca.pem", str(service.ca))


def run(snippet: str) -> subprocess.CompletedProcess:
    path = f"{ROOT}/.venv/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(["bash", "-euc", snippet], capture_output=True, text=True, env=environment)


def test_the_boto3_snippet_signs_in(demo_service):
    done = subprocess.run([sys.executable, "-c", snippet("python", "boto3", demo_service)], capture_output=True, text=True)
    assert done.stdout.count(".") == 2, done.stderr


@pytest.mark.parametrize(("part", "expected"), [
    ("list-users --user-pool-id us-east-1_Demo00001 --endpoint-url http:", "demo@example.com"),
    ("grant_type=client_credentials", "access_token")])
def test_the_shell_snippets_answer(demo_service, part, expected):
    done = run(snippet("sh", part, demo_service))
    assert expected in done.stdout, done.stderr


def test_the_shell_snippets_for_https_answer(https_service):
    if shutil.which("node") is None:
        unavailable("NODE", "no Node.js found")
    done = run(snippet("sh", "AWS_CA_BUNDLE", https_service))
    assert "demo@example.com" in done.stdout and done.stdout.endswith("ok\n200\n"), done.stderr


def test_the_example_of_a_config_file_names_every_setting_with_its_default():
    example = (ROOT / "instance" / "config.example.toml").read_text()
    written = tomllib.loads(re.sub(r"^# ?(?=[a-z_0-9]+ = )", "", example, flags=re.MULTILINE))
    defaults = {f.name: f.default for f in fields(Settings) if f.name != "instance"}
    assert written == defaults
