"""What was changed at one worker holds at all of them; and keys are changed while tokens are made and checked."""

import random
from datetime import timedelta
from functools import partial

import jwt
import pytest

from authservice.local.accounts import directory
from authservice.local.tokens import keys
from tests.contract.guest import header
from tests.faults.apps import rotating
from tests.faults.conftest import Installation
from tests.faults.guests import OK, Guest, meanwhile, wait_until

ROTATIONS = 3
AT_THE_LATEST = 1
"""Seconds after which a change holds at every worker."""


def everywhere(house: Installation, shows) -> None:
    """It shows at each worker within a second, and from then on."""
    guests = house.guests(12)
    wait_until(lambda: all(map(shows, guests)), AT_THE_LATEST)
    assert all(shows(guest) for guest in guests * 2)


def refreshed(guest: Guest, client, token: str) -> dict:
    """The AuthenticationResult of REFRESH_TOKEN_AUTH."""
    return guest.call("InitiateAuth", ClientId=client.id, AuthFlow="REFRESH_TOKEN_AUTH",
                      AuthParameters={"REFRESH_TOKEN": token}).body["AuthenticationResult"]


def test_an_app_client_changed_at_one_worker_is_changed_at_all(house):
    pool = house.pool()
    pool.user()
    client = pool.client()
    token = client.tokens()["RefreshToken"]
    for minutes, guest in zip((5, 10, 15, 20), house.guests(4)):
        assert guest.call("UpdateUserPoolClient", UserPoolId=pool.id, ClientId=client.id, AccessTokenValidity=minutes,
                          TokenValidityUnits={"AccessToken": "minutes"},
                          ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"]).outcome == OK

        def shows(guest) -> bool:
            return refreshed(guest, client, token)["ExpiresIn"] == minutes * 60

        assert shows(guest)  # at once, for whoever did it
        everywhere(house, shows)


def test_a_token_revoked_at_one_worker_is_revoked_at_all(house):
    pool = house.pool()
    pool.user()
    client = rotating(pool, grace=30)
    for guest in house.guests(4):
        tokens = client.tokens()
        for other in house.guests(8):  # all have seen that it was good
            assert other.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == OK
        assert guest.call("RevokeToken", ClientId=client.id, Token=tokens["RefreshToken"]).outcome == OK

        def shows(guest) -> bool:
            return guest.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == "NotAuthorizedException"

        assert shows(guest)
        everywhere(house, shows)


def rotated(house: Installation, pool, **how) -> None:
    """What `authservice keys rotate` does."""
    house.store.run(lambda call: keys.rotate(call, directory.pool(call, pool.id), **how))


def published(guest: Guest, pool) -> dict[str, jwt.PyJWK]:
    """The keys that this worker publishes, by kid."""
    found = guest.get(f"/{pool.id}/.well-known/jwks.json")
    assert found.status == 200
    return {key["kid"]: jwt.PyJWK(key) for key in found.body["keys"]}


@pytest.mark.parametrize("compromised", [False, True])
def test_keys_rotated_by_the_operator_are_rotated_at_every_worker(house, compromised):
    """The new ones sign there; and compromised ones are good for nothing there, though their tokens were known."""
    pool = house.pool()
    pool.user()
    client = pool.client()
    tokens = client.tokens()
    for guest in house.guests(8):
        assert guest.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == OK
    old = published(house.guests(1)[0], pool).keys()
    rotated(house, pool, at_once=True, compromised=compromised)

    def shows(guest) -> bool:
        now = published(guest, pool).keys()
        kid = header(refreshed(guest, client, tokens["RefreshToken"])["AccessToken"])["kid"]
        works = guest.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == OK
        return kid in now - old and bool(old & now) != compromised and works != compromised

    everywhere(house, shows)


@pytest.mark.parametrize("at_once", [False, True])
def test_keys_are_rotated_under_load_and_every_token_verifies_at_every_worker(house, at_once):
    """By the keys that an app has got from any of them: after the token, or before it where the new ones were published
    first. A key that has a successor is kept as long as the longest token may live."""
    pool = house.pool()
    pool.user()
    client = pool.client(AccessTokenValidity=24, IdTokenValidity=24)
    token = client.tokens()["RefreshToken"]

    def an_app(guests: list[Guest]) -> dict:
        first, second, third = random.sample(guests, 3)
        known = {} if at_once else published(first, pool)
        tokens = refreshed(second, client, token)
        verify(tokens, known or published(first, pool))
        assert third.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == OK
        return tokens

    with meanwhile(*[partial(an_app, house.guests(6)) for _ in range(2)]) as seen:
        for _ in range(ROTATIONS):
            rotated(house, pool, at_once=at_once)
            enough = len(seen) + 10
            wait_until(lambda: len(seen) >= enough)
    of_each_key = {header(tokens["AccessToken"])["kid"]: tokens for tokens in seen}
    for guest in house.guests(8):
        known = published(guest, pool)
        assert len(known) == 2 + 2 * ROTATIONS
        for tokens in of_each_key.values():
            verify(tokens, known)
    kept = house.store.run(lambda call: [key.served_until for key, _ in keys.published(
        call, directory.pool(call, pool.id)) if key.served_until])
    assert len(kept) == 2 * ROTATIONS and min(kept) > house.store.tools.clock() + timedelta(hours=24)


def verify(tokens: dict, known: dict[str, jwt.PyJWK]) -> None:
    for name in ("AccessToken", "IdToken"):
        key = known[header(tokens[name])["kid"]]
        jwt.decode(tokens[name], key, algorithms=["RS256"], options={"verify_aud": False})
