"""Participants of rooms, the sessions that are theirs, and the log of what was done."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.foundation.database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ADMITTED = sa.text("removed_at IS NULL")
_OF_PARTICIPANT = sa.text("participant_id IS NOT NULL")
_OF_FAMILIES: dict[str, Any] = {
    "role": sa.String(16),
    "display_name": sa.String(200),
    "rights_changed_at": UtcDateTime,
    "asked_scope": sa.String(1000),
    "access_ttl_seconds": sa.Integer(),
    "last_address": sa.String(64),
    "last_agent": sa.String(200),
}


def upgrade() -> None:
    op.create_table(
        "participants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("external_user_id", sa.String(255)),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("removed_at", UtcDateTime),
        sa.Column("banned_at", UtcDateTime),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_participants_room_id_rooms")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_participants_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participants")),
        sa.UniqueConstraint("room_id", "external_user_id", name=op.f("uq_participants_room_id_external_user_id")),
    )
    op.create_index("ix_participants_room_id_id", "participants", ["room_id", "id"])
    op.create_index(
        "ix_participants_admitted", "participants", ["room_id"], postgresql_where=_ADMITTED, sqlite_where=_ADMITTED
    )

    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(64)),
        sa.Column("address", sa.String(64)),
        sa.Column("request_id", sa.String(128)),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audit_events_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_tenant_id_id", "audit_events", ["tenant_id", "id"])
    op.create_index("ix_audit_events_created_at", "audit_events", ["created_at"])

    for name, kind in _OF_FAMILIES.items():
        op.add_column("families", sa.Column(name, kind))
    # SQLite cannot add a constraint with a name of its own: the table is copied there.
    with op.batch_alter_table("families") as families:
        families.add_column(sa.Column("participant_id", sa.Uuid()))
        families.create_foreign_key(
            "fk_families_participant_id_participants", "participants", ["participant_id"], ["id"]
        )
    op.create_index(
        "ix_families_participant_id",
        "families",
        ["participant_id"],
        postgresql_where=_OF_PARTICIPANT,
        sqlite_where=_OF_PARTICIPANT,
    )


def downgrade() -> None:
    # Without their participants, they would be sessions that nobody can remove.
    op.execute("DELETE FROM families WHERE participant_id IS NOT NULL")
    op.drop_index("ix_families_participant_id", "families")
    with op.batch_alter_table("families") as families:
        families.drop_constraint("fk_families_participant_id_participants", type_="foreignkey")
        families.drop_column("participant_id")
    for name in _OF_FAMILIES:
        op.drop_column("families", name)
    op.drop_table("audit_events")
    op.drop_table("participants")
