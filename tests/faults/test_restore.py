"""An older copy of the database is put back: after `authservice db restored` nothing spent or revoked holds again."""

import shutil

import pytest

from authservice.local import invariants
from authservice.local.backend import LocalBackend
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import EXPIRED, MFA_CODE_USED, REFRESH_REVOKED, Inbox, Pool, header, refused
from tests.faults.apps import rotating
from tests.faults.conftest import RealClock
from tests.services.server import command


class Restorable:
    """An installation whose database can be copied, and put back."""

    def __init__(self, instance, url: str = "", postgres=None):
        self.instance, self.url, self._postgres, self._copy = instance, url, postgres, None
        self.open()

    def open(self) -> None:
        self.store = LocalBackend(make_settings(self.instance, database_url=self.url))
        self.backend = HeldToTheModel(self.store)

    def copy(self) -> None:
        if self._postgres:
            self.store.close()
            self._copy = self._postgres.create_database(self.url.rpartition("/")[2])
            self.open()
        else:
            self._copy = self.instance / "copy.db"
            assert self.run("db", "backup", str(self._copy)).returncode == 0

    def restore(self) -> None:
        self.store.close()
        if self._postgres:
            self.url = self._copy
        else:
            for left in self.instance.glob("authservice.db-*"):
                left.unlink()
            shutil.copy(self._copy, self.instance / "authservice.db")
        self.open()

    def run(self, *arguments: str):
        return command(self.instance, *arguments, env={"AUTHSERVICE_DATABASE_URL": self.url})

    def faults(self) -> list[str]:
        return self.store.run(lambda call: list(invariants.violations(call)))


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path):
    postgres = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    house = Restorable(tmp_path, postgres.create_database() if postgres else "", postgres)
    yield house
    house.store.close()


class Journeys:
    """Two users at an app: one with an authenticator, one who waits to be confirmed; and what becomes of it all."""

    def __init__(self, house):
        self.pool = Pool.make(house.backend, Inbox(house.store), mfa="OPTIONAL")
        self.client = rotating(self.pool, grace=0)
        self.pool.user("user-1")
        self.app = self.client.set_up_totp("user-1", RealClock())
        self.pool.user("user-2")
        self.tokens = self.client.tokens("user-2")
        self.client.sign_up("user-3", email="user-3@example.com")
        self.code = self.pool.inbox.code("user-3@example.com")

    def again(self, house) -> "Journeys":
        """The same on the database as it is now."""
        self.pool.backend = self.client.backend = house.backend
        return self

    def spend_everything(self) -> str:
        """Use what is good once, end what can end; gives the authenticator's code that was used."""
        self.client.confirm("user-3", self.code)
        self.client.rotate(self.tokens["RefreshToken"])
        self.pool.call("AdminUserGlobalSignOut", "user-2")
        used = self.app.code(1)
        self.client.answer_totp(self.client.sign_in()["Session"], used)
        return used


def test_after_a_restore_nothing_that_was_spent_or_revoked_holds_again(house):
    journeys = Journeys(house)
    old_key = header(journeys.tokens["AccessToken"])["kid"]
    house.copy()
    code = journeys.again(house).spend_everything()
    house.restore()
    assert journeys.again(house).client.backend.call("GetUser", {"AccessToken": journeys.tokens["AccessToken"]})
    assert house.run("db", "restored").returncode == 1  # it asks first
    done = house.run("db", "restored", "--yes")
    assert done.returncode == 0 and "have ended" in done.stdout, done.stderr

    client = journeys.again(house).client
    assert refused(client.confirm, "user-3", journeys.code) == EXPIRED
    assert refused(client.rotate, journeys.tokens["RefreshToken"]) == REFRESH_REVOKED
    refused(house.backend.call, "GetUser", {"AccessToken": journeys.tokens["AccessToken"]})
    assert refused(client.answer_totp, client.sign_in()["Session"], code) == MFA_CODE_USED
    fresh = client.tokens("user-2")  # everybody may sign in anew
    assert house.backend.call("GetUser", {"AccessToken": fresh["AccessToken"]})["Username"] == "user-2"
    assert header(fresh["AccessToken"])["kid"] != old_key
    assert house.faults() == []
