"""What can be seen of rooms and participants at rest."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.rooms.tables import ParticipantRow, RoomRow


def ended(connection: Connection) -> frozenset[UUID]:
    """Give the rooms that are over."""
    over = RoomRow.ended_at.is_not(None) | RoomRow.deleted_at.is_not(None)
    return frozenset(connection.execute(select(RoomRow.id).where(over)).scalars())


def removed(connection: Connection) -> frozenset[UUID]:
    """Give the participants who may not be there."""
    gone = ParticipantRow.removed_at.is_not(None) | ParticipantRow.banned_at.is_not(None)
    return frozenset(connection.execute(select(ParticipantRow.id).where(gone)).scalars())


def owners(connection: Connection) -> Mapping[UUID, UUID]:
    """Give the tenant of every room."""
    return {row.id: row.tenant_id for row in connection.execute(select(RoomRow.id, RoomRow.tenant_id))}


def owners_of_participants(connection: Connection) -> Mapping[UUID, UUID]:
    """Give the tenant of every participant."""
    return {row.id: row.tenant_id for row in connection.execute(select(ParticipantRow.id, ParticipantRow.tenant_id))}
