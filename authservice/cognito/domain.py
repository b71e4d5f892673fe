"""With backend cognito: hands the browser flows to the pool's own domain, and its issuer's documents.

A person is redirected with the query untouched; what a program posts is forwarded with body and Authorization
header, and the answer handed back. Nothing is read, kept or imitated.
Neighbours: backend.py forwards the API.
Source: Developer Guide, "User pool endpoints and managed login reference".
"""

import json
from urllib.parse import urlencode

import requests
from flask import Blueprint, Response, g, redirect, request

from authservice.config import Settings
from authservice.watch import new_id

TIMEOUT_SECONDS = 10
LONGEST_BODY = 65_536
PAGES = ("/login", "/signup", "/forgotPassword", "/logout")
SENT_ON = ("Authorization", "Content-Type", "Accept", "User-Agent", "x-amz-user-agent")
HANDED_BACK = ("Content-Type", "Cache-Control", "Pragma", "WWW-Authenticate", "Retry-After",
               "x-amz-cognito-request-id")
CORS = {"Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "WWW-Authenticate, x-amz-cognito-request-id",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "authorization, content-type, accept, cache-control, "
        "x-amz-user-agent"}
MISSING = ("The browser flows of this user pool need its domain: "
           "set AUTHSERVICE_COGNITO_DOMAIN to https://… of the pool's domain.")


def create(settings: Settings) -> Blueprint:
    """The doors of a Cognito domain, each leading to `settings.cognito_domain`."""
    door = Blueprint("domain", __name__)
    domain = settings.cognito_domain.rstrip("/")

    @door.before_request
    def need_a_domain() -> Response | None:
        request.max_content_length = LONGEST_BODY
        if domain or request.endpoint == "domain.well_known":
            return None
        g.outcome = "NotImplementedException"
        return _refuse(501, "server_error", MISSING)

    def page() -> Response:
        """On to the same path and query at the domain."""
        query = request.query_string.decode("ascii", "replace")
        return redirect(f"{domain}{request.path}" + (f"?{query}" if query else ""), 302)

    for path in PAGES:
        door.add_url_rule(path, path[1:], page, methods=["GET"])
    door.add_url_rule("/oauth2/authorize", "authorize", page, methods=["GET"])

    @door.post("/oauth2/authorize")
    def posted_authorize() -> Response:
        """Cognito's own takes GET alone."""
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return redirect(f"{domain}/oauth2/authorize?{urlencode(given)}", 303)

    @door.post("/oauth2/token")
    @door.post("/oauth2/revoke")
    @door.route("/oauth2/userInfo", methods=["GET", "POST"])
    def forwarded() -> Response:
        """The same request at the domain, and its answer."""
        return _forward(f"{domain}{request.path}")

    @door.get("/<pool_id>/.well-known/<document>")
    def well_known(pool_id: str, document: str) -> Response:
        """On to the real issuer's document, for the pool that this service stands before."""
        if pool_id != settings.cognito_user_pool_id or document not in ("openid-configuration", "jwks.json"):
            return _refuse(404, "invalid_request", "No such document here.")
        region = settings.cognito_region or pool_id.partition("_")[0]
        issuer = settings.cognito_endpoint_url.rstrip("/") or f"https://cognito-idp.{region}.amazonaws.com"
        return redirect(f"{issuer}/{pool_id}/.well-known/{document}", 302)

    @door.after_request
    def dress(answer: Response) -> Response:
        if request.endpoint in ("domain.forwarded", "domain.well_known"):
            answer.headers.update(CORS)
        answer.headers.setdefault("Referrer-Policy", "no-referrer")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return door


def _forward(url: str) -> Response:
    headers = {name: request.headers[name] for name in SENT_ON if name in request.headers}
    if request.query_string:
        url += "?" + request.query_string.decode("ascii", "replace")
    try:
        answer = requests.request(request.method, url, data=request.get_data(), headers=headers,
                                  timeout=TIMEOUT_SECONDS, allow_redirects=False,
                                  auth=lambda prepared: prepared)  # or a .netrc would replace Authorization
    except requests.RequestException:
        g.outcome = "temporarily_unavailable"
        return _refuse(503, "temporarily_unavailable", "The domain of the user pool cannot be reached.")
    handed_back = {name: answer.headers[name] for name in HANDED_BACK if name in answer.headers}
    return Response(answer.content, answer.status_code, handed_back)


def _refuse(status: int, error: str, description: str) -> Response:
    g.request_id = new_id()
    return Response(json.dumps({"error": error, "error_description": description}), status,
                    {"x-amz-cognito-request-id": g.request_id}, content_type="application/json")
