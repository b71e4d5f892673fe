"""What only a real browser shows: its view of our policy, focus and keyboard, small screens, both themes."""
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask, redirect
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from tests.hosted.conftest import NAME, PASSWORD
from tests.services import browser as browsers
from tests.services import free_port, unavailable

CONTRAST = """() => {
  // WCAG 2.2, 1.4.3: the contrast of every text with what lies behind it; gives the texts below 4.5 : 1.
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = parts(getComputedStyle(element).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) =>
    e.tagName === "INPUT" || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return texts.flatMap((element) => {
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [`${element.tagName} ${element.textContent.trim()} ${ratio.toFixed(2)}`] : [];
  });
}"""


@contextmanager
def serving(app: Flask, port: int = 0):
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def chromium():
    if browsers.missing():
        unavailable("BROWSER", browsers.missing())
    with browsers.running() as browser:
        yield browser


@pytest.fixture
def settings(settings):
    return replace(settings, public_url=f"http://localhost:{free_port()}")


@pytest.fixture
def service(app, settings):
    with serving(app, int(settings.public_url.rsplit(":", 1)[1])) as url:
        yield url


@pytest.fixture
def application():
    """An application whose callback sends the browser on to another origin, as gateways do. Gives (callback,
    home).
    """
    home, gateway = Flask("home"), Flask("gateway")
    home.add_url_rule("/", "home", lambda: "Welcome home")
    with serving(home) as home_url:
        gateway.add_url_rule("/callback", "callback", lambda: redirect(f"{home_url}/"))
        with serving(gateway) as gateway_url:
            yield f"{gateway_url}/callback", home_url


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    yield page
    context.close()


def sign_in(page: Page, service: str, site, password: str = PASSWORD) -> None:
    page.goto(service + site.door)
    page.get_by_label("Email address").fill(NAME)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_sign_in_ends_at_the_application_whose_callback_leads_on(page, service, make_site, application):
    callback, home = application
    site = make_site(callback=callback)
    site.add_user()
    sign_in(page, service, site)
    page.wait_for_url(f"{home}/**")
    expect(page.locator("body")).to_have_text("Welcome home")
    assert [text for text in page.complaints if "Content Security Policy" in text] == []


def test_going_back_from_the_application_finds_no_page_to_send_again(page, service, make_site, application):
    site = make_site(callback=application[0])
    site.add_user()
    sign_in(page, service, site)
    page.wait_for_url(f"{application[1]}/**")
    page.go_back()  # who is signed in is led to the application again
    expect(page.locator("body")).to_have_text("Welcome home")


def test_the_browser_sends_our_forms_nowhere_else(page, service, make_site, application):
    site = make_site()
    page.goto(service + site.door)
    page.evaluate("url => document.querySelector('form').action = url", application[1])
    page.get_by_label("Email address").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_console_message(lambda message: "form-action" in message.text):
        page.evaluate("document.querySelector('form').requestSubmit()")
    assert page.url.startswith(service)


def test_the_keyboard_alone_signs_in(page, service, make_site, application):
    site = make_site(callback=application[0])
    site.add_user()
    page.goto(service + site.door)
    expect(page.get_by_label("Email address")).to_be_focused()
    for keys in (NAME, "Tab", PASSWORD, "Enter"):
        page.keyboard.press(keys) if keys in ("Tab", "Enter") else page.keyboard.type(keys)
    page.wait_for_url(f"{application[1]}/**")


def test_a_refusal_has_the_focus_and_one_tab_leads_to_the_form(page, service, make_site):
    site = make_site()
    sign_in(page, service, site, "wrong")
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Email address")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_readable_in_both_themes_and_fit_a_small_phone(chromium, service, make_site, theme):
    wanted = ["given_name", "birthdate", "phone_number", "website"]
    site = make_site(Schema=[{"Name": name, "Required": True} for name in wanted])
    site.call("SetUserPoolMfaConfig", UserPoolId=site.pool_id, MfaConfiguration="ON",
              SoftwareTokenMfaConfiguration={"Enabled": True})
    site.add_user(given_name="Demo", birthdate="1990-12-10", phone_number="+442079460018",
                  website="https://example.com")
    context = chromium.new_context(color_scheme=theme, viewport={"width": 320, "height": 640})
    page = context.new_page()

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        assert page.evaluate(CONTRAST) == [], name
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")

    for path in ("/login", "/signup", "/confirm", "/forgotPassword", "/confirmforgotPassword"):
        page.goto(service + site.page(path))
        look(path)
    for path in ("/signedout", "/error?error=redirect_mismatch"):
        page.goto(service + path)
        look(path)
    sign_in(page, service, site, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    look("refused")
    sign_in(page, service, site)
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up an authenticator app")
    look("set-up")
    context.close()


def test_a_password_can_be_shown_while_it_is_typed_and_is_never_sent_from_a_field_of_text(page, service, make_site):
    site = make_site()
    site.add_user()
    page.goto(service + site.door)
    field = page.get_by_label("Password")
    field.press_sequentially("Correct")
    for _ in range(3):
        field.press("ArrowLeft")
    page.get_by_role("button", name="Show password").click()
    assert (field.get_attribute("type"), page.evaluate("document.activeElement.id")) == ("text", "password")
    assert page.evaluate("document.activeElement.selectionStart") == 4
    page.get_by_role("button", name="Hide password").press("Enter")
    assert field.get_attribute("type") == "password"
    page.get_by_role("button", name="Show password").press(" ")
    page.evaluate("""() => document.forms[0].addEventListener("submit", (event) => {
        event.preventDefault(); document.title = document.getElementById("password").type })""")
    page.get_by_label("Email address").fill(NAME)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title("password")


def test_the_rules_of_a_password_tick_as_they_are_met(page, service, make_site):
    site = make_site()
    page.goto(service + site.page("/signup"))
    field, met = page.get_by_label("Password", exact=True), page.locator(".rules li.met")
    for typed, number in (("", 0), ("abcdefgh", 2), ("Abcdefg1", 4), ("Abcdefg1!", 5), ("A", 1)):
        field.fill(typed)
        expect(met).to_have_count(number)
    expect(page.locator(".rules [aria-live]")).to_contain_text("Still missing: at least 8 characters")


def test_without_scripts_nothing_is_missing_and_nothing_dangles(chromium, service, make_site):
    site = make_site()
    site.add_user()
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(service + site.page("/signup"))
    expect(page.get_by_role("button", name="Show password")).to_have_count(0)
    page.goto(service + site.door)
    page.get_by_label("Email address").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_request(lambda asked: asked.url.startswith("http://localhost:3000/callback")) as asked:
        page.get_by_role("button", name="Sign in", exact=True).click()
    assert "code=" in asked.value.url
    context.close()
