"""Sessions without foreign keys: to look at rows that they share, and mark them, cost a tenth of an exchange."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_REFERRED = {"tenant_id": "tenants", "key_id": "api_keys", "room_id": "rooms", "participant_id": "participants"}
# To drop a foreign key, PostgreSQL wants both tables for itself. Requests come to them in this order, more or less; and
# one that holds a table while it waits for another of ours must not be taken for a deadlock, after a second: we are
# gone by then.
_LOCKS = "LOCK TABLE tenants, api_keys, rooms, participants, families IN ACCESS EXCLUSIVE MODE"
_WAIT = "SET LOCAL lock_timeout = '150ms'"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(_WAIT)
        op.execute(_LOCKS)
    # SQLite copies the table, once.
    with op.batch_alter_table("families") as families:
        for column, table in _REFERRED.items():
            families.drop_constraint(f"fk_families_{column}_{table}", type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("families") as families:
        for column, table in _REFERRED.items():
            families.create_foreign_key(f"fk_families_{column}_{table}", table, [column], ["id"])
