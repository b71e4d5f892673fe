"""Every page is for everybody: axe-core finds nothing on it in either theme, the keyboard reaches everything.

The pages are those of scripts/pages, the demo site's among them, in Chromium against running processes.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from scripts.pages import PAGES, Shown, Sites, seed
from tests.services import browser as browsers
from tests.services import free_port, unavailable
from tests.services.server import command, running_demo, running_service

AXE = Path(__file__).parents[1] / "clients" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
         "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""Of axe's rules these are about colours: the others find the same in any theme."""
QUICK = {"AUTHSERVICE_ARGON2_MEMORY_KIB": "64", "AUTHSERVICE_ARGON2_TIME": "1"}
SMALL_PHONE = {"width": 320, "height": 640}

RUN_AXE = """only => axe.run({runOnly: only, resultTypes: ["violations"]})
  .then(found => found.violations.flatMap(each => each.nodes.map(
    node => `${each.id}: ${node.target.join(" ")}: ${node.failureSummary}`)))"""

# What the Tab key must reach, in the order of the page; of it, what it looks like without and with the focus.
INTERACTIVE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter(each => each.checkVisibility({visibilityProperty: true}) && each.type !== "hidden" && !each.disabled)"""
LOOK = """each => { const style = getComputedStyle(each);
  return [style.outlineStyle, style.outlineWidth, style.boxShadow].join(" "); }"""
TAB_ORDER = f"""() => {{
  const look = {LOOK};
  document.activeElement.blur();
  window.expected = ({INTERACTIVE})();
  window.looks = window.expected.map(look);
  return window.expected.length;
}}"""
FOCUSED = f"""() => {{
  const look = {LOOK}, each = document.activeElement, box = each.getBoundingClientRect();
  const at = window.expected.indexOf(each);
  return {{at, name: each.outerHTML.slice(0, 80), seen: look(each) !== window.looks[at],
           inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
           top: box.top + scrollY, left: box.left, bottom: box.bottom + scrollY}};
}}"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    if browsers.missing():
        unavailable("BROWSER", browsers.missing())
    if not AXE.exists():
        unavailable("NODE", "axe-core is not installed (npm install, in tests/clients/javascript)")
    instance = tmp_path_factory.mktemp("accessible")
    service, strict, demo = (free_port() for _ in range(3))
    env = {**QUICK, "AUTHSERVICE_PUBLIC_URL": f"http://localhost:{service}",
           "AUTHSERVICE_DEMO_URL": f"http://localhost:{demo}"}
    (instance / "seed.toml").write_text(seed())
    seeded = command(instance, "seed", instance / "seed.toml", env=env)
    assert seeded.returncode == 0, seeded.stderr
    strictly = {**QUICK, "AUTHSERVICE_OIDC": "strict"}
    with (running_service(instance, QUICK, service) as hosted, running_service(instance, strictly, strict) as other,
          running_demo(instance, hosted.url, port=demo) as site):
        yield Sites(hosted.url, other.url, site.url)


@pytest.fixture(scope="module")
def chromium(sites):
    with browsers.running() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport=SMALL_PHONE, reduced_motion="reduce")
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    yield page
    context.close()


# One visit for all of it: getting to a page takes longer than looking at it.
@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_a_page_is_for_everybody(shown: Shown, sites, page):
    shown.reach(page, sites)
    refused_has_the_focus_and_is_announced(page)
    has_title_heading_language(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE["width"], "it scrolls sideways"
    axe_finds_nothing(page)
    the_keyboard_reaches_everything(page)
    assert [text for text in page.complaints if "Content Security Policy" in text] == []


def has_title_heading_language(page: Page) -> None:
    assert page.title().strip()
    assert page.locator("h1").count() == 1 and page.locator("h1").inner_text().strip()
    assert page.locator("html").get_attribute("lang")


def refused_has_the_focus_and_is_announced(page: Page) -> None:
    """Where a form was refused, the reason is the first thing that is told, and where the keyboard starts."""
    if page.locator("[aria-invalid=true]").count():
        alert = page.get_by_role("alert")
        assert alert.inner_text().strip()
        assert alert.evaluate("each => each === document.activeElement")


def axe_finds_nothing(page: Page) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(RUN_AXE, rules) == [], theme


def the_keyboard_reaches_everything(page: Page) -> None:
    """Tab goes from part to part, down the page as it is read, and each shows that it has the focus."""
    number, before = page.evaluate(TAB_ORDER), None
    page.evaluate("getSelection().removeAllRanges(); document.body.tabIndex = -1; document.body.focus()")
    for at in range(number):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        while before and here["at"] == before["at"]:  # a date has several parts
            page.keyboard.press("Tab")
            here = page.evaluate(FOCUSED)
        assert here["at"] == at, f"the Tab key leads to {here['name']}"
        assert here["seen"] and here["inside"], f"nothing shows that this has the focus: {here['name']}"
        if before:
            beside = before["top"] < here["bottom"] and here["left"] >= before["left"]
            assert beside or here["top"] >= before["top"], f"this stands above the one before: {here['name']}"
        before = here
