"""Where an app client hides who exists, an unknown user gets what a known one gets: answer, lock, limit and work.

Source: Developer Guide, "Managing user existence error responses".
"""

import time
import uuid

import pytest

from authservice.config import Settings
from authservice.contract import ANONYMOUS, service
from authservice.crypto import srp
from authservice.local.backend import LocalBackend
from authservice.local.call import OPERATIONS
from tests.conftest import HeldToTheModel
from tests.contract.guest import EXPIRED, LIMIT, MISMATCH, SMS, WRONG, Inbox, Pool, refused
from tests.contract.srp_client import SrpClient

BAD = "Wr0ng-one!"
NEW = "N3w-password!"


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


@pytest.fixture
def hiding(pool):
    """An app client that hides who exists, in a pool with user-1."""
    pool.user(email="user-1@example.com")
    return pool.client(PreventUserExistenceErrors="ENABLED")


def forget(client, name) -> dict:
    return client.call("ForgotPassword", name)["CodeDeliveryDetails"]


def reset(client, name, code="123456") -> dict:
    return client.call("ConfirmForgotPassword", name, ConfirmationCode=code, Password=NEW)


def resend(client, name) -> dict:
    return client.call("ResendConfirmationCode", name)["CodeDeliveryDetails"]


def test_a_sign_in_says_the_same(hiding, clock):
    for name in ("user-1", "nobody"):
        assert refused(hiding.sign_in, name, BAD) == WRONG
        assert refused(hiding.begin, "ADMIN_USER_PASSWORD_AUTH", "AdminInitiateAuth", USERNAME=name,
                       PASSWORD=BAD) == WRONG
        assert refused(SrpClient(hiding, name, BAD).sign_in, clock.now) == WRONG


def test_a_made_up_exchange_is_the_same_every_time_and_like_a_real_one(hiding):
    def begun(name):
        return SrpClient(hiding, name, BAD).begin()

    real, fake, again, other = begun("user-1"), begun("nobody"), begun("nobody"), begun("noone")
    assert fake.keys() == real.keys()
    assert fake["SALT"] == again["SALT"] and fake["USER_ID_FOR_SRP"] == again["USER_ID_FOR_SRP"]
    assert fake["SALT"] != other["SALT"] and fake["USER_ID_FOR_SRP"] != other["USER_ID_FOR_SRP"]
    assert fake["SRP_B"] != again["SRP_B"] and fake["SECRET_BLOCK"] != again["SECRET_BLOCK"]
    assert len(fake["SALT"]) == len(real["SALT"]) and len(fake["SECRET_BLOCK"]) == len(real["SECRET_BLOCK"])
    assert 0 < int(fake["SRP_B"], 16) < srp.N
    # A real user's id is the username, so must a made-up one's be.
    assert real["USER_ID_FOR_SRP"] == "user-1" and fake["USER_ID_FOR_SRP"] == "nobody"


@pytest.mark.parametrize("settings", [{"UsernameAttributes": ["email"]}, {"AliasAttributes": ["email"]}])
def test_behind_an_address_is_an_id_that_the_address_does_not_tell(make_pool, settings):
    """Where users sign in with an address, the id is another name; a made-up one has nothing to betray it."""
    pool = make_pool(**settings)
    client = pool.client(PreventUserExistenceErrors="ENABLED")
    named = "user-1@example.com" if "UsernameAttributes" in settings else str(uuid.uuid4())
    pool.user(named, email="user-1@example.com", email_verified="true")
    real = SrpClient(client, "user-1@example.com", BAD).begin()
    fake = SrpClient(client, "nobody@example.com", BAD).begin()
    for parameters in (real, fake):
        user_id = uuid.UUID(parameters["USER_ID_FOR_SRP"])
        assert user_id.version == 4 and str(user_id) == parameters["USER_ID_FOR_SRP"]
        assert user_id.hex[:12] != parameters["SALT"][:12]


def test_a_forgotten_password_says_the_same(hiding, inbox, clock):
    assert refused(reset, hiding, "user-1") == refused(reset, hiding, "nobody") == EXPIRED
    details = forget(hiding, "nobody")
    assert details.keys() == forget(hiding, "user-1").keys()
    assert (details["DeliveryMedium"], details["AttributeName"]) == ("EMAIL", "email")
    assert details["Destination"].count("***") == 2 and details == forget(hiding, "nobody")
    assert details != forget(hiding, "noone")
    assert refused(reset, hiding, "user-1", "no-code") == refused(reset, hiding, "nobody", "no-code") == MISMATCH
    clock.advance(hours=1)
    assert refused(reset, hiding, "user-1") == refused(reset, hiding, "nobody") == EXPIRED
    assert [message["to"] for message in inbox()] == ["user-1@example.com"]


def test_so_does_one_of_a_user_whom_no_code_can_reach(hiding, pool):
    pool.user("unverified", email="unverified@example.com", email_verified="false")
    pool.user("addressless")
    pool.user("disabled", email="disabled@example.com")
    pool.call("AdminDisableUser", "disabled")
    nobody = forget(hiding, "nobody")
    for name in ("unverified", "addressless", "disabled"):
        details = forget(hiding, name)
        assert details | {"Destination": ""} == nobody | {"Destination": ""}
        assert refused(reset, hiding, name) == refused(reset, hiding, "nobody") == MISMATCH


def test_a_made_up_destination_is_what_the_name_looks_like(make_pool):
    pool = make_pool(UsernameAttributes=["email", "phone_number"], SmsConfiguration=SMS,
                     AutoVerifiedAttributes=["email", "phone_number"])
    hiding = pool.client(PreventUserExistenceErrors="ENABLED")
    for ask in (forget, resend):
        assert ask(hiding, "nobody@example.com") == {"Destination": "n***@e***", "DeliveryMedium": "EMAIL",
                                                     "AttributeName": "email"}
        assert ask(hiding, "+12065550100") == {"Destination": "+*******0100", "DeliveryMedium": "SMS",
                                               "AttributeName": "phone_number"}


def test_a_confirmation_says_the_same(hiding):
    hiding.sign_up("new", email="new@example.com")
    assert resend(hiding, "nobody").keys() == resend(hiding, "new").keys()
    assert refused(hiding.confirm, "new", "no-code") == refused(hiding.confirm, "nobody", "no-code") == MISMATCH
    assert refused(hiding.confirm, "noone", "no-code") == EXPIRED  # who never got a code


def test_the_pools_own_refusals_are_for_everybody(make_pool):
    pool = make_pool(AutoVerifiedAttributes=[], AccountRecoverySetting={
        "RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]})
    hiding = pool.client(PreventUserExistenceErrors="ENABLED")
    hiding.sign_up("user-1", email="user-1@example.com")
    for ask in (forget, resend):
        assert refused(ask, hiding, "user-1") == refused(ask, hiding, "nobody")


def test_limits_are_the_same(hiding):
    hiding.sign_up("new", email="new@example.com")
    for name in ("new", "nobody"):
        for _ in range(5):
            resend(hiding, name)
        assert refused(resend, hiding, name) == LIMIT
        for _ in range(15):
            assert refused(hiding.confirm, name, "no-code") == MISMATCH
        assert refused(hiding.confirm, name, "no-code") == LIMIT
    for name in ("user-1", "nobody"):
        for _ in range(10):
            forget(hiding, name)
            assert refused(reset, hiding, name, "no-code") == MISMATCH
        assert refused(forget, hiding, name) == refused(reset, hiding, name) == LIMIT


def test_operations_that_name_a_user_openly_are_all_in_these_tests():
    by_name = {name for name in service().public_operations & OPERATIONS.keys()
               if "Username" in service().operation(name).input_shape.members}
    assert by_name == {"SignUp", "ConfirmSignUp", "ResendConfirmationCode", "ForgotPassword", "ConfirmForgotPassword"}


# The work: what takes long is done for a known and an unknown user alike.

@pytest.fixture
def counted(monkeypatch, backend):
    """How often each costly computation ran, by name."""
    counts = {}

    def count(owner, name):
        original = getattr(owner, name)

        def counting(*arguments, **given):
            counts[name] = counts.get(name, 0) + 1
            return original(*arguments, **given)

        monkeypatch.setattr(owner, name, counting)

    context = backend.store.tools.passwords._context
    for name in ("verify_and_update", "verify"):
        count(context, name)
    for name in ("public_b", "session_key", "verifier"):
        count(srp, name)
    return counts


def test_a_password_costs_one_hash_whoever_it_is_for(hiding, pool, counted):
    pool.user("disabled")
    pool.call("AdminDisableUser", "disabled")
    for name in ("user-1", "nobody", "disabled"):
        counted.clear()
        refused(hiding.sign_in, name, BAD)
        assert sum(counted.values()) == 1, name


def test_an_exchange_costs_the_same_powers_whoever_it_is_for(hiding, counted, clock):
    for name in ("user-1", "nobody"):
        counted.clear()
        refused(SrpClient(hiding, name, BAD).sign_in, clock.now)
        assert counted == {"public_b": 1, "session_key": 1}, name


def test_the_processor_works_as_long_for_nobody_as_for_a_user(tmp_path, clock):
    """With hashes of their real cost. The best of several runs each, because others use the processor too."""
    store = LocalBackend(Settings(instance=tmp_path), clock)
    try:
        held = HeldToTheModel(store)
        pool = Pool.make(held, Inbox(store))
        pool.user(email="user-1@example.com")
        client = pool.client(PreventUserExistenceErrors="ENABLED")

        def best(name) -> float:
            times = []
            for _ in range(6):
                clock.advance(minutes=20)  # no lock
                begun = time.process_time()
                with pytest.raises(Exception, match="Incorrect username or password"):
                    store.call("InitiateAuth", {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH",
                                                "AuthParameters": {"USERNAME": name, "PASSWORD": BAD}}, ANONYMOUS)
                times.append(time.process_time() - begun)
            return min(times)

        known, unknown = best("user-1"), best("nobody")
        assert 0.5 < unknown / known < 2, (known, unknown)
    finally:
        store.close()
