"""Rooms that are deleted, and an index of those that are open."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rooms", sa.Column("deleted_at", UtcDateTime, nullable=True))
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_rooms_open", "rooms", ["tenant_id"], postgresql_where=is_open, sqlite_where=is_open)


def downgrade() -> None:
    op.drop_index("ix_rooms_open", "rooms")
    op.drop_column("rooms", "deleted_at")
