"""Apps and their users for the faults: app clients that rotate or redeem codes, and what their users hold.

Owns how tokens and codes come about before a test begins; made from inside, for it is not what is tested.
"""

from urllib.parse import parse_qs, urlencode, urlsplit

from authservice.contract import HOSTED
from tests.contract.guest import FLOWS, PASSWORD, Client, Pool
from tests.faults.guests import Answer, Guest

CALLBACK = "http://localhost:3000/callback"
BY_CODE = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"], "CallbackURLs": [CALLBACK],
           "AllowedOAuthScopes": ["openid", "aws.cognito.signin.user.admin"],
           "SupportedIdentityProviders": ["COGNITO"]}


def rotating(pool: Pool, grace: int, **settings) -> Client:
    """An app client whose refresh tokens are good for one refresh, and so many seconds of trying again."""
    return pool.client(RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": grace}, **settings)


def by_code(pool: Pool) -> Client:
    """An app client that redeems authorization codes, and whose refresh tokens rotate without a grace."""
    return rotating(pool, 0, **BY_CODE, ExplicitAuthFlows=FLOWS[:-1])


def browser(client: Client, username: str = "user-1") -> str:
    """The cookie of a browser in which this user is signed in at the pool."""
    answer = client.backend.call("InitiateAuth", {
        "ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": username, "PASSWORD": PASSWORD}}, HOSTED)
    return f"cognito.{client.pool.id}={answer['AuthenticationResult']['AccessToken']}"


def code_for(guest: Guest, client: Client, cookie: str) -> str | None:
    """An authorization code for the user of this browser, if he is still signed in."""
    asked = {"response_type": "code", "client_id": client.id, "redirect_uri": CALLBACK}
    answer = guest.get(f"/oauth2/authorize?{urlencode(asked)}", Cookie=cookie)
    return parse_qs(urlsplit(answer.location).query).get("code", [None])[0]


def redeem(guest: Guest, client: Client, code: str) -> Answer:
    return guest.post("/oauth2/token", grant_type="authorization_code", client_id=client.id, code=code,
                      redirect_uri=CALLBACK)


def rotate(guest: Guest, client: Client, token: str) -> Answer:
    return guest.call("GetTokensFromRefreshToken", ClientId=client.id, RefreshToken=token)
