"""A pool's signing keys: its own, two of them, and replaced without breaking a token that is out."""

import base64

import jwt as pyjwt
import pytest

from authservice.contract import OPERATOR
from authservice.crypto import jwt
from authservice.local import database
from authservice.local.accounts import directory
from authservice.local.backend import LocalBackend
from authservice.local.models import SigningKey
from authservice.local.tokens import keys
from tests.conftest import HeldToTheModel
from tests.contract.guest import claims, header, refused

LEEWAY = {"minutes": 5}
EXPIRED_TOKEN = "NotAuthorizedException: Access Token has expired"


@pytest.fixture
def backend(on_sqlite):
    return on_sqlite


def published(store, pool) -> dict[str, dict]:
    return store.run(lambda call: {jwk["kid"]: jwk for jwk in keys.jwks(call, directory.pool(call, pool.id))})


def rotate(store, pool, at_once: bool = True) -> None:
    store.run(lambda call: keys.rotate(call, directory.pool(call, pool.id), at_once))


def verified(store, pool, token: str) -> dict:
    """Check a signature as a relying party does, by what is published and by PyJWT's own reading of it."""
    key = pyjwt.PyJWK(published(store, pool)[header(token)["kid"]])
    return pyjwt.decode(token, key.key, algorithms=["RS256"],
                        options={"verify_exp": False, "verify_aud": False, "verify_iat": False})


def get_user(backend, token: str) -> dict:
    return backend.call("GetUser", {"AccessToken": token})


def test_every_pool_has_two_keys_of_its_own_and_publishes_their_public_half(make_pool, backend):
    one, two = make_pool(), make_pool()
    rings = [published(backend.store, pool) for pool in (one, two)]
    assert len(rings[0]) == len(rings[1]) == 2 and not rings[0].keys() & rings[1].keys()
    for jwk in (jwk for ring in rings for jwk in ring.values()):
        assert jwk.keys() == {"alg", "e", "kid", "kty", "n", "use"}
        assert (jwk["alg"], jwk["e"], jwk["kty"], jwk["use"]) == ("RS256", "AQAB", "RSA", "sig")
        assert len(base64.urlsafe_b64decode(jwk["n"] + "==")) == 256


def test_one_key_signs_id_tokens_and_the_other_access_tokens(pool, app_client, backend):
    pool.user()
    tokens = app_client.tokens()
    kids = {header(tokens[name])["kid"] for name in ("IdToken", "AccessToken")}
    assert kids == published(backend.store, pool).keys()
    for name in ("IdToken", "AccessToken"):
        assert verified(backend.store, pool, tokens[name]) == claims(tokens[name])


def test_a_rotation_changes_the_signer_and_every_token_that_is_out_still_holds(pool, app_client, backend, clock):
    pool.user()
    before = app_client.tokens()
    clock.advance(minutes=1)
    rotate(backend.store, pool)
    after = app_client.tokens()
    for name in ("IdToken", "AccessToken"):
        assert header(before[name])["kid"] != header(after[name])["kid"]
        verified(backend.store, pool, before[name])
        verified(backend.store, pool, after[name])
    assert len(published(backend.store, pool)) == 4
    clock.advance(minutes=59, seconds=-1)
    get_user(backend, before["AccessToken"])
    clock.advance(seconds=1)
    assert refused(get_user, backend, before["AccessToken"]) == EXPIRED_TOKEN
    get_user(backend, app_client.refresh(before["RefreshToken"])["AccessToken"])


def test_a_new_key_is_published_before_it_signs(pool, app_client, backend, clock):
    pool.user()
    known = published(backend.store, pool)
    rotate(backend.store, pool, at_once=False)
    clock.advance(minutes=10, milliseconds=-1)
    assert header(app_client.tokens()["IdToken"])["kid"] in known
    seen_by_relying_parties = published(backend.store, pool)
    assert len(seen_by_relying_parties) == 4
    clock.advance(milliseconds=1)
    kid = header(app_client.tokens()["IdToken"])["kid"]
    assert kid not in known and kid in seen_by_relying_parties


def test_a_key_in_wrong_hands_gives_way_at_once_even_to_a_rotation_under_way(pool, app_client, backend, clock):
    pool.user()
    rotate(backend.store, pool, at_once=False)
    waiting = published(backend.store, pool)
    clock.advance(seconds=1)
    rotate(backend.store, pool)
    for minutes in (0, 11):
        clock.advance(minutes=minutes)
        assert header(app_client.tokens()["AccessToken"])["kid"] not in waiting


def test_a_pools_first_keys_sign_also_where_the_clock_is_behind(pool, app_client, backend, clock):
    pool.user()
    clock.advance(seconds=-90)
    assert header(app_client.tokens()["AccessToken"])["kid"] in published(backend.store, pool)


def test_a_compromised_key_is_good_for_nothing_from_then_on(pool, app_client, backend, clock):
    pool.user()
    before = app_client.tokens()
    clock.advance(seconds=1)
    backend.store.run(lambda call: keys.rotate(call, directory.pool(call, pool.id), compromised=True))
    assert len(published(backend.store, pool)) == 2
    assert refused(get_user, backend, before["AccessToken"]).startswith("NotAuthorizedException")
    get_user(backend, app_client.refresh(before["RefreshToken"])["AccessToken"])


def test_an_old_key_stays_published_until_the_last_token_it_signed_has_expired(pool, backend, clock):
    pool.user()
    client = pool.client(AccessTokenValidity=20, IdTokenValidity=24)
    old = published(backend.store, pool).keys()
    last = client.tokens()
    rotate(backend.store, pool)
    clock.advance(hours=24)
    clock.advance(**LEEWAY)
    clock.advance(milliseconds=-1)
    assert old <= published(backend.store, pool).keys()
    verified(backend.store, pool, last["IdToken"])
    clock.advance(milliseconds=1)
    assert not old & published(backend.store, pool).keys() and len(published(backend.store, pool)) == 2


def test_every_worker_sees_a_rotation_at_once(pool, app_client, backend):
    pool.user()
    store = backend.store
    worker = LocalBackend(store.settings, store.tools.clock)
    try:
        before = app_client.tokens()
        assert published(worker, pool) == published(store, pool)
        get_user(HeldToTheModel(worker), before["AccessToken"])
        rotate(worker, pool)
        after = app_client.tokens()  # signed by the first worker
        assert header(after["AccessToken"])["kid"] != header(before["AccessToken"])["kid"]
        assert published(worker, pool) == published(store, pool) and len(published(worker, pool)) == 4
        for tokens in (before, after):
            get_user(HeldToTheModel(worker), tokens["AccessToken"])
            get_user(backend, tokens["AccessToken"])
    finally:
        worker.close()


def test_a_rotation_is_one_pools_own(make_pool, backend):
    one, two = make_pool(), make_pool()
    before = published(backend.store, two)
    rotate(backend.store, one)
    assert published(backend.store, two) == before


def test_a_private_key_is_sealed_and_opens_in_its_own_row_alone(pool, app_client, backend):
    pool.user()
    store = backend.store
    with database.session(store.engine) as db:
        one, two = db.query(SigningKey).all()
        for row in (one, two):
            assert b"RSA" not in row.private_key and not row.private_key.startswith(b"0\x82")
        one.private_key, two.private_key = two.private_key, one.private_key
        db.commit()
    store.tools.remembered_keys.clear()
    with pytest.raises(ValueError):
        store.call("InitiateAuth", {"ClientId": app_client.id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
            "USERNAME": "user-1", "PASSWORD": "Passw0rd!"}}, OPERATOR)


def test_a_key_id_is_made_of_its_key(pool, backend):
    """So no two installations share one, and no token of one is ever looked for in the other."""
    for kid, jwk in published(backend.store, pool).items():
        assert kid == jwt.key_id(pyjwt.PyJWK(jwk).key)
