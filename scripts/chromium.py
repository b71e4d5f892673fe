"""A real browser: an installed Chromium, headless, driven by playwright.

Owns finding Chromium and starting it, for the pictures and for the tests. playwright's own browser download is
not used. Knows no page.
"""

import contextlib
import os
import shutil

from playwright.sync_api import Browser, sync_playwright

# The first is Chromium without all that draws a window: the same pages take half the processor time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Runs as root in a container; asks nobody outside for updates, accounts or names.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find() -> tuple[str | None, str]:
    """Return (the program's path, ""), or (None, what is missing and how to get it).

    AUTHSERVICE_CHROMIUM names a program or path that wins over the usual names.
    """
    named = os.environ.get("AUTHSERVICE_CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path, ""
    if named:
        return None, f"AUTHSERVICE_CHROMIUM={named}: no such program"
    return None, "no Chromium found (Debian, Ubuntu: apt install chromium; or set AUTHSERVICE_CHROMIUM)"


@contextlib.contextmanager
def running(*more: str):
    """Start headless Chromium, with more arguments if given, and yield playwright's Browser; closed afterwards.

    A `browser.new_context()` is a fresh profile: no cookies, no storage.
    """
    path, reason = find()
    if path is None:
        raise RuntimeError(reason)
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=path, headless=True, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()
