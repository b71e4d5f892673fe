"""The way out: mail leaves through a real SMTP server, once, and none is lost when the server fails."""

import logging
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from authservice.config import SettingsError
from authservice.local import database
from authservice.local.backend import LocalBackend
from authservice.local.messaging import delivery, outbox
from authservice.local.models import OutboxMessage, Pool
from tests.conftest import make_settings
from tests.local.test_messaging import make_pool, sign_up
from tests.services import free_port, smtp
from tests.services.server import ROOT

# With smtps, TLS comes before SMTP: aiosmtpd does not see it.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def stored(backend) -> list[OutboxMessage]:
    with database.session(backend.engine) as db:
        return list(db.scalars(select(OutboxMessage)))


@pytest.fixture
def mail_server():
    with smtp.running() as server:
        yield server


@pytest.fixture
def sending(tmp_path, empty_database, clock, request):
    """Make backends that send by SMTP, all over one database. Their own threads sleep: the test delivers."""

    def make(url: str, threads: bool = False, **given) -> LocalBackend:
        if not (tmp_path / "authservice.db").exists():
            shutil.copy(empty_database, tmp_path / "authservice.db")
        backend = LocalBackend(make_settings(tmp_path, smtp_url=url, **given), clock)
        request.addfinalizer(backend.close)
        if not threads:
            backend.courier.stop()
        return backend

    return make


def deliver(backend) -> int:
    return delivery.Courier(backend).deliver_due()


class Letterbox(list):
    """Messages that can be waited for."""

    def __init__(self):
        self.arrived = threading.Semaphore(0)

    def append(self, message):
        super().append(message)
        self.arrived.release()


def test_mail_leaves_by_itself_after_the_commit(sending, mail_server):
    mail_server.messages = Letterbox()
    backend = sending(mail_server.url, threads=True)
    sign_up(backend, make_pool(backend))
    assert mail_server.messages.arrived.acquire(timeout=30)
    received = mail_server.messages[0]
    assert received.recipients == ["user-1@example.com"]
    assert received.sender == "no-reply@authservice.local"


def test_a_mail_can_be_read_as_plain_text_and_as_html(sending, mail_server, clock):
    backend = sending(mail_server.url, mail_from="The Shop <shop@example.com>")
    template = {"EmailSubject": "Grüße", "EmailMessage": "<p>Your code:</p><b>{####}</b>"}
    sign_up(backend, make_pool(backend, VerificationMessageTemplate=template))
    code = outbox.recent(backend)[0]["code"]
    assert deliver(backend) == 1
    received = mail_server.messages[0]
    mail = received.message
    assert mail.get_body(["plain"]).get_content().split() == ["Your", "code:", code]
    assert mail.get_body(["html"]).get_content().strip() == f"<p>Your code:</p><b>{code}</b>"
    assert (mail["Subject"], mail["To"], mail["From"]) == (
        "Grüße", "user-1@example.com", "The Shop <shop@example.com>")
    assert received.sender == "shop@example.com"
    assert mail["Date"].datetime == clock.now
    assert mail["Message-ID"] == f"<{stored(backend)[0].id}@example.com>"


def test_a_delivered_message_is_erased(sending, mail_server, clock):
    backend = sending(mail_server.url)
    sign_up(backend, make_pool(backend))
    clock.advance(minutes=1)
    assert deliver(backend) == 1
    [row] = stored(backend)
    assert row.content is None and row.next_try_at is None and row.sent_at == clock.now
    [message] = outbox.recent(backend)
    assert [message[name] for name in ("code", "link", "subject", "text")] == [None] * 4
    assert datetime.fromisoformat(message["sent_at"]) == clock.now
    clock.advance(days=2)
    assert deliver(backend) == 0 and len(mail_server.messages) == 1


@pytest.mark.parametrize("mode", ["refuses", "drops"])
def test_a_failing_server_loses_no_sign_up_and_no_message(sending, mail_server, clock, mode):
    mail_server.mode = mode
    backend = sending(mail_server.url)
    client_id = make_pool(backend)
    sign_up(backend, client_id)
    assert deliver(backend) == 0
    [message] = outbox.recent(backend)
    assert message["sent_at"] is None and message["code"]
    mail_server.mode = "accepts"
    assert deliver(backend) == 0, "the server is left alone for a while"
    clock.advance(seconds=10)
    assert deliver(backend) == 1
    assert message["code"] in mail_server.messages[0].message.get_body(["plain"]).get_content()
    backend.call("ConfirmSignUp", {"ClientId": client_id, "Username": "user-1",
                                   "ConfirmationCode": message["code"]})


def test_tries_become_rarer_up_to_once_an_hour(sending, clock):
    backend = sending(f"smtp://127.0.0.1:{free_port()}")
    sign_up(backend, make_pool(backend))
    waits = []
    for _ in range(12):
        deliver(backend)
        [row] = stored(backend)
        waits.append((row.next_try_at - clock.now).total_seconds())
        clock.now = row.next_try_at
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]


def test_a_message_is_given_up_after_a_day_and_still_kept(sending, mail_server, clock):
    mail_server.mode = "refuses"
    backend = sending(mail_server.url)
    sign_up(backend, make_pool(backend))
    clock.advance(hours=23, minutes=59)
    deliver(backend)
    assert stored(backend)[0].next_try_at is not None
    clock.advance(hours=1)
    deliver(backend)
    [row] = stored(backend)
    assert row.next_try_at is None and row.content is not None
    assert row.error == "SMTPRecipientsRefused 550 5.1.1"
    [message] = outbox.recent(backend)
    assert message["sent_at"] is None and message["code"]


def test_neither_log_nor_error_tells_recipient_or_code(sending, mail_server, clock, caplog):
    caplog.set_level(logging.DEBUG, "authservice")
    mail_server.mode = "refuses"
    backend = sending(mail_server.url)
    sign_up(backend, make_pool(backend))
    code = outbox.recent(backend)[0]["code"]
    deliver(backend)
    row = stored(backend)[0]
    mail_server.mode = "accepts"
    clock.advance(minutes=1)
    deliver(backend)
    room = "authservice.local.messaging"
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(room)]
    assert lines == [f"message {row.id} SignUp try 1: not yet: SMTPRecipientsRefused 550 5.1.1",
                     f"message {row.id} SignUp try 2: delivered"]
    assert code not in caplog.text + row.error and "user-1" not in caplog.text + row.error


@pytest.fixture
def hanging():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"smtp://127.0.0.1:{listener.getsockname()[1]}"


def test_a_hanging_server_holds_no_call(sending, hanging):
    backend = sending(url_of(hanging), threads=True)
    client_id = make_pool(backend)
    sign_up(backend, client_id)
    connection, _ = hanging.accept()
    with connection:
        connection.settimeout(0)
        sign_up(backend, client_id, "user-2")  # returns although the courier waits in vain meanwhile
        with pytest.raises(BlockingIOError):  # the courier is still there: it has neither spoken nor hung up
            connection.recv(1)
    addresses = {message["to"] for message in outbox.recent(backend)}
    assert addresses == {"user-1@example.com", "user-2@example.com"}
    hanging.close()


def test_a_hanging_server_is_left_after_a_while(sending, hanging, monkeypatch):
    assert delivery.SMTP_TIMEOUT == 10
    monkeypatch.setattr(delivery, "SMTP_TIMEOUT", 0.1)
    backend = sending(url_of(hanging))
    sign_up(backend, make_pool(backend))
    assert deliver(backend) == 0
    assert stored(backend)[0].error == "SMTPServerDisconnected"


DELIVERY = """
import sys
from datetime import datetime
from pathlib import Path
from authservice.config import Settings
from authservice.local.backend import LocalBackend
settings = Settings(instance=Path(sys.argv[1]), smtp_url=sys.argv[2])
LocalBackend(settings, lambda: datetime.fromisoformat(sys.argv[3])).courier.deliver_due()
"""


def test_a_message_that_a_killed_worker_had_in_hand_is_sent_by_another(sending, hanging, mail_server, clock):
    backend = sending(mail_server.url)
    sign_up(backend, make_pool(backend))
    worker = subprocess.Popen([sys.executable, "-c", DELIVERY, backend.settings.instance, url_of(hanging),
                               clock.now.isoformat()], cwd=ROOT)
    try:
        connection, _ = hanging.accept()
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    connection.close()
    assert deliver(backend) == 0, "nobody can know yet that the worker is dead"
    clock.now += delivery.CLAIM
    assert deliver(backend) == 1
    assert mail_server.messages[0].recipients == ["user-1@example.com"]


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_couriers_who_share_an_outbox_send_each_message_once(sending, mail_server, where, request):
    on = {}
    if where == "postgresql":
        on["database_url"] = request.getfixturevalue("postgres").create_database()
    backends = [sending(mail_server.url, **on) for _ in range(4)]
    client_id = make_pool(backends[0])
    names = [f"user-{number}" for number in range(12)]
    for name in names:
        sign_up(backends[0], client_id, name)
    with ThreadPoolExecutor(len(backends)) as at_once:
        assert sum(at_once.map(deliver, backends)) == len(names)
    assert sorted(received.recipients[0] for received in mail_server.messages) == sorted(
        f"{name}@example.com" for name in names)


def test_a_subject_cannot_add_a_header(sending, mail_server):
    backend = sending(mail_server.url)
    template = {"EmailSubject": "Hello\r\nBcc: user-9@example.com\r\n\r\nbody", "EmailMessage": "Code {####}"}
    sign_up(backend, make_pool(backend, VerificationMessageTemplate=template))
    assert deliver(backend) == 1
    [received] = mail_server.messages
    assert received.recipients == ["user-1@example.com"]
    assert received.message["Subject"] == "Hello Bcc: user-9@example.com body"
    assert received.message["Bcc"] is None


@pytest.mark.parametrize("recipient", [
    "user-1@example.com\r\nBcc: user-9@example.com", "user-1@example.com, user-9@example.com",
    "user-1@example.com> RCPT TO:<user-9@example.com", "user-1@example.com\n", "nobody", ""])
def test_what_is_not_one_address_is_sent_to_nobody_and_holds_up_nobody(sending, mail_server, recipient):
    backend = sending(mail_server.url)
    client_id = make_pool(backend)
    backend.run(lambda call: outbox.post(call, call.db.scalar(select(Pool)), recipient, "EMAIL", "SignUp",
                                         "Hello", "Hello"))
    sign_up(backend, client_id)
    assert deliver(backend) == 1
    assert [received.recipients for received in mail_server.messages] == [["user-1@example.com"]]
    kept = [row for row in stored(backend) if row.content is not None]
    assert [row.recipient for row in kept] == [recipient] and kept[0].error


def test_a_server_that_parts_rudely_after_taking_a_mail_gets_it_once(sending, clock):
    class Rude(smtp.MailServer):
        async def handle_QUIT(self, server, session, envelope):
            return "421 4.3.2 go away"

    server = Rude(free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        backend = sending(server.url)
        sign_up(backend, make_pool(backend))
        assert deliver(backend) == 1
        clock.advance(hours=1)
        assert deliver(backend) == 0 and len(server.messages) == 1
    finally:
        controller.stop()


# The server's name, its certificate, our password

@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost, in files: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    (tmp_path / "server.crt").write_bytes(made.public_bytes(pem))
    (tmp_path / "server.key").write_bytes(key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return tmp_path / "server.crt", tmp_path / "server.key"


@pytest.fixture(params=["starttls", "smtps"])
def guarded(request, certificate):
    """A server that takes mail over TLS from one user alone, and its URL for the right password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    server = smtp.MailServer(free_port())

    def authenticate(_server, _session, _envelope, _mechanism, given):
        return AuthResult(success=(given.login, given.password) == (b"mailer", b"p@ss/word"), handled=False)

    at_once = request.param == "smtps"
    tls = {"ssl_context": context} if at_once else {"tls_context": context, "require_starttls": True}
    controller = Controller(server, hostname="127.0.0.1", port=server.port, authenticator=authenticate,
                            auth_required=True, auth_require_tls=not at_once, **tls)
    # aiosmtpd's own first connection would not trust this certificate.
    controller._trigger_server = lambda: socket.create_connection(("127.0.0.1", server.port), 10).close()
    controller.start()
    scheme, option = ("smtps", "") if at_once else ("smtp", "?starttls=1")
    yield server, f"{scheme}://mailer:p%40ss%2Fword@localhost:{server.port}{option}"
    controller.stop()


def test_mail_goes_over_tls_with_user_and_password(sending, guarded, certificate, monkeypatch):
    server, url = guarded
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    backend = sending(url)
    sign_up(backend, make_pool(backend))
    assert deliver(backend) == 1 and len(server.messages) == 1


def test_a_server_with_a_certificate_nobody_knows_gets_neither_password_nor_mail(sending, guarded):
    server, url = guarded
    backend = sending(url)
    sign_up(backend, make_pool(backend))
    assert deliver(backend) == 0 and server.messages == []
    assert stored(backend)[0].error.startswith("SSLCertVerificationError")


def test_a_wrong_password_for_the_server_is_noted_not_repeated(sending, guarded, certificate, monkeypatch):
    server, url = guarded
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    backend = sending(url.replace("word", "wrong"))
    sign_up(backend, make_pool(backend))
    assert deliver(backend) == 0 and server.messages == []
    assert stored(backend)[0].error == "SMTPAuthenticationError 535 5.7.8"


def test_an_smtp_url_names_server_port_security_user_and_password():
    assert delivery.read_url("smtp://mail.example.com") == delivery.Sink(
        "mail.example.com", 25, "none", "", "")
    assert delivery.read_url("smtp://mail.example.com?starttls=1").port == 587
    assert delivery.read_url("smtps://a%40b:p%3Aw@mail.example.com:4650/") == delivery.Sink(
        "mail.example.com", 4650, "tls", "a@b", "p:w")
    assert "p:w" not in repr(delivery.read_url("smtps://a:p%3Aw@mail.example.com"))


@pytest.mark.parametrize("url", [
    "http://u:secret@mail.example.com", "smtp://u:secret@", "smtp://u:secret@mail.example.com:port",
    "smtp://u:secret@mail.example.com?tls=1", "smtp://u:secret@mail.example.com?starttls=yes",
    "smtp://u:secret@mail.example.com/inbox", "mail.example.com"])
def test_a_wrong_smtp_url_stops_the_start_and_is_not_repeated(sending, url):
    with pytest.raises(SettingsError) as refusal:
        sending(url)
    assert "smtp_url" in str(refusal.value) and "secret" not in str(refusal.value)


@pytest.mark.parametrize("mail_from", ["nobody", "a@example.com, b@example.com", ""])
def test_a_wrong_sender_stops_the_start(sending, mail_from):
    with pytest.raises(SettingsError, match="mail_from"):
        sending("smtp://127.0.0.1", mail_from=mail_from)
