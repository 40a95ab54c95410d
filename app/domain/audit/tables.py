"""The table of audit events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime


class AuditEventRow(Base):
    """One event; rows are added and, when they are old, forgotten, and never changed."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "tenant_id", "id"), Index(None, "created_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The event as JSON, with its type.
    event: Mapped[str] = mapped_column(Text)
    # Who did it, by id; None where nobody is known, as when a stolen token comes back.
    actor: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))
