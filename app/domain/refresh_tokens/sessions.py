"""Living sessions, as a tenant looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.refresh_tokens.family import Mode
from app.domain.refresh_tokens.tables import FamilyRow


@dataclass(frozen=True)
class Session:
    """
    A living session; `key_id` is None when a client's assertion opened it, `room_id` when it is bound to none.

    `last_address` and `last_agent` are of whoever used it last, as far as the network told.
    """

    id: UUID
    tenant_id: UUID
    mode: Mode
    subject: str
    scope: str
    audience: str
    key_id: str | None
    room_id: UUID | None
    participant_id: UUID | None
    generation: int
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    last_address: str | None
    last_agent: str | None


@dataclass(frozen=True)
class Which:
    """The sessions of one tenant, or of these only: by one key, in one room, of one participant, of one mode."""

    tenant_id: UUID
    key_id: str | None = None
    room_id: UUID | None = None
    participant_id: UUID | None = None
    only: Mode | None = None


def page(connection: Connection, which: Which, after: UUID | None, limit: int, *, now: datetime) -> Sequence[Session]:
    """List at most `limit` living sessions in the order of their ids, beginning after one."""
    statement = select(FamilyRow).where(
        FamilyRow.tenant_id == which.tenant_id,
        FamilyRow.revoked_at.is_(None),
        FamilyRow.idle_expires_at > now,
        FamilyRow.absolute_expires_at > now,
    )
    if which.key_id is not None:
        statement = statement.where(FamilyRow.key_id == which.key_id)
    if which.room_id is not None:
        statement = statement.where(FamilyRow.room_id == which.room_id)
    if which.participant_id is not None:
        statement = statement.where(FamilyRow.participant_id == which.participant_id)
    if which.only is not None:
        statement = statement.where(FamilyRow.mode == which.only)
    if after is not None:
        statement = statement.where(FamilyRow.id > after)
    rows = connection.execute(statement.order_by(FamilyRow.id).limit(limit))
    return [
        Session(
            id=row.id,
            tenant_id=row.tenant_id,
            mode=row.mode,
            subject=row.subject,
            scope=row.scope,
            audience=row.audience,
            key_id=row.key_id,
            room_id=row.room_id,
            participant_id=row.participant_id,
            generation=row.generation,
            created_at=row.created_at,
            rotated_at=row.rotated_at,
            expires_at=min(row.idle_expires_at, row.absolute_expires_at),
            last_address=row.last_address,
            last_agent=row.last_agent,
        )
        for row in rows
    ]
