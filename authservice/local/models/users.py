"""Users, the names they are found by, and the codes sent to them."""

from datetime import datetime

from sqlalchemy import JSON, Index, LargeBinary, String, text
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import Mapped, mapped_column, relationship

from authservice.local.database import Base, UTCDateTime, owned_by
from authservice.local.models.pools import Pool


class User(Base):
    """A user of a pool; `id` is the `sub`."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"))
    username: Mapped[str] = mapped_column(String(128))
    status: Mapped[str] = mapped_column(String(32))
    enabled: Mapped[bool] = mapped_column(default=True)
    attributes: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON), default=dict)
    """{attribute name: value}, all strings, `sub` left out."""
    pending: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON), default=dict)
    """New values that become the attribute's once they are verified."""

    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_set_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    password_history: Mapped[list] = mapped_column(JSON, default=list)
    """Hashes of the last passwords, newest first, as many as the pool's PasswordHistorySize."""
    srp_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    srp_verifier: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed: whoever has it can try passwords offline."""

    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_pending: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A secret handed out by AssociateSoftwareToken and not verified yet; both are sealed."""
    totp_device: Mapped[str | None] = mapped_column(String(131072))
    totp_step: Mapped[int] = mapped_column(default=0)
    """The last 30-second step a code was accepted for; no earlier or equal one is accepted again."""
    mfa_methods: Mapped[list] = mapped_column(JSON, default=list)
    """UserMFASettingList: the factors the user has switched on."""
    mfa_preferred: Mapped[str | None] = mapped_column(String(32))

    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    modified_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column()

    pool: Mapped[Pool] = relationship(lazy="joined", innerjoin=True, viewonly=True)
    names: Mapped[list["Name"]] = relationship(lazy="select", passive_deletes=True, cascade="all, delete-orphan")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_users_pool_id_created_at", "pool_id", "created_at", "id"),)


class Name(Base):
    """A value a user is found by. Those with `signs_in` are unique in the pool, the others only searched."""

    __tablename__ = "names"

    user_id: Mapped[str] = mapped_column(owned_by("users.id"), primary_key=True)
    attribute: Mapped[str] = mapped_column(String(32), primary_key=True)
    pool_id: Mapped[str] = mapped_column(String(55))
    key: Mapped[str] = mapped_column(String(2048))
    """The value in normal form: NFKC, and folded where the pool ignores case."""
    signs_in: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("uq_names_sign_in", "pool_id", "key", unique=True,
              sqlite_where=text("signs_in = 1"), postgresql_where=text("signs_in")),
        Index("ix_names_search", "pool_id", "attribute", "key"),
    )


class Code(Base):
    """The one live code of a user for one purpose; a newer one replaces it."""

    __tablename__ = "codes"

    user_id: Mapped[str] = mapped_column(owned_by("users.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC under the seal key: a stolen table tells no code."""
    attribute: Mapped[str] = mapped_column(String(32))
    destination: Mapped[str] = mapped_column(String(2048))
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
