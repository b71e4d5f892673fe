"""Who is signed in at this site, and with which tokens.

Neighbours: both ways of signing in end here; account_page.py shows it.
"""
from dataclasses import dataclass, field

from flask import session

from authservice.demo import tokens
from authservice.demo.exchange import Refused
from authservice.demo.journey import Journey
from authservice.demo.problems import Problem
from authservice.demo.provider import provider
from authservice.demo.service_api import service_api
from authservice.demo.tokens import Token

KEPT_JOURNEYS = 12


@dataclass
class Account:
    """`way` is "hosted" or "api"; `profile` GetUser's last answer; `journeys` what was done, newest last."""
    way: str
    client_id: str
    id_token: Token
    access_token: Token
    refresh_token: str
    journeys: list[Journey]
    profile: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        claims = self.id_token.claims
        return claims.get("name") or claims.get("email") or claims["sub"]

    @property
    def has_authenticator(self) -> bool:
        return "SOFTWARE_TOKEN_MFA" in self.profile.get("UserMFASettingList", [])

    def begin(self, title: str) -> Journey:
        """A new journey, kept with the account (the first one, the sign-in, stays)."""
        journey = Journey(title)
        self.journeys = [*self.journeys[:1], *self.journeys[1:][-KEPT_JOURNEYS:], journey]
        return journey


def current() -> Account | None:
    return session.get("account")


def sign_in(way: str, client_id: str, journey: Journey, answer: dict, nonce: str | None = None) -> None:
    """Check the tokens of `answer` (id_token, access_token, refresh_token), then begin a fresh session."""
    id_token, access_token = _checked(journey, client_id, answer, nonce=nonce)
    session.renew()
    signed_in = Account(way, client_id, id_token, access_token, answer.get("refresh_token", ""), [journey])
    session["account"] = signed_in
    try:
        read_profile(signed_in, journey)
    except Refused:
        pass        # the tokens do not allow it: signed in all the same, and the steps show the refusal


def replace_tokens(account: Account, journey: Journey, answer: dict) -> None:
    """Take the tokens of a refresh, which must be about the same person."""
    account.id_token, account.access_token = _checked(
        journey, account.client_id, answer, subject=account.id_token.claims["sub"])
    account.refresh_token = answer.get("refresh_token") or account.refresh_token


def read_profile(account: Account, journey: Journey) -> None:
    """Ask GetUser what the service knows now. Raises Refused."""
    account.profile = service_api().call(
        journey, "GetUser", {"AccessToken": account.access_token.raw},
        "The access token opens the API for this person alone. UserMFASettingList tells whether a second "
        "factor is on.")


def _checked(journey: Journey, client_id: str, answer: dict, **expected) -> tuple[Token, Token]:
    missing = [name for name in ("id_token", "access_token") if not isinstance(answer.get(name), str)]
    if missing:
        raise Problem("You are not signed in", f"The service's answer has no {' and no '.join(missing)}.",
                      journey=journey, status=502)
    try:
        id_token = tokens.check_id_token(answer["id_token"], provider(), journey, client_id=client_id,
                                         access_token=answer["access_token"], **expected)
        access_token = tokens.check_access_token(answer["access_token"], provider(), journey,
                                                 client_id=client_id)
    except tokens.TokenRefused as refusal:
        raise Problem("You are not signed in", f"A token was refused: {refusal}.",
                      advice="Sign in again. If it happens again, the service and this site disagree: the "
                             "steps below show where.", journey=journey) from refusal
    return id_token, access_token
