"""A sign-in ends while it is being refreshed, or is only just coming about: after the answer nothing of it works."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.guest import PASSWORD
from tests.faults.apps import browser, by_code, code_for, redeem, rotate, rotating
from tests.faults.guests import OK, TIMES, Guest, at_once, wait_until
from tests.faults.stop_points import held_up

ROUNDS = 4 * TIMES
MOST_REFRESHES = 50
"""An end comes sooner than so many by one guest."""


@pytest.mark.parametrize("ending", ["RevokeToken", "GlobalSignOut", "AdminUserGlobalSignOut", "AdminSetUserPassword"])
def test_after_its_end_no_token_of_a_family_works_whatever_was_being_refreshed(house, ending):
    guests, pool = house.guests(4), house.pool()
    pool.user()
    client = rotating(pool, grace=30)
    for _ in range(ROUNDS):
        first = client.tokens()
        seen = [first]

        def refresh(guest: Guest) -> None:
            last = first
            for _ in range(MOST_REFRESHES):
                last = rotate(guest, client, last["RefreshToken"]).tokens
                if not last:
                    return
                seen.append(last)

        def end() -> int:
            members = {"RevokeToken": {"ClientId": client.id, "Token": first["RefreshToken"]},
                       "GlobalSignOut": {"AccessToken": first["AccessToken"]}}
            if ending in members:
                return guests[3].call(ending, **members[ending]).status
            new = {"Password": PASSWORD, "Permanent": True} if ending == "AdminSetUserPassword" else {}
            return 200 if pool.call(ending, "user-1", **new) == {} else 0

        *_, status = at_once(*[lambda guest=guest: refresh(guest) for guest in guests[:3]], end)
        assert status == 200
        for number, tokens in enumerate(seen):
            is_over(guests[number % 4], client, tokens)


def is_over(guest: Guest, client, tokens: dict) -> None:
    assert guest.call("GetUser", AccessToken=tokens["AccessToken"]).outcome == "NotAuthorizedException"
    assert rotate(guest, client, tokens["RefreshToken"]).outcome == "NotAuthorizedException"


def test_what_a_browser_was_just_about_to_get_is_worth_nothing_after_a_global_sign_out(house):
    """Codes that are being redeemed, and one that is being given."""
    guests, pool = house.guests(4), house.pool()
    pool.user()
    client = by_code(pool)
    for _ in range(ROUNDS):
        cookie = browser(client)
        codes = [code_for(guests[0], client, cookie) for _ in range(3)]
        *answers, _, late_code = at_once(
            *[lambda guest=guest, code=code: redeem(guest, client, code) for guest, code in zip(guests, codes)],
            lambda: pool.call("AdminUserGlobalSignOut", "user-1"), lambda: code_for(guests[3], client, cookie))
        for guest, answer in zip(guests, answers):
            assert answer.outcome in (OK, "invalid_grant")
            if answer.tokens:
                is_over(guest, client, answer.tokens)
        assert late_code is None or redeem(guests[0], client, late_code).outcome == "invalid_grant"
        assert code_for(guests[0], client, cookie) is None


def test_a_code_that_is_half_redeemed_is_waited_for_and_its_tokens_end_with_the_others(house):
    """The sign-out comes between the redemption's claim and its commit. SQLite lets nobody in between."""
    guests, pool = house.guests(2), house.pool()
    pool.user()
    client = by_code(pool)
    code = code_for(guests[0], client, browser(client))
    if house.store.engine.dialect.name == "sqlite":
        return
    with ThreadPoolExecutor(2) as threads:
        with held_up(house.store) as number:
            redeeming = threads.submit(redeem, guests[0], client, code)
            wait_until(lambda: number() == 1)
            ending = threads.submit(pool.call, "AdminUserGlobalSignOut", "user-1")
            wait_until(lambda: ending.done() or number() == 2)
        assert ending.result() == {}
        tokens = redeeming.result().tokens
    if tokens:
        is_over(guests[1], client, tokens)
