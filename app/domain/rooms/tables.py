"""The table of rooms."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime

_OPEN = text("ended_at IS NULL")


class RoomRow(Base):
    """One room of one tenant; a deleted one stays, since sessions name it, and is seen by nobody."""

    __tablename__ = "rooms"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        # Those that count against the tenant's limit, however many there were before.
        Index("ix_rooms_open", "tenant_id", postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
