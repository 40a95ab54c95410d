"""The table of tenants."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime


class TenantRow(Base):
    """One tenant; a closed one stays, so that its id is never anyone else's."""

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    max_concurrent_rooms: Mapped[int]
    max_participants_per_room: Mapped[int]
    max_recording_duration_minutes: Mapped[int]
    # What becomes of an API key that somebody reports as leaked.
    on_leak: Mapped[str] = mapped_column(String(8), server_default="revoke")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    suspended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # How the tenant's OAuth client authenticates, if not by API key: a JWK Set, or the URL of one.
    jwks: Mapped[str | None] = mapped_column(Text)
    jwks_uri: Mapped[str | None] = mapped_column(Text)
    # What such a client may ask for: what the key that registered it held.
    client_scopes: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
