"""User pools and what belongs to them: app clients, domains, groups, resource servers, signing keys."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKeyConstraint, Index, LargeBinary, String
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import Mapped, mapped_column, relationship

from authservice.local.database import OWNED, Base, UTCDateTime, owned_by


class Pool(Base):
    """A user pool. `settings` is what CreateUserPool was given, in wire shape, completed with the defaults."""

    __tablename__ = "pools"

    id: Mapped[str] = mapped_column(String(55), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    settings: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON))
    schema: Mapped[list] = mapped_column(JSON)
    """SchemaAttributes as DescribeUserPool shows them."""
    mfa: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON), default=dict)
    """SetUserPoolMfaConfig's members, MfaConfiguration included."""
    key_generation: Mapped[int] = mapped_column(default=1)
    """Counts key rotations, so that a worker knows when the keys it remembers are old."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    modified_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column()

    domains: Mapped[list["Domain"]] = relationship(lazy="select", passive_deletes=True, order_by="Domain.domain")

    __mapper_args__ = {"version_id_col": version}

    @property
    def case_sensitive(self) -> bool:
        return self.settings.get("UsernameConfiguration", {}).get("CaseSensitive", True)

    @property
    def username_attributes(self) -> list[str]:
        return self.settings.get("UsernameAttributes", [])

    @property
    def alias_attributes(self) -> list[str]:
        return self.settings.get("AliasAttributes", [])

    @property
    def auto_verified(self) -> list[str]:
        return self.settings.get("AutoVerifiedAttributes", [])

    @property
    def password_policy(self) -> dict:
        return self.settings["Policies"]["PasswordPolicy"]

    @property
    def mfa_configuration(self) -> str:
        """OFF, ON or OPTIONAL."""
        return self.mfa.get("MfaConfiguration", "OFF")

    @property
    def totp_enabled(self) -> bool:
        return self.mfa.get("SoftwareTokenMfaConfiguration", {}).get("Enabled", False)


class Domain(Base):
    """A pool's domain: the prefix that also answers as http://{prefix}.localhost."""

    __tablename__ = "domains"

    domain: Mapped[str] = mapped_column(String(63), primary_key=True)
    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), index=True)
    settings: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class AppClient(Base):
    """An app client. `settings` is what CreateUserPoolClient was given, in wire shape."""

    __tablename__ = "app_clients"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    settings: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSON))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    modified_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column()

    pool: Mapped[Pool] = relationship(lazy="joined", innerjoin=True, viewonly=True)
    secrets: Mapped[list["ClientSecret"]] = relationship(
        lazy="selectin", passive_deletes=True, order_by="ClientSecret.created_at")

    __mapper_args__ = {"version_id_col": version}

    @property
    def hides_users(self) -> bool:
        """PreventUserExistenceErrors: an unknown user must look like a known one."""
        return self.settings.get("PreventUserExistenceErrors") == "ENABLED"

    @property
    def readable(self) -> frozenset[str]:
        """The attributes it may read: its ReadAttributes, else everything that is not for developers only."""
        if listed := self.settings.get("ReadAttributes"):
            return frozenset({"sub", *listed})
        return frozenset(entry["Name"] for entry in self.pool.schema if not entry.get("DeveloperOnlyAttribute"))

    @property
    def revocable(self) -> bool:
        """EnableTokenRevocation: tokens carry origin_jti and can be revoked."""
        return self.settings.get("EnableTokenRevocation", True)

    @property
    def rotates(self) -> bool:
        """Whether a refresh gives a new refresh token and ends the old one."""
        return self.settings.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED"


class ClientSecret(Base):
    """One of an app client's secrets (two at most); `secret` is sealed."""

    __tablename__ = "client_secrets"

    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    client_id: Mapped[str] = mapped_column(owned_by("app_clients.id"), index=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ResourceServer(Base):
    """A resource server and its scopes, a list of {ScopeName, ScopeDescription}."""

    __tablename__ = "resource_servers"

    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), primary_key=True)
    identifier: Mapped[str] = mapped_column(String(256), primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    scopes: Mapped[list] = mapped_column(JSON, default=list)


class Group(Base):
    """A group of users; `role_arn` and `precedence` travel in ID tokens."""

    __tablename__ = "groups"

    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    description: Mapped[str | None] = mapped_column(String(2048))
    role_arn: Mapped[str | None] = mapped_column(String(2048))
    precedence: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    modified_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Membership(Base):
    """A user in a group."""

    __tablename__ = "memberships"

    user_id: Mapped[str] = mapped_column(owned_by("users.id"), primary_key=True)
    pool_id: Mapped[str] = mapped_column(String(55), primary_key=True)
    group_name: Mapped[str] = mapped_column(String(128), primary_key=True)

    __table_args__ = (ForeignKeyConstraint(["pool_id", "group_name"], ["groups.pool_id", "groups.name"], **OWNED),
                      Index("ix_memberships_group", "pool_id", "group_name", "user_id"))


class SigningKey(Base):
    """An RSA key of a pool: `use` is id or access; the private half is sealed."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    pool_id: Mapped[str] = mapped_column(owned_by("pools.id"), index=True)
    use: Mapped[str] = mapped_column(String(8))
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    public_jwk: Mapped[dict] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    signs_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When it takes over: until then it is published only. None: from the start."""
    served_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Until when the public half of a key that has a successor stays published; None for the newest key."""
