"""Record events, and page through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Row, delete, exists, func, insert, select

from app.domain.audit.events import AnyEvent, Event
from app.domain.audit.tables import AuditEventRow
from app.foundation.database import holds
from app.foundation.identifiers import new_id
from app.foundation.sender import Sender

_EVENTS: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


@dataclass(frozen=True)
class Entry:
    """
    An event as it was recorded.

    `actor` is who did it, by the id of their key, session or participant; None where nobody is known for it.
    """

    id: UUID
    created_at: datetime
    event: Event
    actor: str | None
    address: str | None
    request_id: str | None

    @property
    def type(self) -> str:
        """Give the type of the event as it stands on the wire."""
        return str(self.event.__struct_config__.tag)

    @property
    def data(self) -> dict[str, str | int]:
        """Give what the event says, by field."""
        fields: dict[str, str | int] = msgspec.to_builtins(self.event)
        return {name: value for name, value in fields.items() if name != self.event.__struct_config__.tag_field}


def record(
    connection: Connection, tenant_id: UUID, event: Event, sender: Sender, *, actor: str | None, now: datetime
) -> None:
    """Record an event, in the transaction of what it tells: either both are kept, or neither is."""
    row = {
        "id": new_id(),
        "tenant_id": tenant_id,
        "created_at": now,
        "event": msgspec.json.encode(event).decode(),
        "actor": actor,
        "address": sender.address,
        "request_id": sender.request_id,
    }
    connection.execute(insert(AuditEventRow).values(row))


def page(connection: Connection, tenant_id: UUID, before: UUID | None, limit: int) -> Sequence[Entry]:
    """List at most `limit` events of a tenant, the latest first, going on before one."""
    statement = select(AuditEventRow).where(AuditEventRow.tenant_id == tenant_id)
    if before is not None:
        statement = statement.where(AuditEventRow.id < before)
    rows = connection.execute(statement.order_by(AuditEventRow.id.desc()).limit(limit))
    return [_entry(row) for row in rows]


def page_since(connection: Connection, tenant_id: UUID, after: UUID, limit: int) -> Sequence[Entry]:
    """
    List at most `limit` events of a tenant, the earliest first, beginning after an id.

    Ids are made before the commit: one may still come that lies before what was listed.
    """
    statement = select(AuditEventRow).where(AuditEventRow.tenant_id == tenant_id, AuditEventRow.id > after)
    return [_entry(row) for row in connection.execute(statement.order_by(AuditEventRow.id).limit(limit))]


def was_told(connection: Connection, tenant_id: UUID, event: Event, *, since: datetime) -> bool:
    """Tell whether such an event was recorded lately: of this type, with these values in its first fields."""
    # The type and the fields stand in one order, so what begins alike is alike; what is left out comes last.
    begins = msgspec.json.encode(event).decode().removesuffix("}")
    lately = (AuditEventRow.tenant_id == tenant_id) & (AuditEventRow.created_at > since)
    return holds(connection, exists().where(lately, func.substr(AuditEventRow.event, 1, len(begins)) == begins))


def forget(connection: Connection, *, recorded_before: datetime, most: int) -> int:
    """Delete at most `most` events that were recorded before a moment, and gives how many; nobody waits for it."""
    some = select(AuditEventRow.id).where(AuditEventRow.created_at < recorded_before).limit(most)
    which = AuditEventRow.id.in_(some.order_by(AuditEventRow.created_at).with_for_update(skip_locked=True))
    return connection.execute(delete(AuditEventRow).where(which)).rowcount


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.id, row.created_at, _EVENTS.decode(row.event), row.actor, row.address, row.request_id)
