"""The lock after failed sign-ins: how long, for whom, and that no door is beside it.

Source: Developer Guide, "Lockout behavior for failed sign-in attempts".
"""

import pytest

from authservice.contract import HOSTED
from tests.contract.guest import LIMIT, LOCKED, PASSWORD, WRONG, Authenticator, refused
from tests.contract.srp_client import SrpClient

BAD = "Wr0ng-one!"


@pytest.fixture
def backend(on_either_counter):
    return on_either_counter


def fail(client, times: int, username="user-1") -> None:
    for _ in range(times):
        assert refused(client.sign_in, username, BAD) == WRONG


@pytest.mark.parametrize("failures, seconds", [(1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (11, 64), (14, 512),
                                               (15, 900)])
def test_from_the_fifth_failure_on_the_lock_doubles_up_to_a_quarter_of_an_hour(pool, app_client, clock, failures,
                                                                               seconds):
    pool.user()
    for number in range(1, failures + 1):
        fail(app_client, 1)
        if 5 <= number < failures:
            clock.advance(seconds=2 ** (number - 5))
    if seconds:
        assert refused(app_client.sign_in) == LOCKED
        clock.advance(seconds=seconds, milliseconds=-1)
        assert refused(app_client.sign_in) == LOCKED
        clock.advance(milliseconds=1)
    assert "AccessToken" in app_client.tokens()


def test_tries_while_locked_do_not_extend_the_lock(pool, app_client, clock):
    pool.user()
    fail(app_client, 5)
    for _ in range(9):
        clock.advance(milliseconds=100)
        assert refused(app_client.sign_in, "user-1", BAD) == LOCKED
    clock.advance(milliseconds=100)
    fail(app_client, 1)  # the sixth: two seconds
    clock.advance(seconds=2)
    app_client.tokens()


def test_a_sign_in_after_the_lock_ends_the_count(pool, app_client, clock):
    pool.user()
    fail(app_client, 5)
    clock.advance(seconds=1)
    app_client.tokens()
    fail(app_client, 4)
    app_client.tokens()


def test_so_do_fifteen_quiet_minutes(pool, app_client, clock):
    pool.user()
    fail(app_client, 4)
    clock.advance(minutes=14, seconds=59)
    fail(app_client, 1)
    assert refused(app_client.sign_in) == LOCKED
    clock.advance(minutes=15)
    fail(app_client, 4)
    app_client.tokens()


def test_a_lock_is_one_users_whatever_the_name_and_the_app_client(make_pool, clock):
    pool = make_pool(AliasAttributes=["email"])
    client, other = pool.client(), pool.client(GenerateSecret=True)
    pool.user("user-1", email="user-1@example.com")
    pool.user("user-2")
    fail(client, 2)
    fail(client, 2, "user-1@example.com")
    fail(other, 1)
    for name in ("user-1", "user-1@example.com"):
        assert refused(client.sign_in, name) == refused(other.sign_in, name) == LOCKED
    client.tokens("user-2")


def test_a_lock_lets_go_on_who_is_already_signed_in(pool, app_client, backend):
    pool.user()
    tokens = app_client.tokens()
    fail(app_client, 5)
    backend.call("GetUser", {"AccessToken": tokens["AccessToken"]})
    app_client.refresh(tokens["RefreshToken"])


def test_a_name_that_nobody_has_is_locked_alike_where_that_is_hidden(pool, clock):
    client = pool.client(PreventUserExistenceErrors="ENABLED")
    for _ in range(2):
        for _ in range(5):
            assert refused(client.sign_in, "nobody", BAD) == WRONG
        assert refused(client.sign_in, "nobody", BAD) == LOCKED
        assert refused(SrpClient(client, "nobody", BAD).sign_in, clock.now) == LOCKED
        clock.advance(minutes=15)


@pytest.fixture
def doors(make_pool, backend, clock):
    """Every way to try a secret of user-1: {what: (a wrong try, its refusal, the right one)}.

    The right ones that need a Session get it before the lock.
    """
    pool = make_pool(mfa="OPTIONAL")
    client = pool.client()
    pool.user()
    app = client.set_up_totp("user-1", clock)
    clock.advance(minutes=1)
    session = client.sign_in()["Session"]
    token = client.answer_totp(client.sign_in()["Session"], app.code())["AuthenticationResult"]["AccessToken"]
    new_app = Authenticator.of(backend, clock, AccessToken=token)
    begun = SrpClient(client, "user-1", PASSWORD)
    begun.begin()

    def hosted(password):
        request = {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
                   "AuthParameters": {"USERNAME": "user-1", "PASSWORD": password}}
        return backend.call("InitiateAuth", request, HOSTED)

    def admin(password):
        return client.begin("ADMIN_USER_PASSWORD_AUTH", "AdminInitiateAuth", USERNAME="user-1", PASSWORD=password)

    def change(password):
        return backend.call("ChangePassword", {"AccessToken": token, "PreviousPassword": password,
                                               "ProposedPassword": "N3w-password!"})

    def enrol(code):
        return backend.call("VerifySoftwareToken", {"AccessToken": token, "UserCode": code})

    return {
        "password": (lambda: client.sign_in("user-1", BAD), client.sign_in),
        "password of an admin's server": (lambda: admin(BAD), lambda: admin(PASSWORD)),
        "password on our pages": (lambda: hosted(BAD), lambda: hosted(PASSWORD)),
        "SRP": (lambda: SrpClient(client, "user-1", BAD).sign_in(clock.now), lambda: begun.answer(clock.now)),
        "previous password": (lambda: change(BAD), lambda: change(PASSWORD)),
        "TOTP code": (lambda: client.answer_totp(session, app.wrong_code()),
                      lambda: client.answer_totp(session, app.code(1))),
        "TOTP code of a new app": (lambda: enrol(new_app.wrong_code()), lambda: enrol(new_app.code(1))),
    }


DOORS = ["password", "password of an admin's server", "password on our pages", "SRP", "previous password",
         "TOTP code", "TOTP code of a new app"]


@pytest.mark.parametrize("tried", DOORS)
def test_failures_at_any_door_lock_every_door(doors, tried):
    assert set(doors) == set(DOORS)
    wrong, _ = doors[tried]
    for _ in range(5):
        assert refused(wrong) != LOCKED
    for name, (_, right) in doors.items():
        # Five tries at a change are also all that an hour allows.
        assert refused(right) == (LIMIT if name == tried == "previous password" else LOCKED), name


def test_every_door_opens_to_the_right_secret(doors):
    for _, right in doors.values():
        right()


def test_the_right_password_without_the_code_does_not_end_the_count(doors):
    wrong_code, _ = doors["TOTP code"]
    _, right_password = doors["password"]
    for _ in range(5):
        right_password()
        assert refused(wrong_code) != LOCKED
    assert refused(right_password) == LOCKED
