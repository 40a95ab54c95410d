"""What can be seen of tenants at rest."""

from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.tenants.tables import TenantRow


def ended(connection: Connection) -> frozenset[UUID]:
    """Give the tenants that may not act: closed or suspended."""
    which = TenantRow.closed_at.is_not(None) | TenantRow.suspended_at.is_not(None)
    return frozenset(connection.execute(select(TenantRow.id).where(which)).scalars())
