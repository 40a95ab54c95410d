"""Tenants, API keys, rooms, signing keys, and one row for each family of refresh tokens."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("alg", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("private_jwe", sa.Text(), nullable=False),
        sa.Column("published_at", UtcDateTime, nullable=False),
        sa.Column("activated_at", UtcDateTime, nullable=True),
        sa.Column("retired_at", UtcDateTime, nullable=True),
        sa.Column("revoked_at", UtcDateTime, nullable=True),
        sa.CheckConstraint("state IN ('standby', 'active', 'retired', 'revoked')", name=op.f("ck_signing_keys_state")),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )
    op.create_index(
        "uq_signing_keys_one_active",
        "signing_keys",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    )

    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("max_concurrent_rooms", sa.Integer(), nullable=False),
        sa.Column("max_participants_per_room", sa.Integer(), nullable=False),
        sa.Column("max_recording_duration_minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("suspended_at", UtcDateTime, nullable=True),
        sa.Column("closed_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=2), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("replaces", sa.String(length=8), nullable=True),
        sa.Column("grace_ends_at", UtcDateTime, nullable=True),
        sa.Column("revoked_at", UtcDateTime, nullable=True),
        sa.Column("suspended_at", UtcDateTime, nullable=True),
        sa.CheckConstraint("(kind = 'ak') = (tenant_id IS NULL)", name=op.f("ck_api_keys_operators_have_no_tenant")),
        sa.ForeignKeyConstraint(["replaces"], ["api_keys.id"], name=op.f("fk_api_keys_replaces_api_keys")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_api_keys_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("replaces", name=op.f("uq_api_keys_replaces")),
    )
    op.create_index("ix_api_keys_tenant_id", "api_keys", ["tenant_id"], unique=False)

    op.create_table(
        "rooms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_rooms_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
    )
    op.create_index("ix_rooms_tenant_id_id", "rooms", ["tenant_id", "id"], unique=False)

    op.create_table(
        "families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=1000), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", UtcDateTime, nullable=False),
        sa.Column("refresh_kid", sa.String(length=32), nullable=False),
        sa.Column("retry_tags", sa.String(length=64), nullable=False),
        sa.Column("idle_expires_at", UtcDateTime, nullable=False),
        sa.Column("absolute_expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime, nullable=True),
        sa.Column("revoke_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_families_key_id_api_keys")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_families_room_id_rooms")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_families_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_families")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_families_key_id", "families", ["key_id"], unique=False)
    op.create_index("ix_families_room_id", "families", ["room_id"], unique=False)
    op.create_index("ix_families_tenant_id_id", "families", ["tenant_id", "id"], unique=False)


def downgrade() -> None:
    for table in ("families", "rooms", "api_keys", "tenants", "signing_keys"):
        op.drop_table(table)
