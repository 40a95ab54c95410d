"""API keys with a name, an end, networks and metadata of their owner."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, Any] = {
    "name": sa.String(200),
    "metadata": sa.Text(),
    "networks": sa.Text(),
    "expires_at": UtcDateTime,
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("api_keys", sa.Column(name, kind))


def downgrade() -> None:
    for name in _COLUMNS:
        op.drop_column("api_keys", name)
