"""A single-page application of javascript/ (spa, or another), served at an origin of its own.

Owns serving its files and its settings, and how a person uses it in Chromium. What it does is in its app.js, what
it should see in the tests.
"""

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.clients.issuer import ADDRESS, PASSWORD
from tests.clients.node import MODULES, SCRIPTS

FILES = {"/app.js": SCRIPTS / "spa" / "app.js",
         "/oidc-client-ts.min.js": MODULES / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"}
PAGE = SCRIPTS / "spa" / "index.html"


@dataclass
class Application:
    """The served application; `settings` are its client library's, read by a page when it is loaded."""

    url: str
    settings: dict = field(default_factory=dict)

    @property
    def callback(self) -> str:
        return f"{self.url}/callback"

    @property
    def signed_out(self) -> str:
        return f"{self.url}/signed-out"


@contextlib.contextmanager
def running(files: dict[str, Path] = FILES, page: Path = PAGE):
    """Serve these files and, at every other address, the page; on a free port of loopback; yields it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = urlsplit(self.path).path
            kind = "text/javascript" if path in files else "text/html; charset=utf-8"
            body = files.get(path, page).read_bytes()
            if path == "/settings.json":
                kind, body = "application/json", json.dumps(application.settings).encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")  # as hosts of static files have it
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    application = Application(f"http://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield application
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def arrived(page: Page) -> str:
    """The user's sub, "nobody" or an error: what the application shows once it is done with its address."""
    expect(page.locator("output")).not_to_be_empty()
    return page.locator("output").inner_text()


def open_app(page: Page, app: Application) -> str:
    """Open the application: what it shows."""
    page.goto(app.url)
    return arrived(page)


def sign_in(page: Page, app: Application) -> str:
    """Sign in from the application, where nobody is signed in: what it shows then."""
    assert open_app(page, app) == "nobody"
    page.get_by_role("button", name="Sign in", exact=True).click()
    fill_in(page)
    page.wait_for_url(f"{app.callback}?*")
    return arrived(page)


def fill_in(page: Page, address: str = ADDRESS) -> None:
    """Fill and send the hosted sign-in form."""
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def user(page: Page) -> dict:
    """What the application's UserManager holds: tokens and profile."""
    return page.evaluate("manager.getUser()")
