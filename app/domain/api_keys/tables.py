"""The tables of API keys, and of how often they were used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime


class ApiKeyRow(Base):
    """
    One key. Authenticating reads this row and no other, so whatever ends or pauses a key is written here.

    `mac` authenticates the whole key under the pepper, which is not in the database.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("(kind = 'ak') = (tenant_id IS NULL)", name="operators_have_no_tenant"),
        Index(None, "tenant_id"),
    )

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    kind: Mapped[str] = mapped_column(String(2))
    mode: Mapped[str] = mapped_column(String(4))
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"))
    # The resource server that an operator's key stands for: it may introspect tokens of that audience, no more.
    audience: Mapped[str | None] = mapped_column(Text)
    # Pushed here from the tenant: its OAuth client authenticates by assertion, and not by this key.
    assertion_only: Mapped[bool] = mapped_column(server_default=false())
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    # The master key that the pepper of `mac` is derived from; None: made before there could be several.
    pepper_id: Mapped[str | None] = mapped_column(String(32))
    scopes: Mapped[str] = mapped_column(String(1000))
    # What people call it, and what they note about it, as JSON.
    name: Mapped[str | None] = mapped_column(String(200))
    notes: Mapped[str | None] = mapped_column("metadata", Text)
    # Networks that it may be used from, with spaces between; None: from everywhere.
    networks: Mapped[str | None] = mapped_column(Text)
    # How often it may be used in a minute; None: as often as is usual.
    requests_per_minute: Mapped[int | None]
    # Whether a browser may send it; otherwise it has leaked into a page.
    from_browsers: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # It works until then, and not from then on.
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Written aside of requests, at most once a minute.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_address: Mapped[str | None] = mapped_column(String(64))
    # A key replaces one other, and is replaced by one at the most: the unique constraint holds under any race.
    replaces: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"), unique=True)
    # Set when a rotation replaced this key: it works until then, and not from then on.
    grace_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    suspended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HourRow(Base):
    """How often a key was used in an hour, which begins at `hour`; every worker adds what it saw."""

    __tablename__ = "api_key_hours"
    __table_args__ = (Index(None, "hour"),)

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    uses: Mapped[int]
