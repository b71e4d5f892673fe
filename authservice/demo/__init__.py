"""The demo site: a small application that lets people sign in with the service.

Owns: a relying party of its own (own process, own port) that shows both ways to integrate and every HTTP step
it takes. It knows the service by its URLs only and imports nothing of it: copy this folder and it still
works, also against Amazon Cognito. Does not own: pages where a password is typed on the hosted way, or any
rule about users.

Reading order: hosted_way.py, provider.py, tokens.py, then api_way.py, service_api.py, account_page.py.

Tokens stay in this process's memory (sessions.py): several workers would not share it, so the site runs one
worker.
"""
import os
from urllib.parse import urlsplit

from flask import Flask, current_app, render_template

from authservice.demo import (
    account, account_page, api_way, exchange, glossary, hosted_way, journey, marks, sessions)
from authservice.demo.problems import Problem
from authservice.demo.provider import Provider
from authservice.demo.service_api import ServiceApi

SEEDED_POOL = "us-east-1_Demo00001"                 # pinned in seed.toml, as all of these
SEEDED_CLIENT = "demositehosted000000000001"
SEEDED_API_CLIENT = "demositeownform00000000001"
SEEDED_USER = ("demo@example.com", "Demo-Passw0rd!")


def create_app(settings: dict | None = None) -> Flask:
    """Build the site. `settings` (keys as in read_settings) win over the environment."""
    app = Flask(__name__)
    site = read_settings(settings or {})
    app.config.update(SITE=site, MAX_CONTENT_LENGTH=64 * 1024)
    app.session_interface = sessions.ServerSideSessions(secure=site["url"].startswith("https:"))
    app.extensions["trust"] = exchange.trust(site["ca"])
    app.extensions["provider"] = Provider(site["issuer"])
    app.extensions["service_api"] = ServiceApi(site["api"])

    app.before_request(sessions.require_csrf_token)
    app.after_request(_security_headers)
    app.register_error_handler(Problem, _problem_page)
    app.register_error_handler(404, _not_found)
    app.jinja_env.filters.update(moment=glossary.moment, meaning=glossary.claim, error_meaning=glossary.error,
                                 grouped=glossary.grouped, as_json=marks.json, as_token=marks.token)
    app.context_processor(lambda: {
        "site": site,
        "csrf_token": sessions.csrf_token,
        "account": account.current(),
        "demo_user": SEEDED_USER if site["client_id"] == SEEDED_CLIENT else None,
    })

    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    for door in (hosted_way, api_way, account_page):
        app.register_blueprint(door.blueprint)
    return app


def read_settings(given: dict) -> dict[str, str]:
    """`given`, else AUTHSERVICE_DEMO_<NAME> of the environment, else what fits seed.toml and the usual ports.

    issuer: the pool's issuer URL (else the demo pool at AUTHSERVICE_PUBLIC_URL); url: this site's own URL;
    client_id: app client of the hosted way; api: URL of the JSON API; api_client_id: app client of the own
    form; outbox: page with the sent codes, "" for none; ca: file (PEM) of a certificate authority to trust
    besides the usual ones, "" for none.
    """
    def read(name: str, default: str) -> str:
        value = given.get(name)
        return os.environ.get(f"AUTHSERVICE_DEMO_{name.upper()}", default) if value is None else value

    service = os.environ.get("AUTHSERVICE_PUBLIC_URL", "http://localhost:8400").rstrip("/")
    issuer = read("issuer", f"{service}/{SEEDED_POOL}").rstrip("/")
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {
        "issuer": issuer,
        "url": read("url", "http://localhost:8401").rstrip("/"),
        "client_id": read("client_id", SEEDED_CLIENT),
        "api": read("api", origin).rstrip("/"),
        "api_client_id": read("api_client_id", SEEDED_API_CLIENT),
        "outbox": read("outbox", f"{origin}/outbox"),
        "ca": read("ca", ""),
    }


def _home():
    return render_template("home.html", journeys=journey.take_farewell())


def _problem_page(problem: Problem):
    return render_template("problem.html", problem=problem), problem.status


def _not_found(_error):
    return _problem_page(Problem("There is no such page", "The address may be mistyped.", status=404))


def _security_headers(response):
    """Everything from here, nothing inline, never in a frame.

    form-action names the service too: browsers hold the redirect that follows a posted form against it, and
    "Sign out" is such a form.
    """
    targets = " ".join(["'self'", *current_app.extensions["provider"].origins()])
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
        f"form-action {targets}; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    site = urlsplit(current_app.config["SITE"]["url"])
    # Not on a developer's machine: the browser would refuse plain http on all its other ports too.
    if site.scheme == "https" and not exchange.is_this_machine(site.hostname):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
