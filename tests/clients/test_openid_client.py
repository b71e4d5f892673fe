"""openid-client, version 6: a relying party in Node.js that is given the issuer and finds the rest, in both modes.

javascript/openid.mjs is a whole stay, from sign-up to sign-out; javascript/openid_demands.mjs what an app may
demand of a sign-in. Here is said what they should have seen.
"""

import json
import time

import pyotp
import pytest

from tests.clients import node
from tests.clients.issuer import ADDRESS, PASSWORD
from tests.services import free_port, unavailable

NEWCOMER, CAREFUL = "openid-client@example.com", "careful@example.com"


@pytest.fixture(scope="module", autouse=True)
def installed():
    if reason := node.missing():
        unavailable("NODE", reason)


@pytest.fixture(scope="module")
def application() -> str:
    """An application's address; nobody answers there, for the browser-like reader ends where it begins."""
    return f"http://localhost:{free_port()}"


@pytest.fixture(scope="module")
def app(issuer, application) -> dict:
    return issuer.app(f"{application}/callback", LogoutURLs=[f"{application}/"])


def run(script: str, issuer, application: str, app: dict, **more: str) -> dict:
    given = {"issuer": issuer.url, "callback": f"{application}/callback", "app": app["ClientId"], **more}
    return node.run(script, issuer.service.url, json.dumps(given))


# A whole stay

@pytest.fixture(scope="module")
def stay(issuer, application, app) -> dict:
    machine = issuer.machine()
    return run("openid", issuer, application, app, machine=machine["ClientId"], secret=machine["ClientSecret"])


def test_the_issuer_alone_is_enough_to_sign_up_and_in(stay, issuer, app):
    assert stay["issuer"] == issuer.url
    assert stay["answered"] == ["code", "iss", "state"]
    wanted = {"iss": issuer.url, "aud": app["ClientId"], "email": NEWCOMER, "email_verified": True}
    assert stay["idToken"].items() >= wanted.items()
    assert stay["userInfo"]["sub"] == stay["idToken"]["sub"]
    assert stay["userInfo"]["email"] == NEWCOMER


def test_single_sign_on(stay):
    assert stay["singleSignOn"] and stay["silently"]


def test_a_code_works_once_and_from_its_issuer_alone(stay):
    assert stay["twice"] == "invalid_grant"
    assert stay["otherIssuer"] == ["ClientError", "invalid response encountered"]


def test_refresh_and_revocation(stay, issuer):
    assert stay["refreshed"] == [True, True] and stay["rotated"] == (issuer.mode == "strict")
    assert stay["revoked"] == "invalid_grant" and stay["deadAccessToken"] == [401, "invalid_token"]


def test_sign_out(stay, issuer):
    assert stay["signedOutAt"] and stay["afterSignOut"] == "login_required"
    # Cognito's way proves nothing: strict mode asks the person.
    by_mode = stay["signedOutCognitosWay"], stay["askedFirst"]
    assert by_mode == ((False, True) if issuer.mode == "strict" else (True, False))


def test_a_machine_signs_in_by_itself(stay):
    assert stay["machines"] == [["bearer", 3600, "orders/read"]] * 2
    assert stay["impostors"] == [[401, ["basic"]], [400, "invalid_client"]]


# What an app may demand

@pytest.fixture(scope="module")
def secret(issuer) -> str:
    """The secret of another user's authenticator app. It is set up, but no sign-in has to use it."""
    app = issuer.app("https://app.example.com/", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    issuer.add_user(CAREFUL, email_verified="true")
    tokens = issuer.cognito.initiate_auth(
        ClientId=app["ClientId"], AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": CAREFUL, "PASSWORD": PASSWORD})["AuthenticationResult"]
    secret = issuer.cognito.associate_software_token(AccessToken=tokens["AccessToken"])["SecretCode"]
    before = pyotp.TOTP(secret).at(time.time() - 30)  # the present code is for the sign-in
    issuer.cognito.verify_software_token(AccessToken=tokens["AccessToken"], UserCode=before)
    return secret


@pytest.fixture(scope="module")
def demands(issuer, application, app, secret) -> dict:
    return run("openid_demands", issuer, application, app, username=ADDRESS, careful=CAREFUL,
               password=PASSWORD, secret=secret)


def test_discovery_by_rfc_8414_finds_the_same(demands, issuer):
    well_known = f"{issuer.service.url}/.well-known/oauth-authorization-server"
    assert demands["discoveredAt"] == [f"{well_known}/{issuer.pool_id}"]
    assert demands["sameMetadata"]


def test_max_age_asks_again_once_it_is_over(demands):
    assert demands["youngEnough"] is True
    assert demands["tooOld"] == ["/login", True]
    assert demands["tooOldSilently"] == "login_required"


def test_prompt_login_asks_again(demands):
    assert demands["askedAgain"] == ["/login", True]


def test_a_level_that_the_session_has_is_told(demands):
    assert demands["password"] == {"acr": "urn:cognito:loa:1", "amr": ["pwd"]}
    assert demands["notAsked"] == {}


def test_a_higher_level_is_a_sign_in_with_the_authenticator_app(demands):
    assert demands["stepUp"] == ["/login", "/mfa"]
    assert demands["withCode"] == {"acr": "urn:cognito:loa:4", "amr": ["pwd", "otp", "mfa"]}
    assert demands["afterwardsSilently"] == demands["afterRefresh"] == demands["withCode"]


def test_a_level_out_of_the_users_reach_is_passed_over(demands):
    assert demands["outOfReach"] == {"acr": "urn:cognito:loa:1", "amr": ["pwd"]}


def test_single_claims_are_a_matter_of_the_mode(demands, issuer):
    """Besides `openid` alone: Cognito shows everything then, OpenID Connect nothing but what was named."""
    shown = {"email", "email_verified", "phone_number", "phone_number_verified", "name"}
    named = {"idToken": {"phone_number"}, "userInfo": {"name"}}
    for place, names in named.items():
        assert set(demands["claims"][place]) & shown == (names if issuer.mode == "strict" else shown), place


def test_the_types_of_user_info_are_a_matter_of_the_mode(demands, issuer):
    verified = [True, False] if issuer.mode == "strict" else ["true", "false"]
    assert demands["verified"] == verified


def test_pkce_is_a_matter_of_the_mode(demands, issuer):
    assert demands["withoutPkce"] == ("invalid_request" if issuer.mode == "strict" else "a code")


def test_a_refresh_token_used_twice_is_a_matter_of_the_mode(demands, issuer):
    """A public client's rotates in strict mode, and who shows the old one again ends the family."""
    again = ["invalid_grant", "invalid_grant"] if issuer.mode == "strict" else ["tokens", "tokens"]
    assert demands["refreshTokenAgain"] == again
