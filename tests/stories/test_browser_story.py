"""The whole story in a real browser: demo site, hosted pages, outbox, against running processes.

Sign up, set up an authenticator app, sign in with it, forget the password, refresh, sign out everywhere.
"""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.services import browser as browsers
from tests.services import free_port, unavailable
from tests.services.server import ROOT, command, running_demo, running_service

PASSWORD, NEW_PASSWORD = "First-Passw0rd!", "Second-Passw0rd!"
ADDRESS = "newcomer@example.com"


@pytest.fixture(scope="module")
def browser():
    reason = browsers.missing()
    if reason:
        unavailable("BROWSER", reason)
    with browsers.running() as browser:
        yield browser


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """The service and the demo site as processes of their own, seeded as the demo is."""
    instance = tmp_path_factory.mktemp("story")
    demo_port, service_port = free_port(), free_port()
    urls = {"AUTHSERVICE_DEMO_URL": f"http://localhost:{demo_port}",
            "AUTHSERVICE_PUBLIC_URL": f"http://localhost:{service_port}"}
    seeded = command(instance, "seed", ROOT / "authservice" / "demo" / "seed.toml", env=urls)
    assert seeded.returncode == 0, seeded.stderr
    with running_service(instance, port=service_port) as service:
        with running_demo(instance, service.url, port=demo_port) as demo:
            yield service, demo


def code_from_outbox(page: Page, service_url: str) -> str:
    """Read the newest code as a person would: in another tab, on the outbox page."""
    tab = page.context.new_page()
    tab.goto(f"{service_url}/outbox?to={ADDRESS}")
    code = re.search(r"\b\d{6}\b", tab.locator("main").inner_text()).group()
    tab.close()
    return code


def code_of_app(secret: str, steps: int = 0) -> str:
    """What the authenticator app shows now, or showed or will show `steps` half-minutes from now."""
    return pyotp.TOTP(secret).at(time.time() + 30 * steps)


def submit_code(page: Page, label: str, code: str, button: str) -> None:
    page.get_by_label(label).fill(code)
    page.get_by_role("button", name=button, exact=True).click()


def test_the_whole_story_runs_in_a_browser(browser, sites):
    service, demo = sites
    context = browser.new_context()
    page = context.new_page()
    broken = []
    page.on("console", lambda message: broken.append(message.text) if message.type == "error" else None)

    # The demo site sends the guest to the hosted pages, with everything the protocol asks for.
    page.goto(demo.url)
    with page.expect_request(re.compile("/oauth2/authorize")) as asked:
        page.get_by_role("link", name="Sign in", exact=True).first.click()
    for parameter in ("response_type=code", "code_challenge_method=S256", "code_challenge=", "state=", "nonce="):
        assert parameter in asked.value.url
    expect(page).to_have_title(re.compile("Sign in"))

    # An account is made, its address proven by the code from the outbox.
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Email", exact=False).first.fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    submit_code(page, "Confirmation code", code_from_outbox(page, service.url), "Confirm account")

    # Back at the demo site, signed in, the tokens checked and shown.
    page.wait_for_url(f"{demo.url}/**")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    expect(page.locator("main")).to_contain_text(ADDRESS)
    expect(page.locator("main")).to_contain_text("token_use")

    # An authenticator app: picture and text say the same secret.
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.locator(".qr-frame svg")).to_be_visible()
    secret = "".join(page.locator("#secret").inner_text().split())
    submit_code(page, "Code from the app", code_of_app(secret, -1), "Turn it on")
    expect(page.locator("main")).to_contain_text("An authenticator app protects this account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(f"{demo.url}/**")

    # Password and code: a wrong code is refused with a notice, the right one lets in.
    sign_in(page, demo.url, PASSWORD)
    code = code_of_app(secret)
    submit_code(page, "Six-digit code", wrong(code), "Continue")
    expect(page.get_by_role("alert")).to_be_visible()
    submit_code(page, "Six-digit code", code, "Continue")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(f"{demo.url}/**")

    # The password is forgotten and replaced by a mailed code; the old one is dead.
    page.goto(demo.url)
    page.get_by_role("link", name="Sign in", exact=True).first.click()
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email", exact=False).first.fill(ADDRESS)
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Code", exact=True).fill(code_from_outbox(page, service.url))
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password again").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.get_by_label("Email", exact=False).first.fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Incorrect username or password.")
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    # A code that was used once is refused when it is sent again.
    submit_code(page, "Six-digit code", code, "Continue")
    expect(page.get_by_role("alert")).to_be_visible()
    submit_code(page, "Six-digit code", code_of_app(secret, 1), "Continue")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")

    # Refresh, then sign out everywhere: the service itself refuses what the site kept.
    page.get_by_role("button", name="Refresh", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Signed out everywhere")
    expect(page.locator(".proof.good")).to_have_count(2)
    expect(page.locator(".proof.bad")).to_have_count(0)
    assert [text for text in broken if "Content Security Policy" in text] == []
    context.close()


def sign_in(page: Page, demo_url: str, password: str) -> None:
    page.goto(demo_url)
    page.get_by_role("link", name="Sign in", exact=True).first.click()
    page.get_by_label("Email", exact=False).first.fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"
