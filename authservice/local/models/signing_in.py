"""What a sign-in leaves behind: challenge sessions, browser sessions, codes, refresh tokens, failed attempts.

Every bearer value is stored as its SHA-256: a stolen table lets nobody in.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from authservice.local.database import Base, UTCDateTime, owned_by
from authservice.local.models.pools import AppClient
from authservice.local.models.users import User


class ChallengeSession(Base):
    """One step of a sign-in that waits for an answer: bound to user, app client and challenge, used once."""

    __tablename__ = "challenge_sessions"
    may_be_lost: ClassVar = True
    """A power cut may take the last of them: whoever was signing in begins anew."""

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of the Session (or of SRP's SECRET_BLOCK)."""
    client_id: Mapped[str] = mapped_column(owned_by("app_clients.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(owned_by("users.id"), index=True)
    """None for a user that does not exist, where that is hidden."""
    challenge: Mapped[str] = mapped_column(String(32))
    state: Mapped[bytes] = mapped_column(LargeBinary)
    """What is proven so far and what the challenge needs, as sealed JSON."""
    used: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class BrowserSession(Base):
    """A browser that is signed in at the pool's domain, for an hour: single sign-on for all its app clients."""

    __tablename__ = "browser_sessions"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), index=True)
    user_id: Mapped[str] = mapped_column(owned_by("users.id"), index=True)
    auth_time: Mapped[datetime] = mapped_column(UTCDateTime)
    methods: Mapped[list] = mapped_column(JSON, default=list)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True, viewonly=True)


class SignIn(Base):
    """One sign-in at one app client, and the family of all tokens it gave; `id` is their origin_jti."""

    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str] = mapped_column(owned_by("app_clients.id"), index=True)
    user_id: Mapped[str] = mapped_column(owned_by("users.id"), index=True)
    event_id: Mapped[str] = mapped_column(String(36), unique=True)
    auth_time: Mapped[datetime] = mapped_column(UTCDateTime)
    scopes: Mapped[list] = mapped_column(JSON)
    from_domain: Mapped[bool] = mapped_column(default=False)
    """Whether it came through the OAuth endpoints, whose tokens differ in a few claims."""
    nonce: Mapped[str | None] = mapped_column(String(2048))
    methods: Mapped[list] = mapped_column(JSON, default=list)
    acr: Mapped[str | None] = mapped_column(String(64))
    """The name of the level that was reached, where the app asked for one."""
    claims: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    """What the parameter `claims` asked for by name: {"id_token": [...], "userinfo": [...]}."""
    resource: Mapped[str | None] = mapped_column(String(2048))
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    """When its last token has expired and the row may go."""

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True, viewonly=True)
    client: Mapped[AppClient] = relationship(lazy="joined", innerjoin=True, viewonly=True)


class RefreshToken(Base):
    """A refresh token; with rotation, one of the chain of its sign-in."""

    __tablename__ = "refresh_tokens"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    sign_in_id: Mapped[str] = mapped_column(owned_by("sign_ins.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    rotated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    sign_in: Mapped[SignIn] = relationship(lazy="joined", innerjoin=True, viewonly=True)


class AuthorizationCode(Base):
    """An OAuth authorization code, for one client, one redirect URI and one PKCE challenge."""

    __tablename__ = "authorization_codes"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(owned_by("app_clients.id"), index=True)
    user_id: Mapped[str] = mapped_column(owned_by("users.id"), index=True)
    redirect_uri: Mapped[str] = mapped_column(String(2048))
    scopes: Mapped[list] = mapped_column(JSON)
    nonce: Mapped[str | None] = mapped_column(String(2048))
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    methods: Mapped[list] = mapped_column(JSON, default=list)
    acr: Mapped[str | None] = mapped_column(String(64))
    claims: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    resource: Mapped[str | None] = mapped_column(String(2048))
    auth_time: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sign_in_id: Mapped[str | None] = mapped_column(String(36))
    """What its first use gave; its second use revokes that."""

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True, viewonly=True)


class Attempts(Base):
    """How often something was tried: wrong passwords of a user, codes asked for in an hour."""

    __tablename__ = "attempts"

    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """A keyed fingerprint of pool and user, or of the name of a user that does not exist."""
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int]
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
