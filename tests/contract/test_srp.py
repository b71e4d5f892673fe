"""USER_SRP_AUTH over the API: the password proven without being sent, by a client of our own that can also lie."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy import select

from authservice.crypto import srp as arithmetic
from authservice.crypto.srp import N
from authservice.local.models import User
from tests.contract.guest import (INVALID_SESSION, LOCKED, PASSWORD, SESSION_EXPIRED, SESSION_USED, WRONG, claims,
                                  refused)
from tests.contract.srp_client import SrpClient, pad


def test_a_password_is_proven_without_being_sent(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    parameters = srp.begin()
    assert parameters.keys() == {"SALT", "SECRET_BLOCK", "SRP_B", "USERNAME", "USER_ID_FOR_SRP"}
    assert parameters["USERNAME"] == parameters["USER_ID_FOR_SRP"] == "user-1"
    assert len(bytes.fromhex(parameters["SALT"].zfill(32))) == 16
    answer = srp.answer(clock.now)
    assert answer["ChallengeParameters"] == {} and "RefreshToken" in answer["AuthenticationResult"]


def test_a_group_joined_between_the_two_steps_is_in_the_tokens(pool, app_client, clock):
    pool.user()
    pool.call("CreateGroup", GroupName="staff")
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    pool.call("AdminAddUserToGroup", "user-1", GroupName="staff")
    tokens = srp.answer(clock.now)["AuthenticationResult"]
    assert claims(tokens["IdToken"])["cognito:groups"] == claims(tokens["AccessToken"])["cognito:groups"] == ["staff"]


def test_a_client_with_a_secret_proves_both(pool, secret_client, clock):
    pool.user()
    assert "AuthenticationResult" in SrpClient(secret_client, "user-1", PASSWORD).sign_in(clock.now)


def test_an_address_is_proven_under_the_name_behind_it(make_pool, clock):
    pool = make_pool(UsernameAttributes=["email"])
    pool.user("user-1@example.com")
    srp = SrpClient(pool.client(GenerateSecret=True), "user-1@example.com", PASSWORD)
    assert srp.begin()["USER_ID_FOR_SRP"] == pool.call("AdminGetUser", "user-1@example.com")["Username"]
    assert "AuthenticationResult" in srp.answer(clock.now)
    assert srp.begin() and "AuthenticationResult" in srp.answer(clock.now, username="user-1@example.com")


def test_an_administrators_server_may_use_it_too(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin(operation="AdminInitiateAuth")
    assert "AuthenticationResult" in srp.answer(clock.now, operation="AdminRespondToAuthChallenge")


def test_a_wrong_password_ends_the_exchange(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", "Wr0ng-one!")
    srp.begin()
    assert refused(srp.answer, clock.now) == WRONG
    srp.password = PASSWORD
    assert refused(srp.answer, clock.now) == SESSION_USED
    assert "AuthenticationResult" in srp.sign_in(clock.now)


def test_a_proof_counts_once(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    srp.answer(clock.now)
    assert refused(srp.answer, clock.now) == SESSION_USED


def begin(client, a_public: str) -> dict:
    return client.begin("USER_SRP_AUTH", USERNAME="user-1", SRP_A=a_public)


def test_an_a_that_needs_no_password_is_refused(pool, app_client):
    """With A mod N = 0 the shared secret is 0, whatever the password."""
    pool.user()
    for multiple in (0, 1, 2, 7):
        assert refused(begin, app_client, f"{multiple * N:x}").startswith("InvalidParameterException: "), multiple


def test_an_a_that_is_no_number_of_the_group_is_refused(pool, app_client):
    pool.user()
    for a_public in ("", "xyz", "-2", "0x2", "f" * 800, "２"):
        assert refused(begin, app_client, a_public).startswith("InvalidParameterException: "), a_public


def test_a_guessed_shared_secret_proves_nothing(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", "unknown to the client")
    for shared in (0, 1, N - 1):
        srp.begin()
        assert refused(srp.answer, clock.now, **srp.proof(clock.now, shared)) == WRONG, shared


def test_a_made_up_signature_proves_nothing(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    for signature in (base64.b64encode(bytes(32)).decode(), "AAAA", "not base64!", "="):
        srp.begin()
        assert refused(srp.answer, clock.now, PASSWORD_CLAIM_SIGNATURE=signature) == WRONG, signature
    srp.begin()
    assert "AuthenticationResult" in srp.answer(clock.now)


def test_every_part_of_an_answer_is_needed(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    for name in ("PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"):
        assert refused(srp.answer, clock.now, **{name: ""}) == (
            f"InvalidParameterException: Missing required parameter {name}")


def test_the_clients_clock_may_be_minutes_off(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    for seconds in (-299, 299):
        srp.begin()
        assert "AuthenticationResult" in srp.answer(clock.now + timedelta(seconds=seconds))
    for seconds in (-301, 301):
        srp.begin()
        assert refused(srp.answer, clock.now + timedelta(seconds=seconds)) == WRONG


def test_a_timestamp_of_another_form_proves_nothing(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    assert refused(srp.answer, clock.now, TIMESTAMP=clock.now.isoformat()) == WRONG


def test_an_exchange_belongs_to_its_user_and_its_app_client(pool, app_client, clock):
    for username in ("user-1", "user-2"):
        pool.user(username)
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    assert refused(srp.answer, clock.now, username="user-2") == INVALID_SESSION
    other = SrpClient(pool.client(), "user-1", PASSWORD)
    other.a, other.a_public, other.parameters = srp.a, srp.a_public, srp.parameters
    assert refused(other.answer, clock.now) == INVALID_SESSION
    made_up = base64.b64encode(bytes(256)).decode()
    assert refused(srp.answer, clock.now, PASSWORD_CLAIM_SECRET_BLOCK=made_up) == INVALID_SESSION
    assert "AuthenticationResult" in srp.answer(clock.now)


def test_an_exchange_runs_out_like_a_session(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    clock.advance(minutes=3)
    assert refused(srp.answer, clock.now) == SESSION_EXPIRED


def test_the_second_half_cannot_come_first(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    block = srp.parameters["SECRET_BLOCK"]
    for challenge, response in (("NEW_PASSWORD_REQUIRED", {"NEW_PASSWORD": PASSWORD}), ("MFA_SETUP", {}),
                                ("SOFTWARE_TOKEN_MFA", {"SOFTWARE_TOKEN_MFA_CODE": "123456"})):
        assert refused(app_client.answer, challenge, block, **response) == INVALID_SESSION


def test_a_password_changed_during_the_exchange_is_the_one_that_counts(pool, app_client, clock):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    pool.backend.call("ChangePassword", {"AccessToken": token, "PreviousPassword": PASSWORD,
                                         "ProposedPassword": "An0ther-one!"})
    assert refused(srp.answer, clock.now) == WRONG


def test_what_comes_after_the_proof_is_as_with_a_password(make_pool, clock):
    pool = make_pool(mfa="ON")
    client = pool.client()
    pool.invited("user-1", "Temp0rary!")
    asked = SrpClient(client, "user-1", "Temp0rary!").sign_in(clock.now)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    asked = client.answer("NEW_PASSWORD_REQUIRED", asked["Session"], NEW_PASSWORD=PASSWORD)
    assert asked["ChallengeName"] == "MFA_SETUP"
    client.sign_up("user-2")
    assert refused(SrpClient(client, "user-2", PASSWORD).sign_in, clock.now) == (
        "UserNotConfirmedException: User is not confirmed.")
    pool.user("user-3", email="user-3@example.com")
    pool.call("AdminResetUserPassword", "user-3")
    assert refused(SrpClient(client, "user-3", PASSWORD).sign_in, clock.now) == (
        "PasswordResetRequiredException: Password reset required for the user")
    pool.user("user-4")
    pool.call("AdminDisableUser", "user-4")
    assert refused(SrpClient(client, "user-4", PASSWORD).sign_in, clock.now) == (
        "NotAuthorizedException: User is disabled.")


def test_wrong_proofs_lock_as_wrong_passwords_do(pool, app_client, clock):
    pool.user()
    begun = SrpClient(app_client, "user-1", PASSWORD)
    begun.begin()
    for _ in range(5):
        assert refused(SrpClient(app_client, "user-1", "Wr0ng-one!").sign_in, clock.now) == WRONG
    assert refused(begun.answer, clock.now) == LOCKED
    assert refused(begun.begin) == LOCKED
    clock.advance(seconds=1)
    assert "AuthenticationResult" in begun.sign_in(clock.now)


@pytest.mark.parametrize("begin", ["0012", "0000a1", "00a1", "0a12", "a112"])
def test_a_client_that_hashes_the_salt_as_it_is_written_finds_what_one_that_reads_a_number_finds(
        begin, backend, pool, app_client, clock):
    pool.user("ann")
    salt = bytes.fromhex(begin.ljust(32, "7"))

    def give(call):
        user = call.db.scalars(select(User)).one()
        user.srp_salt = salt
        call.vault.keep(user, "srp_verifier", arithmetic.pad(arithmetic.verifier(pool.id, user.username, PASSWORD, salt)))

    backend.store.run(give)
    exchange = SrpClient(app_client, "ann", PASSWORD)
    sent = exchange.begin()["SALT"]
    padded = f"{'0' * (len(sent) % 2)}{sent}"
    assert bytes.fromhex(f"00{padded}" if padded[0] in "89abcdef" else padded) == pad(int(sent, 16))
    assert "AuthenticationResult" in exchange.answer(clock.now)
