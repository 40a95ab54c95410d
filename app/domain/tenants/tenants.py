"""Open, find, change, suspend and close tenants."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from app.domain.tenants.tables import TenantRow
from app.foundation.database import have_alone, lean_on
from app.foundation.identifiers import new_id

# What becomes of an API key that somebody reports as leaked: it ends, it gets a grace in which it can be replaced, or
# the tenant is told and nothing else.
OnLeak = Literal["revoke", "rotate", "notify"]


@dataclass(frozen=True)
class Limits:
    """What a tenant may use at once."""

    max_concurrent_rooms: int = 100
    max_participants_per_room: int = 10
    max_recording_duration_minutes: int = 120


@dataclass(frozen=True)
class ClientKeys:
    """The public keys of a tenant's OAuth client: a JWK Set as JSON, or the https URL of one; never both."""

    jwks: str | None = None
    jwks_uri: str | None = None


@dataclass(frozen=True)
class Tenant:
    """A tenant as it stands."""

    id: UUID
    name: str
    limits: Limits
    created_at: datetime
    suspended: bool
    client_keys: ClientKeys | None = None
    client_scopes: str = ""
    on_leak: OnLeak = "revoke"


@dataclass(frozen=True)
class Changes:
    """
    What is to become of a tenant; None leaves a field as it is.

    `client_keys` replace those that were registered, together with the scopes that they may ask for; `withdrawn` names
    those of `jwks` and `jwks_uri` that are taken away.
    """

    name: str | None = None
    max_concurrent_rooms: int | None = None
    max_participants_per_room: int | None = None
    max_recording_duration_minutes: int | None = None
    suspended: bool | None = None
    client_keys: ClientKeys | None = None
    client_scopes: str | None = None
    withdrawn: Sequence[str] = ()
    on_leak: OnLeak | None = None


def open_tenant(
    connection: Connection, name: str, limits: Limits, *, now: datetime, on_leak: OnLeak = "revoke"
) -> Tenant:
    """Open a tenant under a new id."""
    tenant = Tenant(id=new_id(), name=name, limits=limits, created_at=now, suspended=False, on_leak=on_leak)
    values = {"id": tenant.id, "name": name, "created_at": now, "on_leak": on_leak, **dataclasses.asdict(limits)}
    connection.execute(insert(TenantRow).values(values))
    return tenant


def find(connection: Connection, tenant_id: UUID) -> Tenant | None:
    """Find an open tenant; None when there is none, or it was closed."""
    row = connection.execute(select(TenantRow).where(TenantRow.id == tenant_id, TenantRow.closed_at.is_(None))).first()
    return None if row is None else _tenant(row)


def hold(connection: Connection, tenant_id: UUID) -> bool:
    """
    Hold an open tenant until the transaction ends, and tell whether there is one.

    Every story that ends an authority of a tenant takes this first: two of them then never wait for each other's
    sessions in opposite orders. Exchanges by API key are not held up; those by assertion or for a participant lean on
    the tenant, and wait.
    """
    statement = select(TenantRow.id).where(TenantRow.id == tenant_id, TenantRow.closed_at.is_(None))
    if connection.execute(statement.with_for_update(key_share=True)).first() is None:
        return False
    have_alone(connection, _lock_name(tenant_id))
    return True


def find_to_lean_on(connection: Connection, tenant_id: UUID) -> Tenant | None:
    """Find an open tenant, and keep it from being changed or closed until the transaction ends; None without one."""
    lean_on(connection, _lock_name(tenant_id))
    return find(connection, tenant_id)


def page(connection: Connection, after: UUID | None, limit: int) -> Sequence[Tenant]:
    """List at most `limit` open tenants in the order of their ids, beginning after one."""
    statement = select(TenantRow).where(TenantRow.closed_at.is_(None)).order_by(TenantRow.id).limit(limit)
    if after is not None:
        statement = statement.where(TenantRow.id > after)
    return [_tenant(row) for row in connection.execute(statement)]


def change(connection: Connection, tenant_id: UUID, changes: Changes, *, now: datetime) -> Tenant | None:
    """Hold and change an open tenant, and give it back as it is now; None when there is none."""
    if not hold(connection, tenant_id):
        return None

    values: dict[str, Any] = {key: value for key, value in dataclasses.asdict(changes).items() if value is not None}
    values.update(values.pop("client_keys", {}), **dict.fromkeys(values.pop("withdrawn", ())))
    suspended = values.pop("suspended", None)
    if suspended is not None:
        values["suspended_at"] = now if suspended else None
    if values:
        connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(values))
    return find(connection, tenant_id)


def close(connection: Connection, tenant_id: UUID, *, now: datetime) -> None:
    """Close a tenant for good."""
    closed = func.coalesce(TenantRow.closed_at, now)
    connection.execute(update(TenantRow).where(TenantRow.id == tenant_id).values(closed_at=closed))


def _lock_name(tenant_id: UUID) -> str:
    return f"tenants/{tenant_id}"


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(
        id=row.id,
        name=row.name,
        limits=Limits(row.max_concurrent_rooms, row.max_participants_per_room, row.max_recording_duration_minutes),
        created_at=row.created_at,
        suspended=row.suspended_at is not None,
        client_keys=ClientKeys(row.jwks, row.jwks_uri) if row.jwks or row.jwks_uri else None,
        client_scopes=row.client_scopes or "",
        on_leak=row.on_leak,
    )
