"""How long a signing key verifies, why it left the schedule, and at most one that waits."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("signing_keys", sa.Column("verify_until", UtcDateTime, nullable=True))
    op.add_column("signing_keys", sa.Column("reason", sa.Text(), nullable=True))
    op.create_index(
        "uq_signing_keys_one_standby",
        "signing_keys",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'standby'"),
        sqlite_where=sa.text("state = 'standby'"),
    )


def downgrade() -> None:
    op.drop_index("uq_signing_keys_one_standby", "signing_keys")
    op.drop_column("signing_keys", "reason")
    op.drop_column("signing_keys", "verify_until")
