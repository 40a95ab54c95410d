"""The tables of rooms and of who is in them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime

_OPEN = text("ended_at IS NULL")
_ADMITTED = text("removed_at IS NULL")


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
    # Of the key that opened it: `test` rooms and `live` ones do not see each other's keys and tokens.
    mode: Mapped[str] = mapped_column(String(4), server_default="live")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ParticipantRow(Base):
    """Someone who is, or was, in a room; their sessions name them."""

    __tablename__ = "participants"
    __table_args__ = (
        # The same person is the same participant, also when two admit them at once.
        UniqueConstraint("room_id", "external_user_id"),
        Index(None, "room_id", "id"),
        # Those who take a place, however many were there before.
        Index("ix_participants_admitted", "room_id", postgresql_where=_ADMITTED, sqlite_where=_ADMITTED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    # The tenant's own name for them.
    external_user_id: Mapped[str | None] = mapped_column(String(255))
    display_name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    banned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
