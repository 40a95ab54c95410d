"""What can be seen of API keys at rest."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.api_keys.format import key_name
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation.findings import Finding


def owners(connection: Connection) -> Mapping[str, UUID | None]:
    """Give the tenant of every key; None of an operator's."""
    return {row.id: row.tenant_id for row in connection.execute(select(ApiKeyRow.id, ApiKeyRow.tenant_id))}


def deliberately_revoked(connection: Connection) -> frozenset[str]:
    """Give the keys that were revoked, and so took their sessions along; a rotation leaves them alive."""
    revoked = ApiKeyRow.revoked_at.is_not(None) & ApiKeyRow.grace_ends_at.is_(None)
    return frozenset(connection.execute(select(ApiKeyRow.id).where(revoked)).scalars())


def usable_owners(connection: Connection) -> Mapping[UUID, str]:
    """Give the tenants that have a key which is neither revoked nor suspended, each with the name of one."""
    usable = ApiKeyRow.revoked_at.is_(None) & ApiKeyRow.suspended_at.is_(None) & ApiKeyRow.tenant_id.is_not(None)
    found = connection.execute(select(ApiKeyRow.tenant_id, ApiKeyRow.id).where(usable))
    return {tenant_id: key_name(key_id) for tenant_id, key_id in found if tenant_id is not None}


def irregular(connection: Connection) -> Iterator[Finding]:
    """Find keys that were replaced and still have no end, and keys that replace one of somebody else."""
    newer = ApiKeyRow.__table__.alias()
    replaced = select(ApiKeyRow.id).join(newer, newer.c.replaces == ApiKeyRow.id)
    endless = replaced.where(ApiKeyRow.revoked_at.is_(None), ApiKeyRow.grace_ends_at.is_(None))
    for key_id in connection.execute(endless).scalars():
        yield Finding("key.replaced_without_end", key_name(key_id), "was replaced, and works on without an end")
    foreign = replaced.where(newer.c.tenant_id.is_distinct_from(ApiKeyRow.tenant_id))
    for key_id in connection.execute(foreign).scalars():
        yield Finding("key.replaced_by_another_tenant", key_name(key_id), "was replaced by a key of somebody else")
