"""The table of signing keys."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.database import Base, UtcDateTime


def _at_most_one(state: str) -> Index:
    which = text(f"state = '{state}'")
    return Index(f"uq_signing_keys_one_{state}", "state", unique=True, postgresql_where=which, sqlite_where=which)


class SigningKeyRow(Base):
    """
    One key pair, in one of four states: standby, active, retired, revoked.

    Both halves stand in one JWE under the master key, which is not in the database; a key that is gone has none.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint("state IN ('standby', 'active', 'retired', 'revoked')", name="state"),
        # Exactly one key signs and one waits, whatever races: a second would break an index.
        _at_most_one("active"),
        _at_most_one("standby"),
    )

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    # The kind of key; what stands before a hyphen is the `alg` of its tokens.
    alg: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    private_jwe: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the last token that it signed is over, with all margins; known when it is retired.
    verify_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Why it went another way than the schedule's.
    reason: Mapped[str | None] = mapped_column(Text)
