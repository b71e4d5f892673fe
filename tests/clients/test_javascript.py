"""Clients that others wrote in JavaScript for Cognito, unmodified: Amazon's own, the AWS SDK.

Each script in javascript/ uses one of them against the served service with the demo's pool, and prints what
it saw; here is said what it should have seen. The clients come from npm.
"""

from functools import cache

import pytest

from tests.clients import node
from tests.services import free_port, unavailable
from tests.services.server import ROOT, command, running_service

POOL, OWN_FORM = "us-east-1_Demo00001", "demositeownform00000000001"
KEY, SECRET = "TESTSADMINISTRATOR", "secret-of-the-tests-administrator"
WRONG_PASSWORD = ["NotAuthorizedException", "Incorrect username or password."]
WRONG_MAILED_CODE = ["CodeMismatchException", "Invalid verification code provided, please try again."]
WRONG_SET_UP_CODE = ["EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA"]
WRONG_CODE = ["CodeMismatchException", "Invalid code or auth state for the user."]
USED_CODE = ["ExpiredCodeException", "Your software token has already been used once."]
REVOKED_ACCESS = ["NotAuthorizedException", "Access Token has been revoked"]
REVOKED_REFRESH = ["NotAuthorizedException", "Refresh Token has been revoked"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The service with the demo's pool; with access keys, so that the SDK's signatures are verified."""
    if reason := node.missing():
        unavailable("NODE", reason)
    instance, port = tmp_path_factory.mktemp("javascript"), free_port()
    settings = {"AUTHSERVICE_PUBLIC_URL": f"http://localhost:{port}",
                "AUTHSERVICE_ACCESS_KEYS": f"{KEY}:{SECRET}"}
    seeded = command(instance, "seed", ROOT / "authservice" / "demo" / "seed.toml", env=settings)
    assert seeded.returncode == 0, seeded.stderr
    with running_service(instance, settings, port=port) as running:
        yield running


@pytest.fixture(scope="module")
def script(service):
    """Run a script of javascript/, once, and answer what it saw."""
    return cache(lambda name, *arguments: node.run(name, service.url, *arguments))


class TestIdentityJs:
    """amazon-cognito-identity-js, version 6."""

    ADDRESS = "identity-js@example.com"

    @pytest.fixture
    def seen(self, script):
        return script("identity_js")

    def test_a_newcomer_signs_up_and_confirms(self, seen):
        assert seen["confirmedAtOnce"] is False
        delivery = {"Destination": "i***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
        assert seen["delivery"] == delivery
        assert seen["unconfirmed"] == ["UserNotConfirmedException", "User is not confirmed."]
        assert seen["wrongMailedCode"] == WRONG_MAILED_CODE and seen["confirmation"] == "SUCCESS"

    def test_srp_signs_in(self, seen, service):
        assert seen["wrongPassword"] == WRONG_PASSWORD
        ours = {"iss": f"{service.url}/{POOL}", "sub": seen["sub"]}
        identity = {"token_use": "id", "aud": OWN_FORM, "email": self.ADDRESS, "email_verified": True}
        access = {"token_use": "access", "client_id": OWN_FORM, "scope": "aws.cognito.signin.user.admin"}
        assert seen["idToken"].items() >= {**ours, **identity}.items()
        assert seen["accessToken"].items() >= {**ours, **access}.items()
        assert seen["attributes"] == {"sub": seen["sub"], "email": self.ADDRESS, "email_verified": "true"}

    def test_an_authenticator_app(self, seen):
        assert seen["wrongSetUpCode"] == WRONG_SET_UP_CODE
        assert seen["setUp"] == "SUCCESS" and seen["preference"] == "SUCCESS"
        assert seen["challenge"] == "SOFTWARE_TOKEN_MFA"
        assert seen["wrongCode"] == WRONG_CODE and seen["usedCode"] == USED_CODE
        assert seen["username"] == seen["sub"]

    def test_refresh_and_a_new_password(self, seen):
        assert seen["refreshed"] and seen["sameSession"]
        assert seen["changeByWrong"] == WRONG_PASSWORD and seen["changed"] == "SUCCESS"
        assert seen["oldPassword"] == WRONG_PASSWORD

    def test_sign_out_everywhere(self, seen):
        assert seen["signedOut"] == "SUCCESS"
        assert seen["deadAccessToken"] == REVOKED_ACCESS and seen["deadRefreshToken"] == REVOKED_REFRESH

    def test_in_a_page_of_another_origin(self, service, page):
        """The browser itself decides by our CORS headers what the page may send and read."""
        # Another name is another origin; but on loopback, since Chromium lets no other page call there.
        page.goto(service.url.replace("//localhost:", "//127.0.0.1:"))
        library = node.MODULES / "amazon-cognito-identity-js" / "dist" / "amazon-cognito-identity.min.js"
        page.add_script_tag(path=library)
        sign_in = """([endpoint, UserPoolId, ClientId, Password]) => new Promise((resolve) => {
            const { CognitoUserPool, CognitoUser, AuthenticationDetails } = AmazonCognitoIdentity;
            const Pool = new CognitoUserPool({ UserPoolId, ClientId, endpoint });
            const user = new CognitoUser({ Username: 'demo@example.com', Pool });
            user.authenticateUser(new AuthenticationDetails({ Username: 'demo@example.com', Password }), {
                onSuccess: (session) => resolve(session.getIdToken().payload.email),
                onFailure: (error) => resolve([error.code, error.message]),
            });
        })"""
        asked = [service.url, POOL, OWN_FORM]
        assert page.evaluate(sign_in, [*asked, "Wrong-Passw0rd!"]) == WRONG_PASSWORD
        assert page.evaluate(sign_in, [*asked, "Demo-Passw0rd!"]) == "demo@example.com"


class TestAmplify:
    """aws-amplify, version 6, its category Auth."""

    ADDRESS = "amplify@example.com"

    @pytest.fixture
    def seen(self, script):
        return script("amplify")

    def test_a_newcomer_signs_up_and_confirms(self, seen):
        delivery = {"deliveryMedium": "EMAIL", "destination": "a***@e***", "attributeName": "email"}
        assert seen["signUpStep"] == {"signUpStep": "CONFIRM_SIGN_UP", "codeDeliveryDetails": delivery}
        assert seen["twice"][0] == "UsernameExistsException"
        assert seen["unconfirmed"] == "CONFIRM_SIGN_UP"
        assert seen["wrongMailedCode"] == WRONG_MAILED_CODE and seen["confirmation"] == "DONE"

    def test_srp_signs_in(self, seen, service):
        assert seen["wrongPassword"] == WRONG_PASSWORD and seen["entered"] == "DONE"
        details = {"loginId": self.ADDRESS, "authFlowType": "USER_SRP_AUTH"}
        assert seen["currentUser"]["signInDetails"] == details
        assert seen["currentUser"]["userId"] == seen["sub"]
        for token in seen["idToken"], seen["accessToken"]:
            assert token["iss"] == f"{service.url}/{POOL}" and token["sub"] == seen["sub"]

    def test_attributes_and_refresh(self, seen):
        assert seen["attributes"] == {"sub": seen["sub"], "email": self.ADDRESS, "email_verified": "true"}
        assert seen["name"] == "Somebody"
        assert seen["refreshed"]

    def test_an_authenticator_app(self, seen):
        assert seen["setupUri"] and seen["wrongSetUpCode"] == WRONG_SET_UP_CODE
        assert seen["preference"] == {"preferred": "TOTP", "enabled": ["TOTP"]}
        assert seen["challenge"] == "CONFIRM_SIGN_IN_WITH_TOTP_CODE"
        assert seen["wrongCode"] == WRONG_CODE and seen["confirmed"] == "DONE"
        assert seen["usedCode"] == USED_CODE

    def test_sign_out_here_revokes_the_refresh_token(self, seen):
        assert seen["forgotten"] and seen["revoked"] == REVOKED_REFRESH

    def test_sign_out_everywhere(self, seen):
        assert seen["signedOut"][0] == "UserUnAuthenticatedException"
        assert seen["deadAccessToken"] == REVOKED_ACCESS

    def test_a_forgotten_password(self, seen):
        assert seen["recovery"]["resetPasswordStep"] == "CONFIRM_RESET_PASSWORD_WITH_CODE"
        assert seen["recovered"] == "CONFIRM_SIGN_IN_WITH_TOTP_CODE"

    def test_a_sign_up_may_end_signed_in(self, seen):
        assert seen["automatic"] == ["CONFIRM_SIGN_UP", "COMPLETE_AUTO_SIGN_IN", True]
        assert seen["automaticUser"] == "amplify-auto@example.com"


class TestSdk:
    """The AWS SDK for JavaScript, version 3."""

    @pytest.fixture
    def seen(self, script):
        return script("sdk", KEY, SECRET)

    def test_its_signatures_are_verified(self, seen):
        assert seen["impostor"][0] == "InvalidSignatureException"

    def test_a_pool_is_administered(self, seen):
        assert seen["dates"] == [True, True]
        assert seen["tags"] == {"team": "blue"} and seen["mfa"] == "OPTIONAL"
        assert seen["status"] == "FORCE_CHANGE_PASSWORD" and seen["found"] == ["user-1"]
        assert seen["pages"] == [2, 2]

    def test_a_user_signs_in_through_a_backend(self, seen):
        assert seen["challenge"] == "NEW_PASSWORD_REQUIRED" and seen["groups"] == ["staff"]
        assert seen["secondChallenge"] == "SOFTWARE_TOKEN_MFA" and seen["user"] == ["SOFTWARE_TOKEN_MFA"]
        assert seen["signedOut"] == REVOKED_ACCESS
        assert seen["disabled"] == ["NotAuthorizedException", "User is disabled."]

    def test_refusals_are_exceptions_of_its_model(self, seen):
        assert seen["typed"] == [True, 400, True]
        assert seen["tooShort"][0] == "InvalidPasswordException"
        assert seen["gone"][0] == "ResourceNotFoundException"


class TestJwtVerify:
    """aws-jwt-verify, version 5."""

    @pytest.fixture
    def seen(self, script):
        return script("verifier")

    def test_tokens_are_verified_by_issuer_and_keys(self, seen, service):
        assert seen["idToken"]["cognito:groups"] == seen["accessToken"]["cognito:groups"] == ["readers"]
        assert seen["fetched"] == [f"{service.url}/{POOL}/.well-known/jwks.json"]

    def test_other_tokens_are_refused(self, seen):
        assert seen["otherAudience"][1] == f"Audience not allowed: {OWN_FORM}. Expected: another"
        assert seen["otherUse"][1] == "Token use not allowed: access. Expected: id"
        assert seen["otherGroup"][1] == "Cognito group not allowed: readers. Expected: editors"
        assert seen["tampered"][1] == "Invalid signature"

    def test_its_verifier_for_cognito_knows_no_issuer_but_amazons(self, seen, service):
        """The library's limit: JwtVerifier is for the others."""
        assert seen["cognitoVerifier"][1] == f"issuer not configured: {service.url}/{POOL}"
