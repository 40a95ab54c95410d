"""When and from where API keys were used last."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", UtcDateTime))
    op.add_column("api_keys", sa.Column("last_used_address", sa.String(64)))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_address")
    op.drop_column("api_keys", "last_used_at")
