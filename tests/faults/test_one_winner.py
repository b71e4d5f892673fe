"""Several workers are asked the same thing at the same instant: what is there once is given once."""

import pytest

from authservice.local.models import Code
from tests.contract.guest import PASSWORD, claims
from tests.faults.apps import browser, by_code, code_for, redeem, rotate, rotating
from tests.faults.conftest import RealClock
from tests.faults.guests import OK, TIMES, at_once, wait_until

GUESTS = 16


def test_of_all_who_redeem_one_code_one_wins_and_a_later_replay_ends_what_it_won(house):
    """Impatience is no theft: what comes within a second of the first use is refused, and the first use stands."""
    guests, pool = house.guests(8), house.pool()
    pool.user()
    client = by_code(pool)
    cookie, spent = browser(client), {}
    for _ in range(5 * TIMES):
        code = code_for(guests[0], client, cookie)
        answers = at_once(*[lambda guest=guest: redeem(guest, client, code) for guest in guests])
        assert sorted(answer.outcome for answer in answers) == [OK] + ["invalid_grant"] * 7
        (spent[code],) = [answer.tokens for answer in answers if answer.outcome == OK]
        assert [guest.user_info(spent[code]["AccessToken"]).status for guest in guests[:4]] == [200] * 4

    def all_are_revoked() -> bool:
        assert {redeem(guests[0], client, code).outcome for code in spent} == {"invalid_grant"}
        return all(guests[1].user_info(tokens["AccessToken"]).status == 401 for tokens in spent.values())

    wait_until(all_are_revoked)
    assert {rotate(guests[2], client, tokens["RefreshToken"]).status for tokens in spent.values()} == {400}


@pytest.mark.parametrize("grace", [0, 30])
def test_of_all_who_refresh_by_one_token_there_is_one_family(house, grace):
    """Without a grace one of them gets a successor; with it all do, in the family of the token. At whichever isolation
    PostgreSQL works, nobody hears of it."""
    guests, pool = house.guests(4), house.pool()
    pool.user()
    client = rotating(pool, grace)
    for _ in house.isolation_levels():
        for _ in range(8 * TIMES):
            first = client.tokens()
            answers = at_once(*[lambda guest=guest: rotate(guest, client, first["RefreshToken"]) for guest in guests])
            outcomes = [answer.outcome for answer in answers]
            assert outcomes.count(OK) == (4 if grace else 1), outcomes
            assert set(outcomes) <= {OK, "RefreshTokenReuseException", "NotAuthorizedException"}, outcomes
            assert {family(answer.tokens) for answer in answers if answer.outcome == OK} == {family(first)}


def family(tokens: dict) -> str:
    return claims(tokens["AccessToken"])["origin_jti"]


def test_a_confirmation_code_confirms_once_and_every_try_is_counted(house):
    """Fifteen tries an hour: of sixteen at once the last is not even looked at."""
    guests, pool = house.guests(GUESTS), house.pool()
    client = pool.client()
    for name in ("user-1", "user-2", "user-3"):
        client.sign_up(name, email=f"{name}@example.com")
        code = pool.inbox.code(f"{name}@example.com")

        def confirm(guest, given=code, name=name) -> str:
            return guest.call("ConfirmSignUp", ClientId=client.id, Username=name, ConfirmationCode=given).outcome

        wrong = at_once(*[lambda guest=guest: confirm(guest, "no-code") for guest in guests[:5]])
        assert wrong == ["CodeMismatchException"] * 5 and wrong_tries(house, client, name) == 5
        outcomes = at_once(*[lambda guest=guest: confirm(guest) for guest in guests])
        assert outcomes.count(OK) == 1 and outcomes.count("LimitExceededException") == 6, outcomes
        assert set(outcomes) == {OK, "LimitExceededException"} | set(outcomes) & {
            "ExpiredCodeException", "NotAuthorizedException"}
        assert pool.status(name) == "CONFIRMED" and pool.attributes(name)["email_verified"] == "true"


def wrong_tries(house, client, name: str) -> int:
    """What the code of this user has borne already."""
    sub = client.pool.attributes(name)["sub"]
    return house.store.run(lambda call: call.db.get(Code, (sub, "SignUp")).tries)


def test_an_authenticators_code_signs_in_at_one_of_the_workers(house):
    guests, pool = house.guests(GUESTS), house.pool(mfa="OPTIONAL")
    client = pool.client()
    pool.user()
    app = client.set_up_totp("user-1", RealClock())
    sessions = [client.sign_in()["Session"] for _ in guests]
    code = app.code(1)  # the set-up has used the code of now

    def answer(guest, session) -> str:
        return guest.call("RespondToAuthChallenge", ClientId=client.id, ChallengeName="SOFTWARE_TOKEN_MFA",
                          Session=session, ChallengeResponses={
                              "USERNAME": "user-1", "SOFTWARE_TOKEN_MFA_CODE": code}).outcome

    outcomes = at_once(*[lambda guest=guest, session=session: answer(guest, session)
                         for guest, session in zip(guests, sessions)])
    assert sorted(outcomes) == [OK] + ["ExpiredCodeException"] * (GUESTS - 1)
    again = guests[0].call("InitiateAuth", ClientId=client.id, AuthFlow="USER_PASSWORD_AUTH",
                           AuthParameters={"USERNAME": "user-1", "PASSWORD": PASSWORD}).body["Session"]
    assert answer(guests[1], again) == "ExpiredCodeException"
