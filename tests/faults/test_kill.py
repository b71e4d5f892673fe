"""kill -9 under load: what was acknowledged is there, nothing is there by halves, and asking again is safe."""

import contextlib
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from authservice.local.models import AuthorizationCode, Code, Name, OutboxMessage, RefreshToken, User
from tests.contract.guest import PASSWORD
from tests.faults.apps import browser, by_code, code_for, redeem, rotate, rotating
from tests.faults.conftest import Installation, database_of, installation
from tests.faults.guests import NO_ANSWER, OK, TIMES, Answer, Guest, wait_until
from tests.faults.site import Site
from tests.faults.stop_points import held_up

KILLS = 2 * TIMES
BETWEEN_KILLS = (30, 80)
"""So many answers come between one start and the next kill; how many is left to chance."""
CODES = 60 * TIMES


class Siege:
    """Guests of all kinds at an installation that is killed again and again.

    Each asks until he has an answer, other than "not now": after a kill the same thing again; what he got then is in
    `second_answers`, by what he asked.
    """

    def __init__(self, house: Installation):
        self.house, self.service, self.pool = house, house.services[0], house.pool()
        self.client, self.pool_client = by_code(self.pool), self.pool.client()
        for number in range(4):
            self.pool.user(f"guest-{number}")
        cookie, guest = browser(self.client, "guest-0"), self.guest()
        self.codes = [code_for(guest, self.client, cookie) for _ in range(CODES)]
        self.signed_up, self.redeemed, self.answered, self.over = [], {}, 0, False
        self.second_answers = {"SignUp": [], "redeem": [], "rotate": [], "rotate within the grace": []}
        self.last_tokens, self.found = {}, []

    def guest(self) -> Guest:
        return Guest(self.service.url, patient=True)

    def run(self) -> None:
        with ThreadPoolExecutor(8) as threads:
            work = [threads.submit(self.sign_up, first) for first in range(3)]
            work += [threads.submit(self.redeem, first) for first in range(2)]
            work += [threads.submit(self.refresh, f"guest-{1 + grace // 30}", grace) for grace in (0, 60)]
            try:
                for _ in range(KILLS):
                    enough = self.answered + random.randint(*BETWEEN_KILLS)
                    wait_until(lambda: self.answered >= enough or any(each.done() for each in work), 60)
                    self.service.kill9()
                    self.found += self.house.faults()
                    self.service.start()
                enough = self.answered + 20
                wait_until(lambda: self.answered >= enough or any(each.done() for each in work), 60)
            finally:
                self.over = True
            for each in work:
                each.result(60)

    def ask(self, kind: str, action) -> Answer:
        """Do it until an answer comes."""
        tries = 0
        while True:
            tries += 1
            try:
                answer = action()
            except NO_ANSWER:
                wait_until(lambda: self.service.process.poll() is None, 60)
                continue
            self.answered += 1
            if tries > 1:
                self.second_answers[kind].append(answer.outcome)
            else:
                assert answer.outcome == OK, answer
            return answer

    def sign_up(self, number: int) -> None:
        guest = self.guest()
        while not self.over:
            name = f"user-{number}"
            self.ask("SignUp", lambda: guest.call("SignUp", ClientId=self.pool_client.id, Username=name, Password=PASSWORD,
                                                  UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}]))
            self.signed_up.append(name)
            number += 3

    def redeem(self, first: int) -> None:
        guest = self.guest()
        for code in self.codes[first::2]:
            if self.over:
                return
            tokens = self.ask("redeem", lambda: redeem(guest, self.client, code)).tokens
            if tokens:
                self.redeemed[code] = tokens

    def refresh(self, name: str, grace: int) -> None:
        guest, client = self.guest(), rotating(self.pool, grace)
        tokens = client.tokens(name)
        while not self.over:
            token = tokens["RefreshToken"]
            kind = "rotate within the grace" if grace else "rotate"
            tokens = self.ask(kind, lambda: rotate(guest, client, token)).tokens or client.tokens(name)
            self.last_tokens[kind] = client, tokens


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request, tmp_path_factory):
    instance = tmp_path_factory.mktemp(request.param)
    with installation(instance, database_of(request.param, request), processes=1, workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def siege(house):
    siege = Siege(house)
    siege.run()
    return siege


def test_after_each_kill_and_at_the_end_nothing_is_there_by_halves(siege):
    assert siege.found == siege.house.faults() == []
    assert all('"level": "ERROR"' not in service.log for service in siege.house.services)


def test_whoever_signed_up_is_there_with_all_that_belongs_to_him(siege):
    assert len(siege.signed_up) > KILLS * 3

    def parts_of(call) -> dict[str, tuple]:
        def number(table, condition):
            return select(func.count()).select_from(table).where(condition).scalar_subquery()

        return {name: tuple(parts) for name, *parts in call.db.execute(select(
            User.username, User.srp_verifier.is_not(None), number(Name, Name.user_id == User.id),
            number(Code, Code.user_id == User.id),
            number(OutboxMessage, OutboxMessage.recipient == User.username + "@example.com"))
            .where(User.status == "UNCONFIRMED"))}

    users = siege.house.store.run(parts_of)
    assert {name: users.get(name) for name in siege.signed_up} == dict.fromkeys(siege.signed_up, (True, 2, 1, 1))
    assert set(users.values()) == {(True, 2, 1, 1)}
    for name in siege.signed_up[:2] + siege.signed_up[-2:]:
        siege.pool_client.confirm(name, siege.pool.inbox.code(f"{name}@example.com"))
        assert siege.pool_client.tokens(name)["AccessToken"]


def test_whoever_got_no_answer_may_ask_again(siege):
    """What had happened before the kill is told as such, and what had not happens now; it is never a fault of ours."""
    assert set(siege.second_answers["SignUp"]) <= {OK, "UsernameExistsException"}
    assert set(siege.second_answers["redeem"]) <= {OK, "invalid_grant"}
    assert set(siege.second_answers["rotate"]) <= {OK, "RefreshTokenReuseException"}
    assert set(siege.second_answers["rotate within the grace"]) <= {OK}
    assert sum(map(len, siege.second_answers.values())) >= KILLS


def test_tokens_that_came_work_and_a_code_is_spent_if_they_were_written(siege):
    guest = siege.guest()
    assert {guest.user_info(tokens["AccessToken"]).status for tokens in siege.redeemed.values()} == {200}
    for client, tokens in siege.last_tokens.values():
        assert rotate(guest, client, tokens["RefreshToken"]).outcome == OK

    def spent(call) -> tuple[int, int]:
        codes = select(AuthorizationCode.sign_in_id).where(AuthorizationCode.used_at.is_not(None))
        tokens = select(func.count(RefreshToken.sign_in_id.distinct())).where(RefreshToken.sign_in_id.in_(codes))
        return len(call.db.scalars(codes).all()), call.db.scalar(tokens)

    codes, families = siege.house.store.run(spent)
    assert codes == families >= len(siege.redeemed) > KILLS


@pytest.mark.parametrize("doing", ["redeem", "rotate"])
def test_what_is_killed_between_its_claim_and_its_commit_has_not_happened(house, doing):
    pool, service = house.pool(), house.services[0]
    pool.user()
    client = by_code(pool)
    guest = Guest(service.url, patient=True)
    if doing == "redeem":
        code = code_for(guest, client, browser(client))
        action = lambda: redeem(guest, client, code)  # noqa: E731
    else:
        token = client.tokens()["RefreshToken"]
        action = lambda: rotate(guest, client, token)  # noqa: E731
    with ThreadPoolExecutor(1) as threads:
        with held_up(house.store) as number:
            asked = threads.submit(action)
            wait_until(lambda: number() == 1)
            service.kill9()
        assert isinstance(asked.exception(30), NO_ANSWER)
    assert house.faults() == []
    service.start()
    assert action().outcome == OK
    assert action().outcome in ("invalid_grant", "RefreshTokenReuseException")


def test_a_worker_that_is_killed_is_replaced_and_the_other_goes_on(house):
    """As when memory runs out, and the system takes a worker for it. That the new one works is seen when it is alone."""
    service = house.services[0]
    site = Site(service)

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return site.ask("GET", "/readyz")[0] == 200

    first, second = site.workers
    for victim in (first, second):
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in site.workers and len(site.workers) == 2)
        wait_until(answers)
    assert not {first, second} & set(site.workers)
    service.kill9()  # for a worker that only just begins does not hear a SIGTERM
