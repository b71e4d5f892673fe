"""What a message says: Cognito's default texts, the pool's own, and the placeholders in them.

Owns which template of a pool is for which purpose, and filling it. A mail's text is HTML, as Cognito
sends it; `readable` is the same for people without. Sends nothing.
Source: Developer Guide, "Customizing user pool messages" and "Message templates".
"""

import html
import re
from html.parser import HTMLParser

from authservice.local.models import Pool

VERIFICATION = ("Your verification code", "Your verification code is {####}. ")
VERIFICATION_LINK = ("Your verification link",
                     "Please click the link below to verify your email address. {##Verify Email##} ")
INVITATION = ("Your temporary password", "Your username is {username} and temporary password is {####}. ")
AUTHENTICATION = ("Your authentication code", "Your authentication code is {####}. ")
PLACEHOLDER = re.compile(r"\{####\}|\{username\}|\{##(?P<label>.+?)##\}", re.DOTALL)


def by_link(pool: Pool) -> bool:
    """Whether the pool's verification mail has a link to click instead of a code (DefaultEmailOption)."""
    return _verification(pool).get("DefaultEmailOption") == "CONFIRM_WITH_LINK"


def render(pool: Pool, purpose: str, code: str | None, username: str | None = None, link: str | None = None,
           medium: str = "EMAIL") -> tuple[str | None, str]:
    """The subject (None for SMS) and the text of a message, in the pool's own words where it has some.

    `purpose` is AdminCreateUser (an invitation: `code` is the temporary password), Authentication (a code
    to sign in) or any other, which verifies an address. With a `link`, a mail has the link in place of
    {##label##}. {username} is known in invitations alone. The text of a mail is HTML, with all values
    escaped; placeholders are filled once, so that a value which looks like one stays what it is.
    """
    subject, message = _wording(pool, purpose, medium, link is not None)
    values = {"{####}": code}
    if purpose == "AdminCreateUser":
        values["{username}"] = username
    text = _filled(message, values, link, html.escape if medium == "EMAIL" else str)
    return (" ".join(subject.split()) if medium == "EMAIL" else None), text


def _filled(message: str, values: dict, link: str | None, shown) -> str:
    def value(place: re.Match) -> str:
        if place["label"] and link:
            return f'<a href="{shown(link)}">{place["label"]}</a>'
        given = values.get(place[0])
        return place[0] if given is None else shown(given)

    return PLACEHOLDER.sub(value, message)


def _wording(pool: Pool, purpose: str, medium: str, with_link: bool) -> tuple[str, str]:
    """(subject, message) for a purpose, placeholders in place."""
    sms = medium == "SMS"
    if purpose == "AdminCreateUser":
        invitation = pool.settings.get("AdminCreateUserConfig", {}).get("InviteMessageTemplate", {})
        return _own(INVITATION, invitation.get("EmailSubject"),
                    invitation.get("SMSMessage" if sms else "EmailMessage"))
    if purpose == "Authentication":
        mail = pool.mfa.get("EmailMfaConfiguration", {})
        texting = {**pool.settings, **pool.mfa.get("SmsMfaConfiguration", {})}
        return _own(AUTHENTICATION, mail.get("Subject"),
                    texting.get("SmsAuthenticationMessage") if sms else mail.get("Message"))
    template = _verification(pool)
    if sms:
        message = template.get("SmsMessage") or pool.settings.get("SmsVerificationMessage")
        return _own(VERIFICATION, None, message)
    if with_link:
        return _own(VERIFICATION_LINK, template.get("EmailSubjectByLink"), template.get("EmailMessageByLink"))
    return _own(VERIFICATION, template.get("EmailSubject") or pool.settings.get("EmailVerificationSubject"),
                template.get("EmailMessage") or pool.settings.get("EmailVerificationMessage"))


def _own(default: tuple[str, str], subject: str | None, message: str | None) -> tuple[str, str]:
    return subject or default[0], message or default[1]


def _verification(pool: Pool) -> dict:
    return pool.settings.get("VerificationMessageTemplate", {})


def readable(text: str) -> str:
    """A mail's HTML as plain text: no tags, blocks on lines of their own, addresses behind links."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    lines = [line.strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    BLOCKS = {"br", "p", "div", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "hr", "blockquote"}
    SILENT = {"style", "script", "title"}

    def __init__(self):
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag, attributes):
        if tag in self.BLOCKS:
            self.parts.append("\n")
        if tag in self.SILENT:
            self.silent += 1
        if tag == "a":
            self.links.append(dict(attributes).get("href") or "")

    def handle_endtag(self, tag):
        if tag in self.BLOCKS - {"br", "hr"}:
            self.parts.append("\n")
        if tag in self.SILENT:
            self.silent = max(0, self.silent - 1)
        if tag == "a" and self.links:
            address = self.links.pop()
            self.parts.append(f" ({address})" if address else "")

    def handle_data(self, data):
        if not self.silent:
            self.parts.append(data)
