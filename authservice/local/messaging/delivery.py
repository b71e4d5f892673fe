"""Delivery: what waits in the outbox leaves by SMTP, after the commit and beside the calls.

Owns the SMTP connection, who delivers what when (several workers share one outbox), and trying again.
A message is delivered at least once: it is erased after the server has taken it, so a crash between
the two sends it again, under the same Message-ID. Does not own the words (templates.py) nor the row's
birth (outbox.py).
"""

import logging
import re
import smtplib
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import select, update

from authservice.config import Settings, SettingsError
from authservice.local import database
from authservice.local.messaging import outbox, templates
from authservice.local.models import OutboxMessage

log = logging.getLogger(__name__)

SMTP_TIMEOUT = 10.0
"""Seconds the server may take for each of its answers."""
CLAIM = timedelta(minutes=10)
"""How long a message belongs to the courier that took it: longer than a delivery, its time-outs included, and by more
than the clocks of two workers may differ."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
POLL_SECONDS = 10.0
"""How often the thread looks for what became due without a call: second tries, messages of a dead worker."""
STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Sink:
    """The SMTP server to hand mail to. `security` is none, starttls or tls (from the first byte)."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)


def read_url(url: str) -> Sink:
    """smtp://[user:password@]host[:port][?starttls=1] or smtps://…; user and password percent-encoded.

    Default ports: 25, with starttls 587, smtps 465. SettingsError for anything else, without repeating it.
    """
    try:
        parts = urlsplit(url)
        options, port = parse_qs(parts.query, strict_parsing=bool(parts.query)), parts.port
    except ValueError:
        raise SettingsError("smtp_url: not a URL") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise SettingsError("smtp_url: write smtp://user:password@host:port, smtps://… or …?starttls=1")
    if options.keys() - {"starttls"} or options.get("starttls", ["0"])[0] not in ("0", "1"):
        raise SettingsError("smtp_url: the only option is starttls=1")
    starttls = options.get("starttls") == ["1"]
    security = "tls" if parts.scheme == "smtps" else "starttls" if starttls else "none"
    return Sink(parts.hostname, port or {"none": 25, "starttls": 587, "tls": 465}[security], security,
                unquote(parts.username or ""), unquote(parts.password or ""))


def sender(settings: Settings) -> Address:
    """The sender's address out of mail_from; SettingsError when it is not exactly one."""
    addresses = HeaderRegistry()("From", settings.mail_from).addresses
    if len(addresses) != 1 or not addresses[0].username or not addresses[0].domain:
        raise SettingsError("mail_from: write one address, NAME@HOST or Name <NAME@HOST>")
    return addresses[0]


def _sink(settings: Settings) -> Sink | None:
    if not settings.smtp_url:
        return None
    sender(settings)
    return read_url(settings.smtp_url)


class Courier:
    """Delivers one backend's outbox. Any number of couriers, in any number of processes, may share one."""

    def __init__(self, backend):
        self._backend = backend
        self._sink = _sink(backend.settings)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._something_to_do = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Say that there may be something to deliver; costs a call nothing, and never fails it.

        The thread starts here, not with the backend: it would not survive the fork of a worker.
        """
        if self._sink is None or self._stopping.is_set():
            return
        self._something_to_do.set()
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
                    with suppress(RuntimeError):  # no thread to be had now: the next call tries again
                        self._thread.start()

    def stop(self) -> None:
        """End the thread, waiting a moment for the message it is at; what is left stays in the outbox."""
        self._stopping.set()
        self._something_to_do.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS)

    def deliver_due(self) -> int:
        """Try every message that is due, one after the other; returns how many were delivered."""
        delivered = 0
        while self._sink is not None and (row := self._claim()) is not None:
            error = _deliver(self._sink, self._backend, row)
            self._settle(row, error)
            delivered += error is None
        return delivered

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._something_to_do.clear()
            try:
                self.deliver_due()
            except Exception as error:  # the database may be away: mail leaves when it is back
                log.warning("delivery interrupted: %s", type(error).__name__)
            self._something_to_do.wait(POLL_SECONDS)

    def _claim(self) -> OutboxMessage | None:
        """Take the message that has been due longest, from all other couriers too; None when none is due."""
        due = (select(OutboxMessage).order_by(OutboxMessage.next_try_at).limit(1)
               .where(OutboxMessage.medium == "EMAIL", OutboxMessage.content.is_not(None)))
        while not self._stopping.is_set():
            now = self._backend.tools.clock()
            with database.session(self._backend.engine) as db:
                row = db.scalar(due.where(OutboxMessage.next_try_at <= now))
            if row is None:
                return None
            if self._change(row, tries=row.tries + 1, next_try_at=now + CLAIM):
                row.tries, row.next_try_at = row.tries + 1, now + CLAIM
                return row
        return None

    def _settle(self, row: OutboxMessage, error: str | None) -> None:
        """Write down how it went: erase what was delivered, keep what was not for another try."""
        now = self._backend.tools.clock()
        if error is None:
            level, outcome = logging.INFO, "delivered"
            held = self._change(row, sent_at=now, content=None, next_try_at=None, error=None)
        else:
            next_try_at = _next_try(row, now)
            level, outcome = logging.WARNING, f"{'not yet' if next_try_at else 'given up'}: {error}"
            held = self._change(row, next_try_at=next_try_at, error=error)
        if not held:
            outcome += " (it was deleted meanwhile, or taken by another courier)"
        log.log(level, "message %s %s try %d: %s", row.id, row.purpose, row.tries, outcome)

    def _change(self, row: OutboxMessage, **values) -> bool:
        """Change a row, unless it has been changed since it was read."""
        same_row = (OutboxMessage.id == row.id, OutboxMessage.next_try_at == row.next_try_at)
        with database.session(self._backend.engine) as db:
            database.begin_writing(db)
            changed = db.execute(update(OutboxMessage).where(*same_row).values(**values)).rowcount == 1
            db.commit()
        return changed


def _next_try(row: OutboxMessage, now: datetime) -> datetime | None:
    """After 10 s, 20 s, 40 s … up to an hour; None once the message is a day old."""
    if now - row.created_at >= GIVE_UP_AFTER:
        return None
    return now + min(FIRST_WAIT * 2 ** min(row.tries - 1, 12), LONGEST_WAIT)


def _deliver(sink: Sink, backend, row: OutboxMessage) -> str | None:
    """Hand one message to the server; None when it was taken, else why not, without a word of it."""
    our_name = urlsplit(backend.settings.public_url).hostname or "localhost"
    try:
        content = outbox.read(backend.tools.vault, row)
        mail = compose(backend.settings, row, content, backend.tools.clock())
        _send(sink, our_name, mail, row.recipient)
    except Exception as error:  # whatever is wrong with one message must not stop the others
        return _reason(error)
    return None


def compose(settings: Settings, row: OutboxMessage, content: dict, now: datetime) -> EmailMessage:
    """The mail of a message, as plain text and as HTML.

    ValueError for a recipient that is not exactly one address: none of it becomes another, or a header.
    """
    mail, us = EmailMessage(), sender(settings)
    mail["From"] = us
    mail["To"] = Address(addr_spec=row.recipient)
    mail["Subject"] = content["subject"]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{row.id}@{us.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday replies are not wanted
    mail.set_content(templates.readable(content["text"]) + "\n")
    mail.add_alternative(content["text"], subtype="html")
    return mail


def _send(sink: Sink, our_name: str, mail: EmailMessage, recipient: str) -> None:
    # Our name is given: smtplib would ask the DNS for it.
    given = {"host": sink.host, "port": sink.port, "local_hostname": our_name, "timeout": SMTP_TIMEOUT}
    if sink.security == "tls":
        smtp = smtplib.SMTP_SSL(**given, context=ssl.create_default_context())
    else:
        smtp = smtplib.SMTP(**given)
    try:
        if sink.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if sink.user:
            smtp.login(sink.user, sink.password)
        smtp.send_message(mail, mail["From"].addresses[0].addr_spec, [recipient])
        with suppress(smtplib.SMTPException, OSError):  # the message is taken, however it parts
            smtp.quit()
    finally:
        smtp.close()


def _reason(error: Exception) -> str:
    """What kind of failure it was. The server's words are left out: they may repeat an address or a text."""
    code, words = getattr(error, "smtp_code", None), getattr(error, "smtp_error", b"")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
    # The enhanced status code of RFC 3463, such as 5.1.1.
    status = re.search(rb"\b[245]\.\d{1,3}\.\d{1,3}\b", words if isinstance(words, bytes) else b"")
    of_system = isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException)
    parts = [type(error).__name__, code, status and status[0].decode(), error.strerror if of_system else None]
    return " ".join(str(part) for part in parts if part is not None)[:500]
