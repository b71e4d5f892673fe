"""https of our own making: the files of instance/tls, and `authservice serve --tls` as its clients meet it."""

import re
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from email.message import Message
from http.client import HTTPException

import pytest
from playwright.sync_api import Error

from authservice import config, tls
from authservice.config import SettingsError
from authservice.crypto import certificates
from tests.services import browser as browsers
from tests.services import free_port, unavailable
from tests.services.server import DIRECT, ROOT, Service, command, environment, running_service, trusting

SEED = ROOT / "authservice" / "demo" / "seed.toml"
NAMES = {"localhost", "*.localhost", "127.0.0.1", "::1"}
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "tls"


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The files

def test_what_is_made_once_is_kept(tmp_path, folder):
    made = tls.prepare(tmp_path, NAMES, NOW)
    before = contents(folder)
    assert sorted(before) == ["ca-key.pem", "ca.pem", "server.pem"]
    assert tls.prepare(tmp_path, NAMES, NOW + timedelta(days=300)) == made
    assert contents(folder) == before


def test_keys_are_their_owners_alone_and_the_authority_is_everybodys(tmp_path, folder):
    tls.prepare(tmp_path, NAMES, NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca-key.pem": 0o600, "server.pem": 0o600, "ca.pem": 0o644}
    assert b"PRIVATE" not in (folder / "ca.pem").read_bytes()


def test_a_certificate_is_valid_for_no_longer_than_browsers_take(tmp_path, folder):
    tls.prepare(tmp_path, NAMES, NOW)
    until = certificates.valid_until((folder / "server.pem").read_bytes())
    assert timedelta(days=365) < until - NOW
    assert until - (NOW - tls.CLOCKS_DIFFER_BY) <= timedelta(days=397)


def test_before_its_end_a_certificate_is_renewed_by_the_same_authority(tmp_path, folder):
    old = tls.prepare(tmp_path, NAMES, NOW)
    authority = (folder / "ca.pem").read_bytes()
    later = NOW + timedelta(days=370)
    new = tls.prepare(tmp_path, NAMES, later)
    assert new.pin != old.pin and (folder / "ca.pem").read_bytes() == authority
    served = (folder / "server.pem").read_bytes()
    assert certificates.signed_by(served, authority)
    assert certificates.valid_until(served) > later + timedelta(days=365)


@pytest.mark.parametrize(("wanted", "written"), [
    ("login.example.com", "login.example.com"), ("Login.Example.com", "login.example.com"), ("192.0.2.7", "192.0.2.7"),
    ("2001:DB8:0::7", "2001:db8::7"), ("bücher.example", "xn--bcher-kva.example")])
def test_a_host_name_that_is_wanted_and_lacking_makes_a_new_certificate_once(tmp_path, folder, wanted, written):
    old = tls.prepare(tmp_path, NAMES, NOW)
    new = tls.prepare(tmp_path, NAMES | {wanted}, NOW)
    assert certificates.names((folder / "server.pem").read_bytes()) == NAMES | {written}
    assert new.pin != old.pin and tls.prepare(tmp_path, NAMES | {wanted}, NOW) == new
    assert tls.prepare(tmp_path, NAMES, NOW) == new


def test_without_the_authoritys_key_all_goes_on_until_a_certificate_is_needed(tmp_path, folder):
    made = tls.prepare(tmp_path, NAMES, NOW)
    authority = (folder / "ca.pem").read_bytes()
    (folder / "ca-key.pem").unlink()
    assert tls.prepare(tmp_path, NAMES, NOW) == made and (folder / "ca.pem").read_bytes() == authority
    tls.prepare(tmp_path, NAMES | {"login.example.com"}, NOW)
    assert (folder / "ca.pem").read_bytes() != authority and (folder / "ca-key.pem").exists()


def test_a_lost_authority_takes_its_certificates_with_it(tmp_path, folder):
    made = tls.prepare(tmp_path, NAMES, NOW)
    (folder / "ca.pem").unlink()
    assert tls.prepare(tmp_path, NAMES, NOW).pin != made.pin
    assert certificates.signed_by((folder / "server.pem").read_bytes(), (folder / "ca.pem").read_bytes())


def test_a_certificate_of_another_authority_is_not_served(tmp_path, folder):
    """As where a start ended between the new authority and its first certificate."""
    tls.prepare(tmp_path, NAMES, NOW)
    tls.prepare(tmp_path / "another", NAMES, NOW)
    for name in ("ca.pem", "ca-key.pem"):
        (tmp_path / "another" / "tls" / name).replace(folder / name)
    authority = (folder / "ca.pem").read_bytes()
    tls.prepare(tmp_path, NAMES, NOW)
    assert (folder / "ca.pem").read_bytes() == authority
    assert certificates.signed_by((folder / "server.pem").read_bytes(), authority)


@pytest.mark.parametrize("name", ["ca-key.pem", "server.pem"])
def test_a_key_that_was_open_to_others_is_refused(tmp_path, folder, name):
    tls.prepare(tmp_path, NAMES, NOW)
    (folder / name).chmod(0o640)
    with pytest.raises(SettingsError, match=f"{name} is open to other users"):
        tls.prepare(tmp_path, NAMES | {"login.example.com"}, NOW)


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "server.pem"])
def test_a_file_that_is_none_of_ours_is_refused_and_left_as_it_is(tmp_path, folder, name):
    tls.prepare(tmp_path, NAMES, NOW)
    (folder / name).write_bytes(b"something else")
    with pytest.raises(SettingsError, match="without the folder"):
        tls.prepare(tmp_path, NAMES | {"login.example.com"}, NOW)
    assert (folder / name).read_bytes() == b"something else"


@pytest.mark.parametrize("name", ["my_host", "a..b", "-.example", "x" * 64])
def test_a_name_that_no_certificate_can_have_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="host name"):
        tls.prepare(tmp_path, NAMES | {name}, NOW)


def test_starts_at_the_same_time_agree(tmp_path):
    """Each a process of its own, all wait for one word."""
    script = ("import sys; from pathlib import Path; from authservice import tls; input(); "
              f"print(tls.prepare(Path(sys.argv[1]), {sorted(NAMES)}).pin)")
    starts = [subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    for start in starts:
        start.stdin.write("\n")
        start.stdin.flush()
    told = [start.communicate(timeout=60) for start in starts]
    assert len({pin for pin, _ in told}) == 1 and {error for _, error in told} == {""}
    assert sorted(contents(tmp_path / "tls")) == ["ca-key.pem", "ca.pem", "server.pem"]


# The settings

def test_tls_makes_the_addresses_https(tmp_path):
    settings = config.load(instance=tmp_path, tls=True, port=9000)
    assert settings.public_url == "https://localhost:9000" and settings.https
    assert settings.demo_url == "https://localhost:8401"
    assert tls.wanted_names(settings, "127.0.0.1") == NAMES


def test_a_certificate_is_wanted_for_each_host_that_guests_know(tmp_path):
    settings = config.load(instance=tmp_path, tls=True, public_url="https://login.example.com",
                           demo_url="https://[2001:db8::1]:8401")
    assert tls.wanted_names(settings, "192.0.2.7") == NAMES | {"login.example.com", "2001:db8::1", "192.0.2.7"}
    assert tls.wanted_names(settings, "0.0.0.0") == NAMES | {"login.example.com", "2001:db8::1"}


@pytest.mark.parametrize(("written", "meant"), [("1", True), ("true", True), ("on", True), ("0", False), ("", False)])
def test_the_environment_switches_tls(monkeypatch, tmp_path, written, meant):
    monkeypatch.setenv("AUTHSERVICE_TLS", written)
    assert config.load(instance=tmp_path).tls is meant


def test_a_file_switches_tls(tmp_path):
    (tmp_path / "config.toml").write_text("tls = true")
    assert config.load(instance=tmp_path).tls is True


@pytest.mark.parametrize("given", [{"tls": "perhaps"}, {"tls": True, "public_url": "http://localhost:8400"},
                                   {"public_url": "https://"}, {"public_url": "http://[::1"}])
def test_settings_that_do_not_fit_are_refused_by_name(tmp_path, given):
    with pytest.raises(SettingsError, match=f"^{list(given)[-1]}: "):
        config.load(instance=tmp_path, **given)


@pytest.mark.parametrize(("public_url", "bound"), [
    ("https://login.example.com", True), ("http://login.example.com", False), ("https://localhost:8400", False),
    ("https://demo.localhost:8400", False), ("https://127.0.0.1:8400", False), ("https://[::1]:8400", False)])
def test_browsers_are_bound_to_https_but_never_on_the_machine_they_run_on(tmp_path, public_url, bound):
    assert config.load(instance=tmp_path, public_url=public_url).hsts is bound


# The service

DISCOVERY = "/us-east-1_Demo00001/.well-known/openid-configuration"
SIGN_IN = "/login?client_id=demositehosted000000000001&response_type=code&redirect_uri=https://app.example.com/callback"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """An instance with the demo's pool, whose hosted pages can be asked for at SIGN_IN."""
    instance = tmp_path_factory.mktemp("tls")
    seeding = command(instance, "seed", SEED, env={"AUTHSERVICE_DEMO_URL": "https://app.example.com"})
    assert seeding.returncode == 0, seeding.stderr
    return instance


@pytest.fixture(scope="module")
def service(seeded):
    with running_service(seeded, tls=True) as service:
        yield service


def headers(url: str, opener=DIRECT) -> Message:
    with opener.open(url, timeout=10) as answer:
        return answer.headers


def peer(service: Service, name: str = "localhost") -> tuple[str, bytes]:
    """Shake hands as a client that trusts ca.pem alone: (TLS version, certificate). Refuses as it does."""
    port = int(service.url.rpartition(":")[2])
    context = ssl.create_default_context(cafile=service.ca)
    with (socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
          context.wrap_socket(plain, server_hostname=name) as connection):
        return connection.version(), connection.getpeercert(binary_form=True)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_whoever_trusts_the_authority_trusts_the_service(service, name):
    assert peer(service, name)[0] == "TLSv1.3"


def test_under_another_name_it_is_not_trusted(service):
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        peer(service, "login.example.com")


def test_who_does_not_trust_the_authority_does_not_trust_the_service(service):
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{service.url}/healthz", timeout=10)


def test_the_first_lines_say_whom_to_trust_and_how(service):
    first = service.log.split("{")[0]
    assert f"authservice: {service.url} " in first and str(service.ca) in first
    served = ssl.DER_cert_to_PEM_cert(peer(service)[1]).encode()
    assert f"--ignore-certificate-errors-spki-list={certificates.pin(served)}\n" in first


def test_its_cookies_and_addresses_are_those_of_https_but_no_other_port_is_bound_to_it(service):
    page, document = (headers(service.url + path, trusting(service.ca)) for path in (SIGN_IN, DISCOVERY))
    assert re.search(r"^__Host-login=[^;]+;.* Secure;", page["Set-Cookie"])
    assert "Strict-Transport-Security" not in page and "Strict-Transport-Security" not in document


def test_plain_http_is_not_answered(service):
    with pytest.raises((OSError, HTTPException)):
        urllib.request.urlopen(service.url.replace("https", "http") + "/healthz", timeout=10)


def test_chromium_trusts_the_pin_that_is_printed_and_no_other(service):
    """And it speaks HTTP/2, in which the outbox knows this machine's own name as well."""
    if reason := browsers.missing():
        unavailable("BROWSER", reason)
    trust = "--ignore-certificate-errors-spki-list="
    with browsers.running(trust + service.pin) as browser:
        assert browser.new_page().goto(f"{service.url}/outbox").status == 200
    with browsers.running(trust + "A" * 43 + "=") as browser, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        browser.new_page().goto(service.url)


def test_a_restart_keeps_the_authority_and_the_certificate(tmp_path):
    with running_service(tmp_path, tls=True) as service:
        before, files = peer(service), contents(tmp_path / "tls")
        service.restart()
        assert peer(service) == before and contents(tmp_path / "tls") == files


def test_a_proxy_may_still_end_tls(seeded, tmp_path):
    """The setting alone, without --tls: plain http here, https outside."""
    port = free_port()
    proxied = Service(f"http://localhost:{port}", tmp_path / "log", ["serve", "--port", str(port)],
                      environment(seeded, {"AUTHSERVICE_PUBLIC_URL": "https://login.example.com"}))
    proxied.start()
    try:
        page, document = (headers(proxied.url + path) for path in (SIGN_IN, DISCOVERY))
    finally:
        proxied.stop()
    assert page["Set-Cookie"].startswith("__Host-login=")
    assert page["Strict-Transport-Security"] and document["Strict-Transport-Security"]
    assert "spki" not in proxied.log


def test_a_public_url_that_is_not_https_is_one_clear_line(tmp_path):
    refused = command(tmp_path, "serve", "--tls", env={"AUTHSERVICE_PUBLIC_URL": "http://localhost:8400"})
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr.count("\n") == 1 and "public_url" in refused.stderr
