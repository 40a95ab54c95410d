"""What can be seen of tenants at rest."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.tenants.tables import TenantRow


def ended(connection: Connection) -> frozenset[UUID]:
    """Give the tenants that may not act: closed or suspended."""
    which = TenantRow.closed_at.is_not(None) | TenantRow.suspended_at.is_not(None)
    return frozenset(connection.execute(select(TenantRow.id).where(which)).scalars())


def owners(connection: Connection) -> Mapping[UUID, UUID]:
    """Give every tenant, each of which is its own."""
    return {tenant_id: tenant_id for tenant_id in connection.execute(select(TenantRow.id)).scalars()}
