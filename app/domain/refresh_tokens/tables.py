"""The table of families."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime

_REVOKED = text("revoked_at IS NOT NULL")
_OF_ROOM = text("room_id IS NOT NULL")
_OF_PARTICIPANT = text("participant_id IS NOT NULL")


class FamilyRow(Base):
    """
    One session, however often its refresh token rotates. No token stands here: they are derived from the row.

    No index covers what a rotation changes, so that PostgreSQL updates the row in place (HOT). No foreign key leads to
    what a session hangs on: PostgreSQL would read and mark the rows of tenant and key, which all their sessions share,
    for every session anew. None of those is ever deleted, the row is written from the key's own, and
    `chalk-auth audit-store` looks (docs/decisions/0024-hot-paths.md).
    """

    __tablename__ = "families"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "key_id"),
        Index("ix_families_room", "room_id", postgresql_where=_OF_ROOM, sqlite_where=_OF_ROOM),
        Index(
            "ix_families_participant_id",
            "participant_id",
            postgresql_where=_OF_PARTICIPANT,
            sqlite_where=_OF_PARTICIPANT,
        ),
        # By these, what is long over is found and forgotten. The first never changes, the second once.
        Index(None, "absolute_expires_at"),
        Index("ix_families_revoked", "revoked_at", postgresql_where=_REVOKED, sqlite_where=_REVOKED),
        {"postgresql_with": {"fillfactor": 80}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    # None: opened by a client assertion.
    key_id: Mapped[str | None] = mapped_column(String(8))
    # Of the key that opened it.
    mode: Mapped[str] = mapped_column(String(4), server_default="live")
    # The client's own key that signed the assertion, if one opened it.
    client_kid: Mapped[str | None] = mapped_column(String(255))
    room_id: Mapped[UUID | None]
    # Pushed here from the participant, as far as tokens say it: to refresh reads this row and no other.
    participant_id: Mapped[UUID | None]
    role: Mapped[str | None] = mapped_column(String(16))
    display_name: Mapped[str | None] = mapped_column(String(200))
    # When role and scope last changed: access tokens from before say what is so no longer.
    rights_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    subject: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(1000))
    # What a participant's session was asked for, which it never gets more than; None: all that the role has.
    asked_scope: Mapped[str | None] = mapped_column(String(1000))
    audience: Mapped[str] = mapped_column(Text)
    # None: as long as all access tokens.
    access_ttl_seconds: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Who used it last, as far as the network tells.
    last_address: Mapped[str | None] = mapped_column(String(64))
    last_agent: Mapped[str | None] = mapped_column(String(200))
    # The generation of the one refresh token that is not spent yet.
    generation: Mapped[int]
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The refresh key that signs this generation: a retry gets the same bytes, also after the key was changed.
    # Empty for a session without a refresh token.
    refresh_kid: Mapped[str] = mapped_column(String(32))
    # The one that signed the token which was spent last: its holder may have lost our answer, and come back with it.
    # None: of a release that did not note it.
    spent_kid: Mapped[str | None] = mapped_column(String(32))
    # The MACs of the Idempotency-Keys of the last four rotations, the latest first, sixteen characters each.
    retry_tags: Mapped[str] = mapped_column(String(64))
    idle_expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    absolute_expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoke_reason: Mapped[str | None] = mapped_column(String(32))
