"""Codes sent to a user: made, sent, checked and spent.

A code is six random digits (or a link's opaque value), lives a limited time, is the only
live one of its user and purpose, works once and bears a limited number of wrong tries.
Does not own the message's text (messaging/templates.py) or its way (messaging/delivery.py).
"""

import hmac
from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy import delete, update

from authservice.errors import code_expired, code_mismatch, invalid_parameter, not_authorized
from authservice.local.accounts import directory, lockout, profile
from authservice.local.call import Call, first
from authservice.local.messaging import outbox, templates
from authservice.local.models import AppClient, Attempts, Code, Pool, User

DIGITS = 6
LIFETIME = {"SignUp": timedelta(hours=24), "VerifyUserAttribute": timedelta(hours=24),
            "ForgotPassword": timedelta(hours=1)}
"""By the purpose's first part, as in `VerifyUserAttribute:email`."""
WRONG_TRIES = 20
"""After so many wrong tries a code is as good as expired."""
MEDIUM = {"email": "EMAIL", "phone_number": "SMS"}


def send(call: Call, user: User, purpose: str, attribute: str, destination: str | None = None,
         client: AppClient | None = None, message: str | None = None) -> dict:
    """Make the user's code for a purpose, put its message in the outbox, answer CodeDeliveryDetails.

    An older code for the same purpose is dead from then on. `destination` is the attribute's
    value unless a new, not yet verified one is meant. With a `client`, a pool that confirms by
    link gets a link; `message` is the outbox purpose where it differs (ResendCode).
    """
    destination = destination or user.attributes[attribute]
    medium = MEDIUM[attribute]
    as_link = client is not None and medium == "EMAIL" and templates.by_link(user.pool)
    code = call.token() if as_link else call.pick("0123456789", DIGITS)
    lifetime = LIFETIME[purpose.split(":")[0]]
    call.db.merge(Code(user_id=user.id, purpose=purpose, fingerprint=_fingerprint(call, user, purpose, code),
                       attribute=attribute, destination=destination, tries=0, created_at=call.now,
                       expires_at=call.now + lifetime))
    link = _link(call, user, client, code) if as_link else None
    kind = message or purpose.split(":")[0]
    subject, text = templates.render(user.pool, kind, code, user.username, link, medium)
    outbox.post(call, user.pool, destination, medium, kind, subject, text, None if as_link else code, link)
    return delivery_details(attribute, destination)


def _link(call: Call, user: User, client: AppClient, code: str) -> str:
    query = urlencode({"client_id": client.id, "user_name": user.username, "confirmation_code": code})
    return f"{call.settings.public_url}/confirmUser?{query}"


def _fingerprint(call: Call, user: User, purpose: str, code: str) -> bytes:
    return call.vault.mac("code", f"{user.id}/{purpose}/{code}")


def check(call: Call, user: User, purpose: str, code: str) -> Code:
    """The code's row when `code` is right; it is spent when the call commits.

    Refuses with ExpiredCodeException when there is none (any more), with CodeMismatchException
    when it is wrong; the wrong try is counted whatever becomes of the call.
    """
    row = call.db.get(Code, (user.id, purpose))
    if row is None or call.now >= row.expires_at or row.tries >= WRONG_TRIES:
        raise code_expired()
    this_row = (Code.user_id == user.id, Code.purpose == purpose, Code.fingerprint == row.fingerprint)
    if not hmac.compare_digest(row.fingerprint, _fingerprint(call, user, purpose, code)):
        call.record(update(Code).where(*this_row).values(tries=Code.tries + 1))
        lockout.failed_at_source(call)
        raise code_mismatch()
    call.claim(delete(Code).where(*this_row, Code.tries < WRONG_TRIES), code_expired)
    return row


def pretend_to_send(call: Call, pool: Pool, name: str, purpose: str) -> dict:
    """CodeDeliveryDetails for a user who does not exist, always the same for one name.

    That a code was "sent" is written down: it takes the time a real one takes, and a try to
    answer it is then refused as a real one is.
    """
    call.db.merge(Attempts(subject=lockout.subject(call, pool, None, name), kind=f"sent {purpose}", count=0,
                           since=call.now, expires_at=call.now + LIFETIME[purpose]))
    choices = recovery_order(pool) if purpose == "ForgotPassword" else confirmed_by(pool)
    return _simulated_details(call, pool, name, choices)


def refuse_unknown(call: Call, pool: Pool, name: str, purpose: str, code: str) -> None:
    """Refuse a code for a user who does not exist: as wrong after `pretend_to_send`, else as expired."""
    whose = lockout.subject(call, pool, None, name)
    row = call.db.get(Attempts, (whose, f"sent {purpose}"))
    call.vault.mac("code", f"{pool.id}/{purpose}/{code}")
    if row is None or call.now >= row.expires_at or row.count >= WRONG_TRIES:
        raise code_expired()
    call.record(update(Attempts).where(Attempts.subject == whose, Attempts.kind == row.kind)
                .values(count=Attempts.count + 1))
    lockout.failed_at_source(call)
    raise code_mismatch()


def delivery_details(attribute: str, destination: str) -> dict:
    return {"Destination": masked(destination), "DeliveryMedium": MEDIUM[attribute], "AttributeName": attribute}


def masked(destination: str) -> str:
    """`f***@e***` or `+*******1234`: enough to recognise an address, too little to learn it."""
    if "@" in destination:
        local, domain = destination.rsplit("@", 1)
        return f"{local[:1]}***@{domain[:1]}***"
    return f"+*******{destination[-4:]}"


def _simulated_details(call: Call, pool: Pool, name: str, choices: list[str]) -> dict:
    """Where a code of this pool would go: `choices` in order, but what the name itself looks like comes first."""
    looks = "phone_number" if profile.PHONE.fullmatch(name) else "email" if profile.EMAIL.fullmatch(name) else None
    attribute = looks if looks in choices else choices[0]
    fingerprint = call.vault.mac("simulated", f"{pool.id}/{directory.name_key(pool, name)}")
    if attribute == looks:
        return delivery_details(attribute, name)
    if attribute == "phone_number":
        return delivery_details(attribute, f"+{int.from_bytes(fingerprint[:4]) % 10**4:011d}")
    letters = [chr(ord("a") + byte % 26) for byte in fingerprint]
    return delivery_details(attribute, f"{letters[0]}@{letters[1]}")


def confirmed_by(pool: Pool) -> list[str]:
    """The addresses that confirm a sign-up in this pool, the phone number first."""
    return [attribute for attribute in ("phone_number", "email") if attribute in pool.auto_verified]


def sign_up_attribute(pool: Pool, user: User) -> str | None:
    """Which address a user's sign-up is confirmed by: an auto-verified one that was given."""
    return first(attribute for attribute in confirmed_by(pool) if user.attributes.get(attribute))


def recovery_order(pool: Pool) -> list[str]:
    """The attributes a forgotten password may be recovered by, first choice first.

    An explicit `AccountRecoverySetting: {}` is the legacy order, phone number first.
    """
    setting = pool.settings.get("AccountRecoverySetting", {})
    mechanisms = setting.get("RecoveryMechanisms")
    if not mechanisms:
        return ["phone_number", "email"]
    names = {"verified_email": "email", "verified_phone_number": "phone_number"}
    ordered = sorted(mechanisms, key=lambda mechanism: mechanism["Priority"])
    return [names[m["Name"]] for m in ordered if m["Name"] in names]


def recovery_attribute(user: User) -> str:
    """The verified address a reset code goes to; refuses a user who has none, or a pool that allows none.

    Source: Developer Guide, "Updating attribute and MFA recovery settings".
    """
    refuse_without_recovery(user.pool)
    attribute = find_recovery_attribute(user)
    if attribute is None:
        raise invalid_parameter(
            "Cannot reset password for the user as there is no registered/verified email or phone_number")
    return attribute


def refuse_without_recovery(pool: Pool) -> None:
    """Refuse in a pool that leaves recovery to its administrators."""
    if not recovery_order(pool):
        raise not_authorized("Contact administrator to reset password.")


def find_recovery_attribute(user: User) -> str | None:
    return first(attribute for attribute in recovery_order(user.pool) if profile.is_verified(user, attribute))
