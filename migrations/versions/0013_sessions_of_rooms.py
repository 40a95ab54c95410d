"""The index by which sessions of a room are found: of those only that have one. Most have none."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.foundation.database import without_transaction

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OF_ROOM = sa.text("room_id IS NOT NULL")
_PARTIAL = {"postgresql_where": _OF_ROOM, "sqlite_where": _OF_ROOM}


def upgrade() -> None:
    _replace("ix_families_room_id", "ix_families_room", **_PARTIAL)


def downgrade() -> None:
    _replace("ix_families_room", "ix_families_room_id")


def _replace(old: str, new: str, **partial: Any) -> None:
    with without_transaction(op.get_context()):
        # What was broken off is invalid. The old one goes last: at every moment there is one.
        op.drop_index(new, "families", if_exists=True, postgresql_concurrently=True)
        op.create_index(new, "families", ["room_id"], postgresql_concurrently=True, **partial)
        op.drop_index(old, "families", if_exists=True, postgresql_concurrently=True)
