"""What a stolen database tells: no password, no token, no secret; and each hash carries its own cost."""

import base64
import dataclasses
import re

import pytest
from sqlalchemy import inspect, select

from authservice.crypto.passwords import Passwords
from authservice.local import database
from authservice.local.models import User
from tests.contract.guest import PASSWORD, WRONG, refused
from tests.contract.srp_client import SrpClient


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


def dump(store) -> bytes:
    """Every row of every table, values as they are stored."""
    with store.engine.connect() as connection:
        rows = [row for table in inspect(store.engine).get_table_names()
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def test_no_secret_is_in_the_database(make_pool, backend, inbox):
    pool = make_pool(mfa="OPTIONAL")
    client, public = pool.client(GenerateSecret=True), pool.client()
    pool.user(email="user-1@example.com", password="C0rrect-horse!")
    tokens = client.tokens("user-1", "C0rrect-horse!")
    access = {"AccessToken": tokens["AccessToken"]}
    secret = backend.call("AssociateSoftwareToken", access)["SecretCode"]
    pool.invited("user-2", "Temp0rary-one!")
    session = public.sign_in("user-2", "Temp0rary-one!")["Session"]
    srp = SrpClient(public, "user-1", "C0rrect-horse!")
    srp.begin()
    client.call("ForgotPassword", "user-1")
    message = inbox("user-1@example.com")[0]
    stored = dump(backend.store)
    assert b"user-1@example.com" in stored and tokens["RefreshToken"].encode() not in stored  # the dump sees rows
    bearers = [*tokens["RefreshToken"].split(".")[1:], session, session[5:], tokens["AccessToken"],
               srp.parameters["SECRET_BLOCK"], client.secret, secret, "C0rrect-horse!", "Temp0rary-one!",
               message["text"], *(tokens[name].split(".")[2] for name in ("AccessToken", "IdToken"))]
    for value in bearers:
        for form in forms(value):
            assert form not in stored, value
    assert b"BEGIN PRIVATE KEY" not in stored and b"-----" not in stored


def forms(value: str):
    """A secret as text, and as the bytes that the text may stand for."""
    yield value.encode()
    for decode in (bytes.fromhex, base64.b64decode, base64.b32decode):
        try:
            data = decode(value)
        except ValueError:
            continue
        if len(data) >= 8:
            yield data


def stored_hash(backend, username="user-1") -> str:
    with database.session(backend.store.engine) as db:
        return db.scalars(select(User.password_hash).where(User.username == username)).one()


def test_a_hash_is_argon2id_with_a_salt_and_its_costs(pool, backend):
    for username in ("user-1", "user-2"):
        pool.user(username)
    one, two = stored_hash(backend, "user-1"), stored_hash(backend, "user-2")
    assert one != two
    assert re.fullmatch(r"\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", one)
    assert one.split("$")[4] != two.split("$")[4]


@pytest.fixture
def costlier(backend, monkeypatch):
    """From now on passwords are hashed at twice the cost."""
    def raise_costs():
        tools = dataclasses.replace(backend.store.tools, passwords=Passwords(128, 1, 1))
        monkeypatch.setattr(backend.store, "tools", tools)
    return raise_costs


def test_a_sign_in_renews_a_hash_of_older_costs(pool, app_client, backend, costlier):
    pool.user()
    old = stored_hash(backend)
    costlier()
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG
    assert stored_hash(backend) == old
    app_client.tokens()
    renewed = stored_hash(backend)
    assert "m=128" in renewed
    app_client.tokens()
    assert stored_hash(backend) == renewed
    assert refused(app_client.sign_in, "user-1", "Wr0ng-one!") == WRONG


def test_password_and_verifier_are_always_of_the_same_password(pool, app_client, backend, costlier, clock):
    pool.user()
    costlier()
    for password in (PASSWORD, "N3w-password!"):
        pool.call("AdminSetUserPassword", "user-1", Password=password, Permanent=True)
        app_client.tokens("user-1", password)
        assert "AuthenticationResult" in SrpClient(app_client, "user-1", password).sign_in(clock.now)
    assert refused(SrpClient(app_client, "user-1", PASSWORD).sign_in, clock.now) == WRONG


def test_a_verifier_is_sealed_for_its_own_user(pool, app_client, backend, clock):
    """Whoever can write the table still cannot give a user somebody else's password."""
    pool.user("user-1", password="Kn0wn-to-me!")
    pool.user("user-2")
    with database.session(backend.store.engine) as db:
        one, two = db.scalars(select(User).order_by(User.username)).all()
        two.srp_verifier, two.srp_salt = one.srp_verifier, one.srp_salt
        db.commit()
    with pytest.raises(ValueError):
        SrpClient(app_client, "user-2", "Kn0wn-to-me!").sign_in(clock.now)
