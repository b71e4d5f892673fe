"""The codes sent to a user: one live code a purpose, for one user, one use, a limited time and number of tries."""

import pytest
from sqlalchemy import select

from authservice.local import database
from authservice.local.models import Code
from tests.contract.guest import EXPIRED, LIMIT, MISMATCH, PASSWORD, refused

NEW = "N3w-password!"


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


class Purpose:
    """One kind of code: how user NUMBER gets one, and how it is tried."""

    def __init__(self, pool, client):
        self.pool, self.client, self.inbox = pool, client, pool.inbox

    def code(self, number: int = 1) -> str:
        self.send(number)
        return self.inbox.code(f"user-{number}@example.com")


class SigningUp(Purpose):
    lifetime = {"hours": 24}

    def user(self, number):
        self.client.sign_up(f"user-{number}", email=f"user-{number}@example.com")

    def send(self, number):
        self.client.call("ResendConfirmationCode", f"user-{number}")

    def spend(self, code, number=1):
        return self.client.confirm(f"user-{number}", code)


class Forgotten(Purpose):
    lifetime = {"hours": 1}

    def user(self, number):
        self.pool.user(f"user-{number}", email=f"user-{number}@example.com")

    def send(self, number):
        self.client.call("ForgotPassword", f"user-{number}")

    def spend(self, code, number=1):
        return self.client.call("ConfirmForgotPassword", f"user-{number}", ConfirmationCode=code, Password=NEW)


class NewAddress(Purpose):
    lifetime = {"hours": 24}

    def user(self, number):
        self.pool.user(f"user-{number}", email=f"user-{number}@example.com", email_verified="false")

    def bearer(self, number):
        return {"AccessToken": self.client.tokens(f"user-{number}")["AccessToken"], "AttributeName": "email"}

    def send(self, number):
        self.pool.backend.call("GetUserAttributeVerificationCode", self.bearer(number))

    def spend(self, code, number=1):
        return self.pool.backend.call("VerifyUserAttribute", {**self.bearer(number), "Code": code})


@pytest.fixture(params=[SigningUp, Forgotten, NewAddress])
def purpose(request, pool, app_client) -> Purpose:
    purpose = request.param(pool, app_client)
    for number in (1, 2):
        purpose.user(number)
    return purpose


def other_than(code: str, tries: int = 1) -> list[str]:
    return [f"{(int(code) + step) % 10**6:06}" for step in range(1, tries + 1)]


def test_a_code_is_six_digits_and_works_once(purpose):
    code = purpose.code()
    assert len(code) == 6 and code.isascii() and code.isdecimal()
    purpose.spend(code)
    assert refused(purpose.spend, code) != ""


def test_a_code_is_good_for_its_time_and_not_a_moment_longer(purpose, clock):
    codes = {1: purpose.code(1), 2: purpose.code(2)}
    clock.advance(**purpose.lifetime)
    clock.advance(milliseconds=-1)
    purpose.spend(codes[1], 1)
    clock.advance(milliseconds=1)
    assert refused(purpose.spend, codes[2], 2) == EXPIRED


def test_only_the_newest_code_works(purpose):
    old, new = purpose.code(), purpose.code()
    if old != new:  # one time in a million
        assert refused(purpose.spend, old) == MISMATCH
    purpose.spend(new)


def test_a_code_is_one_users(purpose):
    code, other = purpose.code(1), purpose.code(2)
    if code != other:
        assert refused(purpose.spend, code, 2) == MISMATCH
    purpose.spend(code, 1)


def test_twenty_wrong_tries_end_a_code(purpose, clock):
    """The hourly limits alone would give as many tries a code as its hours allow."""
    code = purpose.code()
    hours = 0
    for wrong in other_than(code, 20):
        refusal = refused(purpose.spend, wrong)
        if refusal == LIMIT:
            hours += 1
            clock.advance(hours=1)
            refusal = refused(purpose.spend, wrong)
        assert refusal == (MISMATCH if hours < purpose.lifetime["hours"] else EXPIRED)
    assert refused(purpose.spend, code) in (EXPIRED, LIMIT)
    clock.advance(hours=1)
    assert refused(purpose.spend, code) == EXPIRED
    purpose.spend(purpose.code())  # a new one may be asked for


def test_a_wrong_try_does_not_spend_the_code(purpose):
    code = purpose.code()
    for wrong in (*other_than(code, 5), code[:-1], code + "0", "x", "１" * 6):
        assert refused(purpose.spend, wrong) == MISMATCH
    purpose.spend(code)


def test_a_code_serves_its_purpose_alone(pool, app_client, inbox, backend):
    """Three codes of one user at a time: none does another's work."""
    pool.user(email="user-1@example.com", phone_number="+12065550100", phone_number_verified="false")
    token = {"AccessToken": app_client.tokens()["AccessToken"]}
    app_client.call("ForgotPassword", "user-1")
    forgot = inbox.code("user-1@example.com")
    backend.call("GetUserAttributeVerificationCode", {**token, "AttributeName": "phone_number"})
    phone = inbox.code("+12065550100")
    recovery = {"operation": "ConfirmForgotPassword", "username": "user-1", "Password": NEW}
    assert refused(app_client.call, **recovery, ConfirmationCode=phone) == MISMATCH
    for name, code in (("phone_number", forgot), ("email", forgot), ("email", phone)):
        assert backend.refusal("VerifyUserAttribute", {**token, "AttributeName": name, "Code": code}) in (MISMATCH,
                                                                                                           EXPIRED)
    app_client.sign_up("user-2", email="user-2@example.com")
    assert refused(app_client.call, "ConfirmForgotPassword", "user-2", Password=NEW,
                   ConfirmationCode=inbox.code("user-2@example.com")) == EXPIRED
    backend.call("VerifyUserAttribute", {**token, "AttributeName": "phone_number", "Code": phone})
    app_client.call("ConfirmForgotPassword", "user-1", ConfirmationCode=forgot, Password=NEW)


def test_codes_are_not_to_be_guessed_from_one_another(pool, app_client, inbox):
    codes = set()
    for number in range(40):
        app_client.sign_up(f"user-{number}", email=f"user-{number}@example.com")
        codes.add(inbox.code(f"user-{number}@example.com"))
    assert len(codes) >= 38  # two may meet by chance
    assert {code[place] for code in codes for place in range(6)} == set("0123456789")


def test_a_stolen_table_tells_no_code(pool, app_client, inbox, backend):
    app_client.sign_up("user-1", email="user-1@example.com")
    app_client.sign_up("user-2", email="user-2@example.com")
    code = inbox.code("user-1@example.com")
    with database.session(backend.store.engine) as db:
        one, two = db.scalars(select(Code)).all()
        assert code not in repr(one.__dict__) and code.encode() not in one.fingerprint
        one.fingerprint, two.fingerprint = two.fingerprint, one.fingerprint
        db.commit()
    # Nor can a row be put in another's place.
    for name in ("user-1", "user-2"):
        for held in ("user-1@example.com", "user-2@example.com"):
            assert refused(app_client.confirm, name, inbox.code(held)) == MISMATCH


def test_a_new_password_needs_the_code_of_its_own_journey(pool, app_client, inbox):
    """Out of order, without asking, or after it is done: no step of a recovery stands alone."""
    pool.user(email="user-1@example.com")
    app_client.sign_up("user-2", email="user-2@example.com")
    sent = inbox.code("user-2@example.com")
    recovery = {"operation": "ConfirmForgotPassword", "username": "user-1", "Password": NEW}
    for code in (sent, "000000"):
        assert refused(app_client.call, **recovery, ConfirmationCode=code) == EXPIRED
    assert "AccessToken" in app_client.tokens("user-1", PASSWORD)
