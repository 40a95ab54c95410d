"""Indexes by which sessions that are long over are found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    revoked = sa.text("revoked_at IS NOT NULL")
    op.create_index("ix_families_absolute_expires_at", "families", ["absolute_expires_at"])
    op.create_index("ix_families_revoked", "families", ["revoked_at"], postgresql_where=revoked, sqlite_where=revoked)


def downgrade() -> None:
    op.drop_index("ix_families_revoked", "families")
    op.drop_index("ix_families_absolute_expires_at", "families")
