"""Messages to users: one row each, written in the transaction that causes it."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authservice.local.database import Base, UTCDateTime, owned_by


class OutboxMessage(Base):
    """A mail or text message on its way."""

    __tablename__ = "outbox"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    pool_id: Mapped[str | None] = mapped_column(owned_by("pools.id"), index=True)
    recipient: Mapped[str] = mapped_column(String(2048), index=True)
    medium: Mapped[str] = mapped_column(String(8))
    """EMAIL or SMS."""
    purpose: Mapped[str] = mapped_column(String(64))
    """The CustomMessage trigger's name for it: SignUp, ForgotPassword, AdminCreateUser…"""
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed JSON {subject, text, code, link}; erased once a real sink has taken it."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    """None once it is delivered (or stays in the development outbox)."""
    error: Mapped[str | None] = mapped_column(String(500))
