"""Clients with keys of their own, resource servers, and sessions that no API key opened."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("jwks", sa.Text(), nullable=True))
    op.add_column("tenants", sa.Column("jwks_uri", sa.Text(), nullable=True))
    op.add_column("tenants", sa.Column("client_scopes", sa.Text(), nullable=True))
    op.add_column("families", sa.Column("client_kid", sa.String(length=255), nullable=True))
    op.add_column("api_keys", sa.Column("audience", sa.Text(), nullable=True))
    op.add_column("api_keys", sa.Column("assertion_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("families") as families:
        families.alter_column("key_id", existing_type=sa.String(8), nullable=True)
    op.create_table(
        "spent_assertions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("jti_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_spent_assertions_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "jti_hash", name="pk_spent_assertions"),
    )
    op.create_index("ix_spent_assertions_expires_at", "spent_assertions", ["expires_at"])


def downgrade() -> None:
    op.drop_table("spent_assertions")
    op.execute("DELETE FROM families WHERE key_id IS NULL")
    # Without the column, the credential of a resource server would be an operator's.
    op.execute("DELETE FROM api_keys WHERE audience IS NOT NULL")
    with op.batch_alter_table("families") as families:
        families.alter_column("key_id", existing_type=sa.String(8), nullable=False)
    op.drop_column("api_keys", "assertion_only")
    op.drop_column("api_keys", "audience")
    op.drop_column("families", "client_kid")
    op.drop_column("tenants", "client_scopes")
    op.drop_column("tenants", "jwks_uri")
    op.drop_column("tenants", "jwks")
