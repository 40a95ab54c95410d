"""Test mode, limits of a key, keys in browsers, what a leak leads to, uses by the hour, and remembered replies."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Each has a default, so that the release before goes on writing rows.
_COLUMNS: dict[str, list[tuple[str, Any]]] = {
    "rooms": [("mode", {"type_": sa.String(4), "nullable": False, "server_default": "live"})],
    "families": [("mode", {"type_": sa.String(4), "nullable": False, "server_default": "live"})],
    "tenants": [("on_leak", {"type_": sa.String(8), "nullable": False, "server_default": "revoke"})],
    "api_keys": [
        ("requests_per_minute", {"type_": sa.Integer()}),
        ("from_browsers", {"type_": sa.Boolean(), "nullable": False, "server_default": sa.false()}),
    ],
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, **kind))
    op.create_table(
        "api_key_hours",
        sa.Column("key_id", sa.String(8), sa.ForeignKey("api_keys.id"), primary_key=True),
        sa.Column("hour", UtcDateTime, primary_key=True),
        sa.Column("uses", sa.Integer(), nullable=False),
    )
    op.create_index("ix_api_key_hours_hour", "api_key_hours", ["hour"])
    op.create_table(
        "replies",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("asked", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("retired_key_id", sa.String(8), sa.ForeignKey("api_keys.id")),
    )
    op.create_index("ix_replies_created_at", "replies", ["created_at"])
    op.create_index(
        "ix_replies_retired_key",
        "replies",
        ["retired_key_id"],
        postgresql_where=sa.text("retired_key_id IS NOT NULL"),
        sqlite_where=sa.text("retired_key_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("replies")
    op.drop_table("api_key_hours")
    for table, columns in _COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
