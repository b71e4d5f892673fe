"""Door: the development outbox, where a developer or an end-to-end test reads the codes that users were sent.

Owns `/outbox` and `/outbox.json` and who may see them: it is a table of live codes, so it is there only
while the service listens on loopback and no mail leaves it, and answers only under this machine's own names.
Does not own the messages (local/messaging).
"""

from flask import Blueprint, Response, abort, jsonify, render_template, request

from authservice import browser, this_machine
from authservice.config import Settings
from authservice.local.messaging import outbox

SHOWN = 100
MEMBERS = ("to", "medium", "purpose", "code", "link", "subject", "text", "sent_at")


def enabled(settings: Settings) -> bool:
    """Whether to build the door: on loopback and our own pools, unless mail leaves by SMTP or it is off."""
    return (settings.outbox == "auto" and settings.on_loopback and settings.backend == "local"
            and not settings.smtp_url)


def create(backend, settings: Settings) -> Blueprint:
    """The page and its JSON on a LocalBackend."""
    door = Blueprint("outbox", __name__, template_folder="templates", static_folder="static",
                     static_url_path="/outbox/static")

    @door.before_request
    def only_for_this_machine() -> None:
        """A page from elsewhere may name this address (DNS rebinding): its own name is still in Host.

        And a proxy in front, which says so, brings guests who are not of this machine.
        """
        if not this_machine.sent(request.environ):
            abort(403, "The outbox answers only under this machine's own names.")

    @door.get("/outbox")
    def page() -> str:
        """The newest messages, to everybody or `?to=ADDRESS`."""
        to = _address(request.args.get("to", ""))
        return render_template("outbox.html", messages=outbox.recent(backend, to, SHOWN), to=to, limit=SHOWN,
                               is_web_address=is_web_address)

    @door.get("/outbox.json")
    def messages() -> Response:
        """The same as a JSON list, newest first, with the members of MEMBERS (see outbox.recent)."""
        found = outbox.recent(backend, _address(request.args.get("to", "")), SHOWN)
        return jsonify([{name: message[name] for name in MEMBERS} for message in found])

    @door.after_request
    def close(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return browser.secure_headers(response)

    return door


def _address(to: str) -> str:
    """What was meant: `?to=+15550100` and `?to=a+b@example.com` are often written so, unencoded."""
    return to.rstrip().replace(" ", "+")


def is_web_address(link: str | None) -> bool:
    """Whether a link may be shown as one: a message never becomes a `javascript:` to click."""
    return bool(link) and link.startswith(("http://", "https://"))
