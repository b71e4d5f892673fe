"""The README keeps its word: its tables are those of the code, its snippets run."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields

import pytest

from authservice.config import Settings
from tests.services import free_port
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
    instance = tmp_path_factory.mktemp("readme")
    port = free_port()
    url = f"http://localhost:{port}"
    seeded = command(instance, "seed", ROOT / "authservice" / "demo" / "seed.toml", env={"AUTHSERVICE_PUBLIC_URL": url})
    assert seeded.returncode == 0, seeded.stderr
    with running_service(instance, port=port) as service:
        yield service


def snippet(language: str, part: str, service) -> str:
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if part in text]
    assert len(found) == 1, f"one {language} snippet with {part}"
    return found[0].replace("http://localhost:8400", service.url)


def test_the_boto3_snippet_signs_in(demo_service):
    done = subprocess.run([sys.executable, "-c", snippet("python", "boto3", demo_service)], capture_output=True, text=True)
    assert done.stdout.count(".") == 2, done.stderr


@pytest.mark.parametrize(("part", "expected"), [("aws cognito-idp", "demo@example.com"), ("curl", "access_token")])
def test_the_shell_snippets_answer(demo_service, part, expected):
    path = f"{ROOT}/.venv/bin:{'/'.join(sys.executable.split('/')[:-1])}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(["bash", "-euc", snippet("sh", part, demo_service)], capture_output=True, text=True,
                          env=environment)
    assert expected in done.stdout, done.stderr


def test_the_example_of_a_config_file_names_every_setting_with_its_default():
    example = (ROOT / "instance" / "config.example.toml").read_text()
    written = tomllib.loads(re.sub(r"^# ?(?=[a-z_0-9]+ = )", "", example, flags=re.MULTILINE))
    defaults = {f.name: f.default for f in fields(Settings) if f.name != "instance"}
    assert written == defaults
