"""The audit trail: one row an event. It refers to nobody, for it outlives users, app clients and pools."""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authservice.local.database import Base


class Event(Base):
    """What somebody did, as CloudTrail records it."""

    __tablename__ = "events"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The eventID: it grows with time, and so is what events are listed and removed by."""
    name: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str | None] = mapped_column(String(36))
    """Whom it changed, or whose call was refused. Of what only read, `record` alone says whom it was about: an entry
    at a random place of an index costs more than the event."""
    pool_id: Mapped[str | None] = mapped_column(String(128))
    record: Mapped[str] = mapped_column(Text)
    """The event, JSON."""

    __table_args__ = (Index(None, "user_id", "id"), Index(None, "name", "id"))
