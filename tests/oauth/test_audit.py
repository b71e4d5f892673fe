"""The audit trail of the OAuth endpoints and login pages, and that no secret of a whole journey is in it."""

import base64
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from authservice import create_app
from authservice.errors import CognitoError
from authservice.local import history
from authservice.local.call import Call
from tests.conftest import HeldToTheModel
from tests.contract.guest import Authenticator, Inbox, Pool, attribute_list
from tests.contract.srp_client import SrpClient
from tests.hosted.guest import Guest
from tests.oauth.provider import CALLBACK, NAME, PASSWORD, PKCE, VERIFIER

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@pytest.fixture(autouse=True)
def after_the_provider_was_made(provider):
    provider.clock.advance(seconds=1)


def history_of(provider, **wanted) -> list[dict]:
    """The events of requests to pages and endpoints, the oldest first."""
    provider.backend.trail.flush()
    return provider.backend.run(lambda call: list(history.look_up(call, **wanted)))[::-1]


def test_a_token_request_is_an_event_as_cognito_has_it(provider):
    answer = provider.redeem(provider.code(**PKCE), code_verifier=VERIFIER)
    [event] = history_of(provider, name="Token_POST")
    assert event.pop("requestID") == answer.headers["x-amz-cognito-request-id"] and event.pop("eventID")
    assert event.pop("userAgent").startswith("python-requests")
    assert event == {
        "eventVersion": "1.08", "userIdentity": {"accountId": "000000000000"}, "eventTime": "2026-03-01T12:00:01Z",
        "eventSource": "cognito-idp.amazonaws.com", "eventName": "Token_POST", "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1", "requestParameters": None, "responseElements": None,
        "additionalEventData": {
            "responseParameters": {"status": 200}, "userPoolDomain": urlsplit(provider.url).netloc,
            "requestParameters": {"client_id": [provider.web["ClientId"]], "grant_type": ["authorization_code"],
                                  "code": [HIDDEN], "redirect_uri": [CALLBACK], "code_verifier": [HIDDEN]},
            "userPoolId": provider.pool_id, "sub": provider.who()["UserAttributes"][0]["Value"]},
        "readOnly": False, "eventType": "AwsServiceEvent", "managementEvent": True,
        "recipientAccountId": "000000000000", "serviceEventDetails": {"serviceAccountId": "000000000000"},
        "eventCategory": "Management"}


def test_a_change_by_an_endpoint_and_its_event_are_one(provider, monkeypatch):
    code = provider.code()

    def full(*_) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Call, "_send_commit", full)  # all is written by then
        assert provider.redeem(code).status_code == 500
    assert provider.redeem(code).status_code == 200  # nothing had been spent
    told = [event["additionalEventData"]["responseParameters"]["status"] for event in history_of(provider, name="Token_POST")]
    assert told == [500, 200]


def test_the_event_of_a_change_is_there_when_the_answer_is(provider):
    provider.redeem(provider.code())
    sub = provider.who()["UserAttributes"][0]["Value"]
    found = provider.backend.run(lambda call: list(history.look_up(call, user=sub)))
    assert {"OAuth2_Authorize_GET", "Token_POST"} <= {event["eventName"] for event in found}


@pytest.mark.parametrize(("ask", "name", "code"), [
    (lambda provider: provider.redeem("none"), "Token_POST", "invalid_grant"),
    (lambda provider: provider.authorize(client_id="none"), "OAuth2_Authorize_GET", "invalid_client"),
    (lambda provider: provider.user_info({"access_token": "none"}), "UserInfo_GET", "invalid_token"),
    (lambda provider: provider.post("/oauth2/revoke", {"token": "none", "client_id": "none"}), "Revoke_POST",
     "invalid_client"),
    (lambda provider: provider.get("/logout?client_id=none"), "Logout", "invalid_client"),
    (lambda provider: provider.get("/login"), "Login_GET", "invalid_client")])
def test_a_refused_request_is_an_event_with_its_error(provider, ask, name, code):
    ask(provider)
    event = history_of(provider)[-1]
    assert (event["eventName"], event["errorCode"]) == (name, code)


def test_published_documents_are_no_events(provider):
    before = len(history_of(provider))
    provider.get(f"/{provider.pool_id}/.well-known/jwks.json")
    provider.get(f"/{provider.pool_id}/.well-known/openid-configuration")
    provider.get("/hosted/static/style.css")
    assert len(history_of(provider)) == before


def test_an_address_is_told_without_what_an_app_adds_to_it(provider):
    provider.authorize(redirect_uri="https://me:secret@app.example/back?token=secret#secret", state="secret")
    event = history_of(provider)[-1]
    asked = event["additionalEventData"]["requestParameters"]
    assert asked["redirect_uri"] == ["https://app.example/back"] and asked["state"] == [HIDDEN]


class Secrets(list):
    """What must be in no event, as text; `add` gives its first value on."""

    def add(self, *values: str) -> str:
        self.extend(value for value in values if value not in self)
        return values[0]

    def found_in(self, text: str) -> list[str]:
        return [secret for secret in self if any(form in text for form in forms(secret)) or
                secret.isdigit() and re.search(rf"(?<![0-9a-f]){secret}(?![0-9a-f])", text)]


def forms(secret: str):
    """A secret as it is, in base64 and in hex, and each long part of a token; a short code alone is looked for as a
    word, for its digits stand in many an id."""
    data = secret.encode()
    yield from [data.hex(), base64.b64encode(data).decode().rstrip("="), *([] if secret.isdigit() else [secret])]
    yield from (part for part in secret.split(".") if len(part) > 40)


def test_no_secret_of_a_whole_journey_is_in_an_event_or_in_the_log(provider, monkeypatch):
    secrets = Secrets([PASSWORD, VERIFIER, NAME, provider.clients["server"]["ClientSecret"]])
    log = provider.backend.settings.instance / "audit.log"
    monkeypatch.setattr(provider.backend.trail, "_log", log)
    for journey in (by_the_api, by_an_administrator, by_oauth, by_the_pages):
        journey(provider, secrets)
    names = {event["eventName"] for event in history_of(provider)}
    assert len(secrets) > 40 and names > {"SignUp", "RespondToAuthChallenge", "Token_POST", "MfaRegister_POST"}
    with provider.backend.engine.connect() as connection:
        stored = "\n".join(str(row) for row in connection.exec_driver_sql("SELECT * FROM events"))
    for text in (stored, log.read_text()):
        assert "Login_POST" in text and secrets.found_in(text) == []


def by_the_api(provider, secrets: Secrets) -> None:
    """Sign up, sign in by password and SRP, an authenticator app, change, forget, sign out, by an app with a secret."""
    held, inbox, clock = HeldToTheModel(provider.backend), Inbox(provider.backend), provider.clock
    name, first, second, third = "api-user@example.com", *(f"S3cret-passw0rd-{n}!" for n in "abc")
    pool = Pool.make(held, inbox, mfa="OPTIONAL")
    client = pool.client(GenerateSecret=True)
    client.sign_up("api-user", first, email=name, name="A-name-of-theirs")
    secrets.add(first, second, third, client.secret, client.hash("api-user"), name, "api-user", "A-name-of-theirs")
    client.confirm("api-user", secrets.add(inbox.code(name)))
    tokens = client.tokens("api-user", first)
    access = {"AccessToken": secrets.add(tokens["AccessToken"], tokens["IdToken"], tokens["RefreshToken"])}
    client.refresh(tokens["RefreshToken"], SECRET_HASH=client.hash("api-user"))
    app = Authenticator.of(held, clock, **access)
    held.call("VerifySoftwareToken", {**access, "UserCode": secrets.add(app.code(), app.secret)})
    held.call("SetUserMFAPreference", {**access, "SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}})
    session = secrets.add(client.sign_in("api-user", first)["Session"])
    client.answer_totp(session, secrets.add(app.code(1)), "api-user")
    srp = SrpClient(client, "api-user", first)
    srp.begin()
    secrets.add(*(srp.parameters[part] for part in ("SALT", "SECRET_BLOCK", "SRP_B")), f"{srp.a_public:x}")
    secrets.add(srp.answer(clock())["Session"], srp.proof(clock())["PASSWORD_CLAIM_SIGNATURE"])
    held.call("GetUser", access)
    held.call("ChangePassword", {**access, "PreviousPassword": first, "ProposedPassword": second})
    held.call("GlobalSignOut", access)
    client.call("ForgotPassword", "api-user")
    client.call("ConfirmForgotPassword", "api-user", Password=third, ConfirmationCode=secrets.add(inbox.code(name)))
    with pytest.raises(CognitoError):
        client.sign_in("api-user", secrets.add("S3cret-slip-of-mine!"))


def by_an_administrator(provider, secrets: Secrets) -> None:
    pool = Pool(HeldToTheModel(provider.backend), Inbox(provider.backend), provider.pool_id)
    name, temporary, lasting = "admin-made@example.com", "T3mporary-one!", "S3cret-set-by-admin!"
    secrets.add(name, temporary, lasting, "Familyname-of-theirs")
    pool.invited(name, temporary)
    pool.call("AdminUpdateUserAttributes", name, UserAttributes=attribute_list({"family_name": "Familyname-of-theirs"}))
    pool.call("AdminSetUserPassword", name, Password=lasting, Permanent=True)
    pool.call("ListUsers", Filter=f'email = "{name}"')
    server = provider.clients["server"]["ClientId"]
    secrets.add(pool.call("AddUserPoolClientSecret", ClientId=server)["ClientSecretDescriptor"]["ClientSecretValue"])


def by_oauth(provider, secrets: Secrets) -> None:
    """A code, its redemption in both ways to prove oneself, refresh, the user's claims, revocation, sign-out."""
    browser, server = provider.browser(), provider.clients["server"]
    by_body = {"client_id": server["ClientId"], "client_secret": server["ClientSecret"]}
    secrets.add(*browser.cookies.values())
    code = secrets.add(provider.code(server, browser, **PKCE))
    tokens = provider.redeem(code, server, code_verifier=VERIFIER).json()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    secrets.add(access, refresh, tokens["id_token"])
    assert provider.refresh(tokens, server).status_code == provider.user_info(tokens).status_code == 200
    provider.post("/oauth2/token", {"grant_type": "authorization_code", "code": code, **by_body})
    provider.post("/oauth2/userInfo", {"access_token": access})
    provider.post("/oauth2/revoke", {"token": refresh, **by_body})
    provider.get("/logout", browser, params={"client_id": server["ClientId"], "id_token_hint": tokens["id_token"]})


def by_the_pages(provider, secrets: Secrets) -> None:
    """Sign in after a slip and set up an authenticator app, on the login pages."""
    provider.call("SetUserPoolMfaConfig", UserPoolId=provider.pool_id, MfaConfiguration="ON",
                  SoftwareTokenMfaConfiguration={"Enabled": True})
    guest = Guest(create_app(provider.backend.settings, backend=provider.backend).test_client(), provider.url)
    guest.open(f"/oauth2/authorize?{urlencode(provider.request_of())}")
    for password in (secrets.add("S3cret-slip-on-a-page!"), PASSWORD):
        guest.fill_in("Sign in", {"Email address": NAME, "Password": password})
    [key] = guest.page.root.all("p", **{"class": "secret"})
    app = Authenticator(secrets.add(key.text.replace(" ", "")), provider.clock)
    guest.fill_in("Turn on and continue", {"Six-digit code": secrets.add(app.code())})
    secrets.add(dict(parse_qsl(urlsplit(guest.left_to).query))["code"])
