"""Two at the same instant: real threads on real databases. One wins, the others are told why."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from authservice.contract import ANONYMOUS, OPERATOR
from authservice.errors import CognitoError
from tests.contract.guest import (EXPIRED, LOCKED, MISMATCH, PASSWORD, REVOKED, SESSION_USED, WRONG, Authenticator,
                                  attribute_list, claims, refused)
from tests.contract.srp_client import SrpClient

THREADS = 12
OK = "ok"
NEW = "N3w-password!"


def at_once(*actions) -> list[str]:
    """Do all of it at the same instant; answers 'ok' or 'Code: message' for each. Anything else fails the test."""
    barrier = threading.Barrier(len(actions))

    def outcome(action) -> str:
        barrier.wait(30)
        try:
            action()
        except CognitoError as refusal:
            return str(refusal)
        return OK

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(outcome, actions))


def test_one_name_is_given_to_one_of_many(pool, app_client, inbox):
    def sign_up():
        app_client.sign_up("user-1", email="user-1@example.com")

    outcomes = at_once(*[sign_up] * THREADS)
    assert sorted(outcomes) == ["UsernameExistsException: User already exists"] * (THREADS - 1) + [OK]
    assert len(pool.call("ListUsers")["Users"]) == 1
    (message,) = inbox("user-1@example.com")
    app_client.confirm("user-1", message["code"])
    app_client.tokens()


def test_one_address_is_given_to_one_of_many_in_whatever_spelling(make_pool):
    pool = make_pool(UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
    client = pool.client()
    spellings = ["user-1@example.com", "USER-1@EXAMPLE.COM", "User-1@example.com", "ｕser-1@example.com"]
    by_guests = [lambda name=name: client.sign_up(name) for name in spellings]
    by_administrators = [lambda name=name: pool.call("AdminCreateUser", name, MessageAction="SUPPRESS")
                         for name in spellings]
    outcomes = at_once(*by_guests, *by_administrators)
    taken = "UsernameExistsException: An account with the given email already exists."
    assert sorted(outcomes) == sorted([OK] + [taken] * 7)
    assert len(pool.call("ListUsers")["Users"]) == 1


def test_one_alias_is_verified_for_one_of_two(make_pool):
    pool = make_pool(AliasAttributes=["email"])
    client = pool.client()
    codes = {}
    for name in ("user-1", "user-2"):
        client.sign_up(name, email="shared@example.com")
        codes[name] = pool.inbox.code("shared@example.com")
    outcomes = at_once(*[lambda name=name: client.confirm(name, codes[name]) for name in codes])
    assert sorted(outcomes) == ["AliasExistsException: An account with the email already exists.", OK]
    flags = [pool.attributes(name).get("email_verified") for name in codes]
    assert flags.count("true") == 1


def test_a_reset_code_sets_one_password(pool, app_client, inbox):
    pool.user(email="user-1@example.com")
    app_client.call("ForgotPassword", "user-1")
    code = inbox.code("user-1@example.com")
    passwords = [f"N3w-password-{number}!" for number in range(6)]
    outcomes = at_once(*[lambda word=word: app_client.call("ConfirmForgotPassword", "user-1", ConfirmationCode=code,
                                                           Password=word) for word in passwords])
    assert sorted(outcomes) == sorted([OK] + [EXPIRED] * 5)
    chosen = passwords.pop(outcomes.index(OK))
    app_client.tokens("user-1", chosen)
    for word in passwords[:4]:
        assert refused(app_client.sign_in, "user-1", word) == WRONG


def test_every_wrong_try_at_a_code_is_counted(pool, app_client, inbox):
    """Fourteen at once, and the right one is the fifteenth and last of this hour."""
    app_client.sign_up("user-1", email="user-1@example.com")
    code = inbox.code("user-1@example.com")
    outcomes = at_once(*[lambda: app_client.confirm("user-1", "no-code")] * 14)
    assert outcomes == [MISMATCH] * 14
    app_client.confirm("user-1", code)


def test_of_too_many_tries_at_once_no_more_than_the_hours_are_looked_at(app_client):
    app_client.sign_up("user-1", email="user-1@example.com")
    outcomes = at_once(*[lambda: app_client.confirm("user-1", "no-code")] * 20)
    assert outcomes.count(MISMATCH) == 15 and set(outcomes) == {
        MISMATCH, "LimitExceededException: Attempt limit exceeded, please try after some time."}


def test_a_session_is_answered_once(pool, app_client):
    pool.invited()
    session = app_client.sign_in("user-1", "Temp0rary!")["Session"]
    words = [f"N3w-password-{number}!" for number in range(6)]
    outcomes = at_once(*[lambda word=word: app_client.answer("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=word)
                         for word in words])
    assert sorted(outcomes) == sorted([OK] + [SESSION_USED] * 5)
    app_client.tokens("user-1", words[outcomes.index(OK)])


def test_an_srp_proof_counts_once(pool, app_client, clock):
    pool.user()
    srp = SrpClient(app_client, "user-1", PASSWORD)
    srp.begin()
    proof = srp.proof(clock.now)
    outcomes = at_once(*[lambda: app_client.answer("PASSWORD_VERIFIER", None, **proof)] * 6)
    assert sorted(outcomes) == sorted([OK] + [SESSION_USED] * 5)


def test_one_of_two_authenticator_apps_is_set_up_by_one_code(make_pool, backend, clock):
    pool = make_pool(mfa="OPTIONAL")
    pool.user()
    token = {"AccessToken": pool.client().tokens()["AccessToken"]}
    app = Authenticator.of(backend, clock, **token)
    outcomes = at_once(*[lambda: backend.call("VerifySoftwareToken", {**token, "UserCode": app.code()})] * 6)
    assert outcomes.count(OK) == 1
    assert set(outcomes) == {OK, "EnableSoftwareTokenMFAException: Code mismatch and fail enable Software Token MFA"}


def test_all_wrong_passwords_sent_at_once_are_counted(pool, app_client, clock):
    """Those that were under way when the lock was set get no other answer than those that came later."""
    pool.user()
    outcomes = at_once(*[lambda: app_client.sign_in("user-1", "Wr0ng-one!")] * 10)
    assert sorted(outcomes) == sorted([WRONG] * 5 + [LOCKED] * 5)
    assert refused(app_client.sign_in) == LOCKED
    clock.advance(minutes=15)
    outcomes = at_once(*[lambda: app_client.sign_in("user-1", "Wr0ng-one!")] * 4)
    assert outcomes == [WRONG] * 4
    app_client.tokens()  # four are free: had one been lost or counted twice before, so would it be here
    outcomes = at_once(*[lambda: app_client.sign_in("user-1", "Wr0ng-one!")] * 4)
    assert outcomes == [WRONG] * 4
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG
    assert refused(app_client.sign_in) == LOCKED


def test_the_right_password_in_a_batch_of_wrong_ones_does_not_stand_out(pool, app_client):
    """Either it came among the first five, and signs in, or it is refused in the words of all the late ones."""
    pool.user()
    guesses = [f"Wr0ng-{number}!!" for number in range(11)]
    guesses.insert(6, PASSWORD)
    outcomes = at_once(*[lambda guess=guess: app_client.sign_in("user-1", guess) for guess in guesses])
    right = outcomes.pop(6)
    assert right in (OK, LOCKED)
    assert set(outcomes) <= {WRONG, LOCKED}
    if right == LOCKED:
        assert LOCKED in outcomes and outcomes.count(WRONG) == 5


def rotating(pool, grace: int):
    return pool.client(RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": grace})


def rotated_at_once(client, token, times) -> tuple[list[str], list[dict]]:
    sets = []
    outcomes = at_once(*[lambda: sets.append(client.rotate(token))] * times)
    return outcomes, sets


def test_within_the_grace_each_gets_a_full_set_of_one_family(pool, backend, clock):
    pool.user()
    client = rotating(pool, grace=10)
    first = client.tokens()
    outcomes, sets = rotated_at_once(client, first["RefreshToken"], 8)
    assert outcomes == [OK] * 8
    assert len({tokens["RefreshToken"] for tokens in sets}) == 8
    assert {claims(tokens["AccessToken"])["origin_jti"] for tokens in sets} == {
        claims(first["AccessToken"])["origin_jti"]}
    clock.advance(seconds=10)
    assert refused(client.rotate, first["RefreshToken"]).startswith("RefreshTokenReuseException: ")
    for tokens in sets:
        assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED


@pytest.mark.parametrize("ending", [("AdminSetUserPassword", {"Password": NEW, "Permanent": True}),
                                    ("AdminDisableUser", {})])
def test_no_sign_in_by_an_ended_password_outlives_its_end(pool, app_client, backend, ending):
    """The old password was checked before, the tokens came after: they are not given, or are worth nothing."""
    operation, members = ending
    for number in range(4):
        name, given = pool.user(f"user-{number}"), []
        signing_in = [lambda: given.append(app_client.tokens(name))] * 4
        outcomes = at_once(*signing_in[:2], lambda: pool.call(operation, name, **members), *signing_in[2:])
        assert outcomes[2] == OK
        pool.call("AdminEnableUser", name)
        for tokens in given:
            assert backend.refusal("GetUser", {"AccessToken": tokens["AccessToken"]}) == REVOKED
            assert refused(app_client.refresh, tokens["RefreshToken"]).startswith("NotAuthorizedException: ")


def test_many_changes_of_one_user_at_once_all_happen(pool, app_client, backend):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    names = ["name", "nickname", "website", "profile"]
    outcomes = at_once(*[lambda name=name: backend.call("UpdateUserAttributes", {
        "AccessToken": token, "UserAttributes": attribute_list({name: name})}) for name in names])
    assert outcomes == [OK] * 4
    assert {name: pool.attributes()[name] for name in names} == {name: name for name in names}


def test_a_user_is_deleted_once(pool, app_client, backend):
    pool.user()
    token = app_client.tokens()["AccessToken"]
    store, deletions = backend.store, []

    def delete():
        store.call("DeleteUser", {"AccessToken": token}, ANONYMOUS)
        deletions.append(1)

    def delete_as_administrator():
        store.call("AdminDeleteUser", {"UserPoolId": pool.id, "Username": "user-1"}, OPERATOR)
        deletions.append(1)

    outcomes = at_once(delete, delete_as_administrator, delete)
    assert outcomes.count(OK) == 1 == len(deletions)
    assert set(outcomes) == {OK, "UserNotFoundException: User does not exist."}
