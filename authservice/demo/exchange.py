"""One HTTP exchange between this site and the service, done and noted in the journey.

Neighbours: provider.py and service_api.py say what to send; journey.py keeps what is shown.
"""
import ssl
from dataclasses import dataclass
from http.client import responses as PHRASES
from urllib.parse import urlsplit

import requests
from flask import current_app
from requests.adapters import HTTPAdapter

from authservice.demo import curl
from authservice.demo.journey import Journey, Step, shown, shown_json, shown_parameters
from authservice.demo.problems import unreachable, untrusted

TIMEOUT = (3, 15)           # seconds: to connect, to answer
SHOWN_HEADERS = ("Content-Type", "Cache-Control", "Location", "WWW-Authenticate", "x-amzn-ErrorType")


class Refused(Exception):
    """The service's own refusal: `code` (NotAuthorizedException, invalid_grant, ...) and `message`."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.message = code, message


@dataclass
class Answer:
    """What came back: `status`, `body` (the JSON value, None if it is none), and the noted `step`."""
    status: int
    body: object
    step: Step

    @property
    def ok(self) -> bool:
        return self.status == 200


def send(journey: Journey, title: str, why: str, method: str, url: str, *, headers: dict | None = None,
         form: dict | None = None, json: dict | None = None) -> Answer:
    """Send one request and note it. No redirect is followed, no cookie kept.

    Raises the page of problems.unreachable when there is no answer.
    """
    sent = dict(headers or {})
    ca = current_app.config["SITE"]["ca"] if current_app else ""
    step = Step("This site", "back", title, why, method, url,
                headers=[(name, str(shown(name, value))) for name, value in sent.items()],
                parameters=shown_parameters(form or {}), body=shown_json(json) if json is not None else "",
                curl=curl.command(method, url, headers=sent, form=form, json=json, ca=ca))
    journey.steps.append(step)
    try:
        with requests.Session() as session:
            if context := current_app and current_app.extensions["trust"]:
                session.mount("https://", _Trusting(context))
            response = session.request(method, url, headers=sent, data=form, json=json, timeout=TIMEOUT,
                                       allow_redirects=False, auth=_no_netrc, proxies=_proxies(url))
    except requests.exceptions.SSLError as error:
        step.status, step.failed = "not trusted", True
        raise untrusted(url, journey) from error
    except requests.RequestException as error:
        step.status, step.failed = "no answer", True
        raise unreachable(url, type(error).__name__, journey) from error

    step.status = f"{response.status_code} {PHRASES.get(response.status_code, '')}".strip()
    step.failed = response.status_code >= 400
    step.answer_headers = [(name, response.headers[name]) for name in SHOWN_HEADERS
                           if name in response.headers]
    try:
        body = response.json()
    except ValueError:
        body = None
    step.answer = shown_json(body) if body is not None else response.text[:500]
    return Answer(response.status_code, body, step)


def _no_netrc(prepared):
    """An `auth` that adds nothing: without one, requests lets ~/.netrc overwrite the Authorization header."""
    return prepared


def trust(ca: str) -> ssl.SSLContext | None:
    """Whom to trust besides the usual authorities: the one in the PEM file `ca`; None where it is ""."""
    if not ca:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(ca)
    return context


class _Trusting(HTTPAdapter):
    """Https that checks certificates by this context, to which requests adds the usual authorities."""

    def __init__(self, context: ssl.SSLContext):
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


def _proxies(url: str) -> dict | None:
    """Never ask a proxy for this machine's own addresses; for all others the usual environment applies."""
    host = urlsplit(url).hostname or ""
    return {"no_proxy": host} if is_this_machine(host) else None


def is_this_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or host in ("127.0.0.1", "::1")
