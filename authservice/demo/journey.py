"""What the site did, step by step, as the pages show it: each HTTP exchange and each check, with its reason.

Owns: Step and Journey, and that no secret gets into them: values are shortened when a step is noted, so that
the full ones are never kept for display. Does not own: sending (exchange.py), the explanations of single
names (glossary.py).
"""
import json
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from flask import session

from authservice.demo import glossary

SHORTENED = {"code", "code_verifier", "access_token", "id_token", "refresh_token", "token", "AccessToken",
             "IdToken", "RefreshToken", "REFRESH_TOKEN", "Token", "Session", "SecretCode", "Authorization"}
HIDDEN = {"Password", "PASSWORD", "NEW_PASSWORD", "UserCode", "ConfirmationCode", "SOFTWARE_TOKEN_MFA_CODE",
          "SMS_MFA_CODE", "EMAIL_OTP_CODE"}
LONGEST_ANSWER = 6000       # characters shown


@dataclass
class Step:
    """One thing done: an exchange (`method`, `url`, `status`) or, without a method, checks by this site.

    `route` is how it went: "back" from server to server, "out" and "home" through the browser, "kept" and "check"
    nowhere. `parameters` are (name, value, meaning) of a query or form, `body` is JSON text, `checks` are (name,
    finding), `note` is a remark beside the request line, `curl` the same request from a shell.
    """
    who: str
    route: str
    title: str
    why: str
    method: str = ""
    url: str = ""
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    parameters: list[tuple[str, str, str]] = field(default_factory=list)
    body: str = ""
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
    checks: list[tuple[str, str]] = field(default_factory=list)
    failed: bool = False
    note: str = ""
    curl: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path or "/"

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass
class Journey:
    """The steps of one thing that the person wanted: signing in, refreshing, signing out."""
    title: str
    steps: list[Step] = field(default_factory=list)

    def browser_goes(self, title: str, why: str, url: str, parameters: dict, sent_by: str) -> None:
        """Note a step that the browser takes when sent: to the service, or back from it."""
        route = "out" if sent_by == "this site" else "home"
        self.steps.append(Step("Browser", route, title, why, "GET", url, "redirect", note=f"sent by {sent_by}",
                               parameters=shown_parameters(parameters)))

    def known_before(self, step: Step) -> None:
        """Note, once, that an earlier answer is used again."""
        if all(step.title != other.title for other in self.steps):
            self.steps.append(replace(step, route="kept", note="kept from before, not asked again"))

    def checked(self, title: str, why: str, checks: list[tuple[str, str]], *, failed: bool = False) -> None:
        """Note what the site verified by itself. With `failed` the last check is the refusal."""
        self.steps.append(Step("This site", "check", title, why, checks=checks, failed=failed))


def shown_parameters(parameters: dict) -> list[tuple[str, str, str]]:
    return [(name, str(shown(name, value)), glossary.parameter(name)) for name, value in parameters.items()]


def shown_json(value) -> str:
    """Pretty JSON with every secret shortened; long answers are cut."""
    text = json.dumps(shown("", value), indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST_ANSWER else text[:LONGEST_ANSWER] + "\n…"


def shown(name: str, value):
    """`value` as it may be shown under `name`: passwords and codes hidden, tokens and the like shortened."""
    if isinstance(value, dict):
        return {key: shown(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(name, inner) for inner in value]
    if name in HIDDEN:
        return "••••••"
    if name in SHORTENED and isinstance(value, str):
        return shorten(value)
    return value


def shorten(secret: str) -> str:
    """Enough to recognise a value when it comes again, never enough to use it."""
    start = 15 if secret.startswith("Bearer ") else 8
    return f"{secret[:start]}… ({len(secret)} characters)" if len(secret) > 3 * start else "••••••"


def keep_farewell(journey: Journey) -> None:
    """Keep a last journey for the next page: at sign-out everything else of the session is gone."""
    session["farewell"] = [journey]


def take_farewell() -> list[Journey]:
    return session.pop("farewell", [])
