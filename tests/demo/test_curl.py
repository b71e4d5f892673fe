"""The curl commands that the pages show can be run as they stand, once their variables have values."""
import json
import re
import subprocess
from html import unescape

import pytest

from authservice.demo import curl
from tests.demo.conftest import PASSWORD
from tests.demo.test_api_way import sign_in


def run(command: str, **variables: str) -> tuple[int, dict]:
    """Run it as a person would; gives status and JSON of the answer."""
    done = subprocess.run(["sh", "-euc", command], env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    *_, head, body = done.stdout.replace("\r\n", "\n").split("\n\n", 1) if done.stdout else ("", "")
    return int(head.split()[1]), json.loads(body)


def commands(page) -> list[str]:
    return [unescape(text) for text in re.findall(r'as a curl command">(.*?)</pre>', page.html, re.DOTALL)]


def test_every_exchange_of_the_own_form_can_be_repeated_from_a_shell(site, browser):
    address = site.new_user()
    page = sign_in(site, browser, address)
    first, *others = commands(page)
    status, answer = run(first, PASSWORD=PASSWORD)
    assert status == 200 and "InitiateAuth" in first and PASSWORD not in page.html
    token = answer["AuthenticationResult"]["AccessToken"]
    assert [run(command, ACCESS_TOKEN=token)[0] for command in others] == [200] * len(others)
    assert run(others[-1], ACCESS_TOKEN=token)[1]["Username"]


def test_the_exchanges_of_the_hosted_way_can_be_repeated_but_for_the_code(site, browser):
    page = site.sign_in(browser, site.new_user())
    shown = {next(word for word in ("configuration", "token", "jwks", "GetUser") if word in command): command
             for command in commands(page)}
    assert run(shown["configuration"])[1]["issuer"] == site.issuer
    assert run(shown["jwks"])[1]["keys"]
    status, answer = run(shown["token"], CODE="spent", CODE_VERIFIER="v" * 43)
    assert status == 400 and answer["error"] == "invalid_grant"


@pytest.mark.parametrize("text", ["$HOME", "`id`", 'a "quoted" one', "back\\slash", "it's", "END", "$(id)", "\\$x"])
def test_what_people_typed_is_never_run(text, tmp_path):
    body = {"Username": text, "AccessToken": "secret"}
    command = curl.command("POST", "http://localhost/", headers={"X-Name": text}, form={"name": text}, json=body)
    assert "secret" not in command
    (tmp_path / "curl").write_text('#!/bin/sh\nfor each; do printf "%s\\n" "$each"; done; cat\n')
    (tmp_path / "curl").chmod(0o755)
    done = subprocess.run(["sh", "-euc", command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin", "ACCESS_TOKEN": "mine", "HOME": "/nowhere"})
    lines = done.stdout.splitlines()
    assert f"X-Name: {text}" in lines and f"name={text}" in lines
    assert json.loads(done.stdout[done.stdout.index("{"):]) == {"Username": text, "AccessToken": "mine"}
