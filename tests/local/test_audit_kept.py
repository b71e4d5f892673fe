"""The audit trail of real processes: killed in the middle of sign-ups, stopped with events that wait."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

from tests.contract.guest import PASSWORD
from tests.faults.guests import wait_until
from tests.faults.site import QUICK, Site
from tests.services.server import running_service

SIGN_UPS, KILLS = 24, (6, 14)
"""After so many answered sign-ups the service is killed."""


def sign_up_under_fire(site: Site) -> None:
    """Sign up in three threads while the service is killed and started again; some get no answer."""
    answered = []

    def sign_up(number: int) -> None:
        try:
            answered.append(site.call("SignUp", ClientId=site.client_id, Username=f"new-{number}", Password=PASSWORD))
        except OSError:
            answered.append(None)

    with ThreadPoolExecutor(3) as threads:
        for number in range(SIGN_UPS):
            threads.submit(sign_up, number)
        for enough in KILLS:
            wait_until(lambda: len(answered) >= enough)
            site.service.kill9()
            site.service.start()
    assert any(answered)


def test_after_kills_every_sign_up_has_its_event_and_every_event_its_user_and_a_stop_leaves_nothing_unwritten(tmp_path):
    with running_service(tmp_path, QUICK) as service:
        site = Site.make(service)
        sign_up_under_fire(site)
        with sqlite3.connect(tmp_path / "authservice.db") as db:
            users = {user for (user,) in db.execute("SELECT id FROM users WHERE username LIKE 'new-%'")}
            told = [user for (user,) in db.execute("SELECT user_id FROM events WHERE name = 'SignUp'"
                                                   " AND record NOT LIKE '%errorCode%'")]
        assert users == set(told) and len(told) == len(users) > 0

        refused = [site.call("GetUser", AccessToken="none")[0] for _ in range(20)]
        assert service.stop() == 0
        with sqlite3.connect(tmp_path / "authservice.db") as db:
            [(told,)] = db.execute("SELECT count(*) FROM events WHERE name = 'GetUser'")
        assert refused == [400] * 20 and told == 20
