"""A real SMTP server in the process (aiosmtpd): it takes mail, refuses it, or hangs up.

Owns the server and what arrived. How mail is made and sent again is authservice/local/messaging's.
"""

import contextlib
import email
import email.policy
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.controller import Controller

from tests.services import free_port

MODES = ("accepts", "refuses", "drops")


@dataclass
class Received:
    """One message as the server got it: the envelope and the parsed mail."""

    sender: str
    recipients: list[str]
    message: EmailMessage


@dataclass
class MailServer:
    """A running server; `mode` may be changed at any time and holds for the next message.

    accepts: the message is kept in `messages`. refuses: every recipient gets 550. drops: the connection is
    closed in the middle of the message, without an answer.
    """

    port: int
    mode: str = "accepts"
    messages: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "refuses":
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.mode == "drops":
            server.transport.abort()
            return "421 4.3.2 hanging up"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(Received(envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 2.0.0 OK"


@contextlib.contextmanager
def running(mode: str = "accepts"):
    """Start the server on a free loopback port and yield it as MailServer; stopped afterwards."""
    if mode not in MODES:
        raise ValueError(f"mode: one of {', '.join(MODES)}")
    server = MailServer(free_port(), mode)
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
