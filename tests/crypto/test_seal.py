"""Sealing: a key file that two processes share and others cannot read; values bound to their place."""

import os
import stat
import subprocess
import sys

import pytest

from authservice.crypto.seal import Sealer, load_or_create_key

KEY = bytes(range(32))
WRONG = "sealed value does not belong here or was changed"


@pytest.fixture
def sealer():
    return Sealer(KEY)


def test_a_sealed_value_opens_in_its_context(sealer):
    for plaintext in (b"", b"secret", bytes(10_000)):
        sealed = sealer.seal(plaintext, "users.totp_secret")
        assert len(sealed) == len(plaintext) + 29
        assert sealer.open(sealed, "users.totp_secret") == plaintext
        assert Sealer(KEY).open(sealed, "users.totp_secret") == plaintext


def test_a_sealed_value_does_not_show_or_repeat_itself(sealer):
    first, second = sealer.seal(b"secret secret", "a"), sealer.seal(b"secret secret", "a")
    assert first != second
    assert b"secret" not in first


def test_a_sealed_value_opens_nowhere_else(sealer):
    sealed = sealer.seal(b"secret", "users.totp_secret")
    for context in ("users.totp_secre", "clients.secret", "", "users.totp_secret "):
        with pytest.raises(ValueError, match=WRONG):
            sealer.open(sealed, context)
    with pytest.raises(ValueError, match=WRONG):
        Sealer(KEY[::-1]).open(sealed, "users.totp_secret")


def test_any_changed_bit_is_refused(sealer):
    sealed = sealer.seal(b"secret", "a")
    for place in range(len(sealed)):
        for bit in range(8):
            changed = sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
            with pytest.raises(ValueError, match=WRONG):
                sealer.open(changed, "a")


def test_any_other_length_is_refused(sealer):
    sealed = sealer.seal(b"secret", "a")
    for cut in [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]:
        with pytest.raises(ValueError, match=WRONG):
            sealer.open(cut, "a")


def test_a_mac_depends_on_the_key_the_context_and_the_data(sealer):
    mac = sealer.mac("code", b"123456")
    assert len(mac) == 32 and mac == Sealer(KEY).mac("code", b"123456")
    others = {
        Sealer(KEY[::-1]).mac("code", b"123456"),
        sealer.mac("codes", b"123456"),
        sealer.mac("code", b"123457"),
        sealer.mac("code1", b"23456"),
        sealer.mac("", b"code123456"),
        mac,
    }
    assert len(others) == 6


def test_subkeys_are_stable_and_independent(sealer):
    assert sealer.derive("cookie") == Sealer(KEY).derive("cookie")
    keys = {sealer.derive(context) for context in ("cookie", "cookies", "", "seal", "mac")}
    assert len(keys | {KEY, Sealer(KEY[::-1]).derive("cookie")}) == 7
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError):
        Sealer(bytes(length))


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "seal.key"
    before = os.umask(0)
    try:
        key = load_or_create_key(path)
    finally:
        os.umask(before)
    assert len(key) == 32 and key != bytes(32)
    assert load_or_create_key(path) == load_or_create_key(str(path)) == key == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["seal.key"]
    assert load_or_create_key(tmp_path / "other.key") != key


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    # All wait for one file to appear, so that they meet inside load_or_create_key.
    program = (
        "import sys, os\n"
        "from authservice.crypto.seal import load_or_create_key\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(40):\n"
        "    print(load_or_create_key(f'{sys.argv[1]}/{number}.key').hex(), flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=20)[0].split() for worker in workers]
    assert len(answers[0]) == len(set(answers[0])) == 40
    assert answers[0] == answers[1] == answers[2]
    assert len(os.listdir(tmp_path)) == 40


@pytest.mark.parametrize("content", [b"", b"short", bytes(31), bytes(33), bytes(32).hex().encode()])
def test_a_file_that_is_not_a_key_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "seal.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ValueError, match="exactly 32 bytes"):
        load_or_create_key(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_key_open_to_others_is_refused(tmp_path, mode):
    path = tmp_path / "seal.key"
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(ValueError, match="0600"):
        load_or_create_key(path)


def test_a_key_may_be_read_only(tmp_path):
    path = tmp_path / "seal.key"
    key = load_or_create_key(path)
    path.chmod(0o400)
    assert load_or_create_key(path) == key
