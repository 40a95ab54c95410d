"""Sessions tell under which key the refresh token before the living one was signed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("families", sa.Column("spent_kid", sa.String(32)))


def downgrade() -> None:
    op.drop_column("families", "spent_kid")
