"""Make a picture of every page: python3 scripts/screenshots.py.

Starts the service, the same in strict mode, and the demo site on free ports with an instance of their own, which
is gone afterwards; goes to each page of pages/ with headless Chromium and takes it in both themes, on a phone
and on a desktop. Then the folder's index.html shows them side by side. Which pages there are is pages/'s.
"""

import bootstrap  # first: it is what refuses an old Python

bootstrap.go_on_in_venv("test", needs=("botocore", "playwright"))

import argparse
import contextlib
import html
import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path

import chromium
from bootstrap import ROOT, fail, say
from children import Child, run_to_end, stop, wait_until_ready
from pages import PAGES, Shown, Sites, seed
from playwright.sync_api import Error

FOLDER = ROOT / "instance" / "screenshots"
README = ROOT / ".readme"
THEMES = ("light", "dark")
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
FOR_README = {"sign-in.png": ("sign-in-suggested", "light", "body"), "demo.png": ("demo-account", "dark", ".journeys")}
"""{file: (page, theme, what stands at the top of the picture)}"""
README_SIZE = (760, 570)  # pixels
LARGEST_FOR_README = 80_000  # bytes
PATIENCE = 15_000  # milliseconds for a page to come
EXAMPLES = """examples:
  python3 scripts/screenshots.py                       every page, into instance/screenshots
  python3 scripts/screenshots.py --only sign-in        the pages with sign-in in their names
  python3 scripts/screenshots.py --only demo --only error --to /tmp/pictures
  python3 scripts/screenshots.py --list                the names
  python3 scripts/screenshots.py --readme              the pictures that the README shows"""


def main():
    arguments = read_arguments()
    wanted = chosen(arguments.only or [""])
    if arguments.list:
        say("\n".join("%-32s %s" % (page.name, page.about) for page in wanted))
        return
    if reason := chromium.find()[1]:
        fail(reason)
    with contextlib.ExitStack() as stack:
        try:
            sites = stack.enter_context(running_sites())
            browser = stack.enter_context(chromium.running())
            failed = take_for_readme(browser, sites) if arguments.readme else take_all(
                browser, sites, wanted, arguments.to)
        except KeyboardInterrupt:
            sys.exit(130)
    sys.exit(1 if failed else 0)


def read_arguments():
    parser = argparse.ArgumentParser(description="Make a picture of every page, in both themes and two sizes.",
                                     epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="pages with this in their names; may be given again")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="DIR",
                        help="where the pictures go (instance/screenshots)")
    parser.add_argument("--list", action="store_true", help="tell the pages' names and take none")
    parser.add_argument("--readme", action="store_true", help="take the README's pictures, into .readme/")
    return parser.parse_args()


def chosen(names: list[str]) -> list[Shown]:
    """The pages that are named so, or that have it in their names; refuses a name that fits none."""
    for name in names:
        if not any(name in page.name for page in PAGES):
            fail("no page is named %s; --list tells the names." % name)
    return [page for page in PAGES if any(name in page.name for name in names)]


# --- what is taken pictures of ------------------------------------------------------------------------------

@contextlib.contextmanager
def running_sites():
    """Start everything on free ports, with a seeded instance of its own; gives the Sites."""
    with tempfile.TemporaryDirectory(prefix="authservice-screenshots-") as instance:
        service, strict, demo = free_ports(3)
        urls = Sites(*("http://localhost:%d" % port for port in (service, strict, demo)))
        command = [sys.executable, "-m", "authservice"]
        file = Path(instance, "seed.toml")
        file.write_text(seed(), encoding="utf-8")
        children = []

        def start(name: str, port: int, **settings: str) -> None:
            children.append(Child("authservice %s" % name, "http://127.0.0.1:%d" % port))
            children[-1].start([*command, name, "--host", "127.0.0.1", "--port", str(port)],
                               environment(instance, urls, **settings))

        try:
            say("Starting the service and the demo site ...")
            run_to_end([*command, "seed", str(file)], environment(instance, urls))
            start("serve", service)
            start("serve", strict, oidc="strict", public_url=urls.strict)
            start("demo", demo)
            wait_until_ready(children, quiet=True)
            yield urls
        finally:
            stop(children)


def environment(instance: str, urls: Sites, **settings: str) -> dict[str, str]:
    """Our environment without settings of whoever runs this, then these; hashes are quick ones."""
    given = {"instance": instance, "public_url": urls.service, "demo_url": urls.demo, "log_level": "WARNING",
             "argon2_memory_kib": "64", "argon2_time": "1", **settings}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSERVICE_")}
    return {**clean, **{"AUTHSERVICE_" + name.upper(): value for name, value in given.items()}}


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


# --- pictures -----------------------------------------------------------------------------------------------

@contextlib.contextmanager
def at_page(browser, sites: Sites, shown: Shown, theme: str = "light", size: tuple = SIZES["desktop"]):
    """Bring a fresh browser to the page; gives playwright's page."""
    context = browser.new_context(device_scale_factor=1, color_scheme=theme, reduced_motion="reduce",
                                  locale="en-GB", timezone_id="UTC", viewport=dict(zip(("width", "height"), size)))
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        shown.reach(page, sites)
        yield page
    finally:
        context.close()


def take(page, file: Path, **how) -> None:
    page.screenshot(path=file, animations="disabled", caret="hide", scale="css", **how)


def take_all(browser, sites: Sites, wanted: list[Shown], folder: Path) -> list[str]:
    """Take every wanted page in both themes and sizes; gives the names of those that could not be reached."""
    folder.mkdir(parents=True, exist_ok=True)
    failed, started = [], time.monotonic()
    for number, shown in enumerate(wanted, 1):
        show_progress("[%d/%d] %s" % (number, len(wanted), shown.name))
        try:
            with at_page(browser, sites, shown) as page:
                for size, (width, height) in SIZES.items():
                    page.set_viewport_size({"width": width, "height": height})
                    for theme in THEMES:
                        page.emulate_media(color_scheme=theme)
                        take(page, folder / picture(shown, size, theme), full_page=True)
        except Error as error:
            failed.append(shown.name)
            end_progress("%s could not be reached: %s" % (shown.name, error.message.splitlines()[0]))
    (folder / "index.html").write_text(contact_sheet(folder), encoding="utf-8")
    end_progress("%d pages in %d s: %s" % (len(wanted) - len(failed), time.monotonic() - started,
                                           folder / "index.html"))
    return failed


def take_for_readme(browser, sites: Sites) -> list[str]:
    """Take the README's pictures: what a window of that size shows. Gives the names of those that are too big."""
    README.mkdir(exist_ok=True)
    large = []
    for file, (name, theme, top) in FOR_README.items():
        shown = next(page for page in PAGES if page.name == name)
        with at_page(browser, sites, shown, theme, README_SIZE) as page:
            page.evaluate("top => scrollTo(0, document.querySelector(top).getBoundingClientRect().top - 24)", top)
            take(page, README / file)
        bytes_ = (README / file).stat().st_size
        say("%s: %d bytes" % (README / file, bytes_))
        large += [file] if bytes_ > LARGEST_FOR_README else []
    if large:
        say("too big for a README (%d bytes): %s" % (LARGEST_FOR_README, ", ".join(large)))
    return large


def picture(shown: Shown, size: str, theme: str) -> str:
    return "%s.%s.%s.png" % (shown.name, size, theme)


def show_progress(line: str) -> None:
    if sys.stdout.isatty():
        print("\r\033[K" + line, end="", flush=True)
    else:
        say(line)


def end_progress(line: str) -> None:
    say(("\r\033[K" if sys.stdout.isatty() else "") + line)


# --- the contact sheet --------------------------------------------------------------------------------------

SHEET = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Every page</title>
<style>
  body { margin: 2rem; font: 1rem/1.5 system-ui, sans-serif; background: #8a9096; color: #111; }
  h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem; }
  h2 code { font-weight: 400; margin-left: .5rem; }
  div { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
  img { display: block; height: 28rem; max-width: 46rem; object-fit: cover; object-position: top; }
</style>
<h1>Every page</h1>
%s
</html>
"""


def contact_sheet(folder: Path) -> str:
    """An HTML page with every picture that is in the folder, in the order of pages/."""
    rows = []
    for shown in PAGES:
        files = [picture(shown, size, theme) for size in SIZES for theme in THEMES]
        pictures = "\n".join('<a href="%s"><img src="%s" alt="%s" loading="lazy"></a>'
                             % (file, file, re.sub(r"\.png$", "", file).replace(".", ", "))
                             for file in files if (folder / file).exists())
        if pictures:
            rows.append("<h2>%s <code>%s</code></h2>\n<div>%s</div>"
                        % (html.escape(shown.about), shown.name, pictures))
    return SHEET % "\n".join(rows)


if __name__ == "__main__":
    main()
