"""The table of remembered replies."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime

_OF_RETIRED = text("retired_key_id IS NOT NULL")


class ReplyRow(Base):
    """
    One reply, sealed under a key that the master key and the client's Idempotency-Key give together.

    `name` is a MAC of the Idempotency-Key, the caller and the path; `asked` one of what was asked.
    """

    __tablename__ = "replies"
    __table_args__ = (
        Index(None, "created_at"),
        Index("ix_replies_retired_key", "retired_key_id", postgresql_where=_OF_RETIRED, sqlite_where=_OF_RETIRED),
    )

    name: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    asked: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The API key that this reply has replaced, which asked for it itself, and may fetch it once more.
    retired_key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
