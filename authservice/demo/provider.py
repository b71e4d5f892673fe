"""The OpenID provider as an application sees it: everything is found from the issuer URL.

Owns: discovery (OpenID Connect Discovery 1.0) and the public keys (JWKS, RFC 7517), both kept for a while.
Neighbours: hosted_way.py asks for endpoints, tokens.py for keys.
"""
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import jwt
from flask import current_app

from authservice.demo import exchange
from authservice.demo.journey import Journey, Step
from authservice.demo.problems import Problem

SEED = Path(__file__).with_name("seed.toml")
KEPT_FOR = 300              # seconds: cheap, and a change of the service's configuration is soon followed


def provider() -> "Provider":
    """The provider of the site that is answering now."""
    return current_app.extensions["provider"]


class Provider:
    def __init__(self, issuer: str):
        self.issuer = issuer
        self._metadata: dict | None = None
        self._metadata_step: Step | None = None
        self._metadata_at = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_step: Step | None = None
        self._lock = threading.Lock()

    def metadata(self, journey: Journey) -> dict:
        """The discovery document. Refuses one that names another issuer (Discovery, section 4.3)."""
        if self._metadata is not None and self._metadata_at > time.monotonic() - KEPT_FOR:
            journey.known_before(self._metadata_step)
            return self._metadata
        answer = exchange.send(
            journey, "Find the endpoints", "One URL, the issuer, is all this site is configured with. The "
            "discovery document tells the rest, so nothing else can be wrong or go stale.",
            "GET", f"{self.issuer}/.well-known/openid-configuration")
        if not answer.ok or not isinstance(answer.body, dict):
            raise Problem("The service does not know this pool",
                          f"No discovery document at {answer.step.url}.",
                          advice="Seed the demo pool, or set AUTHSERVICE_DEMO_ISSUER to a pool that exists.",
                          commands=(f"authservice seed {SEED}",), journey=journey, status=503)
        if answer.body.get("issuer") != self.issuer:
            answer.step.failed = True
            raise Problem("The discovery document names another issuer",
                          f"This site trusts {self.issuer}, the document says {answer.body.get('issuer')}.",
                          advice="Set AUTHSERVICE_DEMO_ISSUER and the service's AUTHSERVICE_PUBLIC_URL to "
                                 "the same address, character for character.", journey=journey, status=503)
        self._metadata, self._metadata_step, self._metadata_at = answer.body, answer.step, time.monotonic()
        return answer.body

    def endpoint(self, journey: Journey, name: str) -> str:
        url = self.metadata(journey).get(name)
        if not isinstance(url, str):
            raise Problem("The service lacks an endpoint", f"Its discovery document has no {name}.",
                          journey=journey, status=503)
        return url

    def key(self, kid: str, journey: Journey) -> jwt.PyJWK | None:
        """The public key named `kid`. An unknown one is looked for once more: it may be new."""
        with self._lock:
            if kid not in self._keys:
                self._fetch_keys(journey)
            else:
                journey.known_before(self._keys_step)
            return self._keys.get(kid)

    def origins(self) -> list[str]:
        """Origins a form of this site may lead to: the issuer's and the sign-out endpoint's, once known."""
        urls = [self.issuer, (self._metadata or {}).get("end_session_endpoint", self.issuer)]
        parts = [urlsplit(url) for url in urls]
        return sorted({f"{part.scheme}://{part.netloc}" for part in parts})

    def _fetch_keys(self, journey: Journey) -> None:
        answer = exchange.send(
            journey, "Fetch the public keys", "Tokens are signed with keys that never leave the service. "
            "Their public halves are here, so anybody can check a signature without asking again.",
            "GET", self.endpoint(journey, "jwks_uri"))
        keys = answer.body.get("keys", []) if answer.ok and isinstance(answer.body, dict) else []
        self._keys = {key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in keys
                      if key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and "kid" in key}
        self._keys_step = answer.step
