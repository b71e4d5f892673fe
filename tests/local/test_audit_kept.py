"""The audit trail of real processes: killed in the middle of sign-ups, stopped with events that wait."""

import sqlite3

from tests.contract.guest import Pool
from tests.local.test_crash import QUICK, guest, post, sign_up_under_fire
from tests.services.server import running_service


def test_after_kills_every_sign_up_has_its_event_and_every_event_its_user_and_a_stop_leaves_nothing_unwritten(tmp_path):
    with running_service(tmp_path, QUICK) as service:
        backend, inbox = guest(service, tmp_path)
        client = Pool.make(backend, inbox).client()
        sign_up_under_fire(service, client)
        with sqlite3.connect(tmp_path / "authservice.db") as db:
            users = {user for (user,) in db.execute("SELECT id FROM users")}
            told = [user for (user,) in db.execute("SELECT user_id FROM events WHERE name = 'SignUp'"
                                                   " AND record NOT LIKE '%errorCode%'")]
        assert users == set(told) and len(told) == len(users)

        refused = [post(service, "GetUser", {"AccessToken": "none"})[0] for _ in range(20)]
        assert service.stop() == 0
        with sqlite3.connect(tmp_path / "authservice.db") as db:
            [(told,)] = db.execute("SELECT count(*) FROM events WHERE name = 'GetUser'")
        assert refused == [400] * 20 and told == 20
