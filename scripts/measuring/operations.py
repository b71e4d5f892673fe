"""What the service is asked: each operation's requests, the proof of success, its limit and its target.

Owns that list. A sign-in by SRP takes two requests with arithmetic of the client between them, which is not the
service's: first requests are sent while the clock runs, then it stands still while the client's part of them all is
computed, and runs again for the second requests.
"""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlencode

from . import srp_client
from .generator import Connection, Load, batch, steady
from .world import SCOPE, World, body

MOST_REQUESTS = 2000
"""So many different requests are prepared, for users taken at random."""
FIRST_HALVES = 0.4
"""Part of the time in which SRP's first requests are sent; their second ones take the rest."""


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    about: str
    limit: str
    """A piece of limits.py, or `route`."""
    uses: int
    """How many such pieces one of it needs."""
    target: float
    """The part of the limit to reach."""
    proof: bytes
    """What stands in its success and in no refusal."""
    requests: Callable[[World], list[bytes]]

    def measure(self, connections: list[Connection], world: World, requests: list[bytes], seconds: float) -> Load:
        """Ask for so many seconds; every answer is a proved success, or Refused is raised."""
        return steady(connections, requests, self.proof, seconds)


class SignInBySrp(Operation):
    """The one of two requests, see the head of this file."""

    def measure(self, connections: list[Connection], world: World, requests: list[bytes], seconds: float) -> Load:
        challenges, first = batch(connections, cycle(requests), b'"PASSWORD_VERIFIER"', FIRST_HALVES * seconds)
        answers = [second_request(world, body(challenge)) for challenge in challenges]
        done, second = batch(connections, iter(answers), self.proof)
        return Load(len(done), first.seconds + second.seconds, first.cpu + second.cpu, len(done))


# --- the requests -------------------------------------------------------------------------------------------

def refresh(world: World) -> list[bytes]:
    return [world.api("InitiateAuth", ClientId=world.client_id, AuthFlow="REFRESH_TOKEN_AUTH",
                      AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}) for tokens in world.tokens]


def client_credentials(world: World) -> list[bytes]:
    credentials = base64.b64encode(":".join(world.machine).encode()).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {credentials}"}
    form = urlencode({"grant_type": "client_credentials", "scope": SCOPE}).encode()
    return [world.request("POST", "/oauth2/token", headers, form)]


def password(world: World) -> list[bytes]:
    return [world.sign_in(name) for name in at_random(world.names)]


def srp(world: World) -> list[bytes]:
    return [world.api("InitiateAuth", ClientId=world.client_id, AuthFlow="USER_SRP_AUTH",
                      AuthParameters={"USERNAME": name, "SRP_A": srp_client.A}) for name in at_random(world.srp_names)]


def second_request(world: World, challenge: dict) -> bytes:
    """RespondToAuthChallenge for an answer that asks PASSWORD_VERIFIER."""
    responses = srp_client.responses(world.pool_id, challenge["ChallengeParameters"])
    return world.api("RespondToAuthChallenge", ClientId=world.client_id, ChallengeName="PASSWORD_VERIFIER",
                     Session=challenge.get("Session"), ChallengeResponses=responses)


def get_user(world: World) -> list[bytes]:
    return [world.api("GetUser", AccessToken=tokens["AccessToken"]) for tokens in world.tokens]


def admin_get_user(world: World) -> list[bytes]:
    return [world.api("AdminGetUser", UserPoolId=world.pool_id, Username=name) for name in at_random(world.names)]


def user_info(world: World) -> list[bytes]:
    return [world.request("GET", "/oauth2/userInfo", {"Authorization": f"Bearer {token}"})
            for token in world.domain_tokens]


def jwks(world: World) -> list[bytes]:
    return [world.request("GET", f"/{world.pool_id}/.well-known/jwks.json")]


def discovery(world: World) -> list[bytes]:
    return [world.request("GET", f"/{world.pool_id}/.well-known/openid-configuration")]


def at_random(names: list[str]) -> list[str]:
    return random.sample(names, min(len(names), MOST_REQUESTS))


OPERATIONS = [
    Operation("refresh", "InitiateAuth REFRESH_TOKEN_AUTH", "rsa", 2, 0.45, b'"AccessToken"', refresh),
    Operation("client-credentials", "POST /oauth2/token", "rsa", 1, 0.40, b'"access_token"', client_credentials),
    Operation("password", "InitiateAuth USER_PASSWORD_AUTH", "argon2", 1, 0.85, b'"RefreshToken"', password),
    SignInBySrp("srp", "InitiateAuth USER_SRP_AUTH and its answer", "srp", 1, 0.50, b'"RefreshToken"', srp),
    Operation("get-user", "GetUser", "route", 1, 0.35, b'"UserAttributes"', get_user),
    Operation("admin-get-user", "AdminGetUser", "route", 1, 0.35, b'"UserStatus"', admin_get_user),
    Operation("user-info", "GET /oauth2/userInfo", "route", 1, 0.35, b'"sub"', user_info),
    Operation("jwks", "GET …/jwks.json", "route", 1, 0.35, b'"keys"', jwks),
    Operation("discovery", "GET …/openid-configuration", "route", 1, 0.35, b'"jwks_uri"', discovery),
]

