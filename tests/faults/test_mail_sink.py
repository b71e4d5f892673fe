"""The mail server is away, hangs or says no slowly: sign-up answers at once, nobody is lost, and a code comes later."""

import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from authservice.local import database, invariants
from authservice.local.backend import LocalBackend
from authservice.local.messaging import delivery
from authservice.local.models import OutboxMessage
from tests.conftest import HeldToTheModel, ready_made_keys  # noqa: F401  a fixture for every test here
from tests.contract.guest import MISMATCH, Client, Inbox, Pool, refused
from tests.faults.guests import wait_until
from tests.services import smtp

MANY = 20


class Sink:
    """A mail server in trouble: it takes a connection and, line by line, says `lines`; then not a word more, until it
    is let go. Without lines it hangs from the start."""

    def __init__(self, *lines: bytes):
        self._lines, self._listener = lines, socket.create_server(("127.0.0.1", 0))
        self.taken, self._over = [], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.taken.append(connection)
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        try:
            for line in self._lines:
                connection.sendall(line)
                connection.recv(1024)
            self._over.wait(30)
        except OSError:
            pass  # the courier has hung up

    def end(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.taken:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(10)


@contextmanager
def sink(*lines: bytes):
    running = Sink(*lines)
    try:
        yield running
    finally:
        running.end()


HELLO, TAKES = b"220 sink\r\n", b"250 ok\r\n"
TROUBLE = {
    "hangs before a word": (),
    "hangs before the message": (HELLO, TAKES, TAKES, TAKES),
    "hangs after the message": (HELLO, TAKES, TAKES, TAKES, b"354 go on\r\n"),
    "says its no without an end": (HELLO, TAKES, b"450-not yet\r\n"),
}


@pytest.fixture
def sending(settings, clock):
    """Make backends that send to a URL, all over one database. Afterwards all is in order in it."""
    made = []

    def make(url: str) -> LocalBackend:
        made.append(LocalBackend(replace(settings, smtp_url=url), clock))
        return made[-1]

    yield make
    for store in made:
        store.close()
    assert made[0].run(lambda call: list(invariants.violations(call))) == []


def address(number: int) -> str:
    return f"user-{number}@example.com"


def client_of(store: LocalBackend) -> Client:
    return Pool.make(HeldToTheModel(store), Inbox(store)).client()


def messages(store: LocalBackend) -> list[OutboxMessage]:
    with database.session(store.engine) as db:
        return list(db.scalars(select(OutboxMessage).order_by(OutboxMessage.next_try_at)))


@pytest.mark.parametrize("trouble", TROUBLE)
def test_who_signs_up_waits_for_no_mail_server(sending, trouble):
    with sink(*TROUBLE[trouble]) as server:
        store = sending(server.url)
        client = client_of(store)
        threads = threading.active_count()
        for number in range(MANY):
            client.sign_up(f"user-{number}", email=address(number))
        wait_until(lambda: server.taken)
        client.call("ResendConfirmationCode", "user-0")
        assert len(server.taken) == 1 and threading.active_count() <= threads + 1, "the courier alone waits"
        assert store.load()["database_connections"] == 0, "and holds nothing that a request needs"
        assert {user["UserStatus"] for user in client.pool.call("ListUsers")["Users"]} == {"UNCONFIRMED"}
        assert sum(row.tries for row in messages(store)) == 1 and len(messages(store)) == MANY + 1


@pytest.mark.parametrize("no, known_as", [
    (b"451 4.7.1 later\r\n", "451 4.7.1"), (b"554 5.3.4 full\r\n", "554 5.3.4")])
@pytest.mark.parametrize("after", [0, 2, 3])
def test_a_no_at_any_moment_is_written_down_and_tried_again_in_ten_seconds(sending, clock, after, no, known_as):
    with sink(*(HELLO, TAKES, TAKES)[:after], no, TAKES) as server:
        store = sending(server.url)
        store.courier.stop()
        client_of(store).sign_up("user-0", email=address(0))
        assert delivery.Courier(store).deliver_due() == 0
        [row] = messages(store)
        assert row.error.endswith(known_as) and row.next_try_at == clock.now + delivery.FIRST_WAIT
        assert row.content is not None and len(server.taken) == 1
        assert delivery.Courier(store).deliver_due() == 0 and len(server.taken) == 1, "nor is it asked before"


def test_a_code_asked_for_again_confirms_once_the_mail_server_is_back(sending, clock):
    with smtp.running() as back, sink(*TROUBLE["hangs before the message"]) as hanging:
        client = client_of(sending(hanging.url))
        client.sign_up("user-0", email=address(0))
        wait_until(lambda: hanging.taken)
        lost = client.inbox.code(address(0))
        client.call("ResendConfirmationCode", "user-0")
        assert refused(client.confirm, "user-0", lost) == MISMATCH, "a newer one is under way"
        again = sending(back.url)
        again.courier.stop()
        delivery.Courier(again).deliver_due()
        clock.now += delivery.CLAIM
        delivery.Courier(again).deliver_due()
        codes = [re.search(r"\d{6}", mail.message.get_body(["plain"]).get_content())[0] for mail in back.messages]
        assert len(codes) == 2 and codes[1] == lost, "the message that the hanging server has in hand comes late"
        client.confirm("user-0", codes[0])
        assert client.pool.status("user-0") == "CONFIRMED"
