"""The demo site over https, beside a service with a certificate authority of its own."""
import urllib.request

import pytest

from authservice import tls
from tests.demo.browser_like import Browser
from tests.demo.conftest import PASSWORD, QUICK_HASHES, SEED
from tests.services import free_port
from tests.services.server import command, running_demo, running_service, trusting


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(site, service), started with --tls."""
    instance, port = tmp_path_factory.mktemp("tls"), free_port()
    env = {**QUICK_HASHES, "AUTHSERVICE_DEMO_URL": f"https://localhost:{port}"}
    seeded = command(instance, "seed", SEED, env=env)
    assert seeded.returncode == 0, seeded.stderr
    with (running_service(instance, env=env, tls=True) as service,
          running_demo(instance, service.url, port=port, tls=True) as site):
        yield site, service


def test_a_user_signs_in_and_every_step_is_by_https(both):
    site, service = both
    browser = Browser()
    browser.http.verify = str(service.ca)
    browser.open(site.url)
    browser.follow("Sign in")
    page = browser.press("Sign in", username="demo@example.com", password="Demo-Passw0rd!")
    assert page.url.startswith(site.url) and "demo@example.com" in page.text
    assert all(address.startswith("https://localhost:") for address in browser.visited)
    assert all(cookie.secure for cookie in browser.http.cookies)


def test_the_api_is_asked_by_https_too(both):
    site, service = both
    browser = Browser()
    browser.http.verify = str(service.ca)
    browser.open(f"{site.url}/api")
    assert "NotAuthorizedException" in browser.press("Sign in", username="demo@example.com", password=PASSWORD).html


def test_no_other_port_of_this_machine_is_bound_to_https(both):
    site, service = both
    with trusting(service.ca).open(site.url, timeout=10) as page:
        assert "Strict-Transport-Security" not in page.headers


def test_a_service_that_is_not_trusted_is_not_asked(both, tmp_path):
    _, service = both
    with running_demo(tmp_path, service.url) as site:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{site.url}/sign-in", timeout=20)
    page = refused.value.read().decode()
    assert refused.value.code == 503 and "certificate is not trusted" in page.replace("&#39;", "'")
    assert "AUTHSERVICE_DEMO_CA" in page


@pytest.mark.parametrize(("ours", "usual"), [("service", ""), ("other", "service")])
def test_one_more_authority_is_trusted_besides_the_usual_ones(both, tmp_path, ours, usual):
    files = {"service": both[1].ca, "other": tls.prepare(tmp_path, {"localhost"}).authority, "": ""}
    env = {"AUTHSERVICE_DEMO_CA": files[ours], "REQUESTS_CA_BUNDLE": files[usual]}
    with running_demo(tmp_path, both[1].url, env=env) as site:
        browser = Browser()
        browser.stay_out_of = both[1].url
        browser.open(f"{site.url}/sign-in")
        assert browser.stopped_at.startswith(f"{both[1].url}/oauth2/authorize?")
