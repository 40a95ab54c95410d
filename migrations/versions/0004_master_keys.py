"""Which master key the MAC of an API key hangs on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("pepper_id", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "pepper_id")
