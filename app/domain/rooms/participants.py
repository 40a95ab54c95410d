"""Admit, find, list, change and remove the participants of a room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from app.domain.rooms.tables import ParticipantRow
from app.foundation.database import have_alone
from app.foundation.identifiers import new_id

Role = Literal["host", "participant", "viewer"]
USUAL_ROLE: Role = "participant"


@dataclass(frozen=True)
class Participant:
    """
    Someone in one room, by the tenant's own id for them if it gave one.

    `removed_at` is None while they are admitted; who is banned is not admitted again.
    """

    id: UUID
    tenant_id: UUID
    room_id: UUID
    external_user_id: str | None
    display_name: str
    role: Role
    created_at: datetime
    removed_at: datetime | None = None
    banned_at: datetime | None = None


@dataclass(frozen=True)
class NewParticipant:
    """Who is to be admitted. Without a `role`, those who are there keep theirs, and others get the usual one."""

    display_name: str
    external_user_id: str | None = None
    role: Role | None = None


@dataclass(frozen=True)
class Admitted:
    """They are in the room now; `before` is how they stood, if they were ever there."""

    participant: Participant
    before: Participant | None


@dataclass(frozen=True)
class Full:
    """The room has as many participants as it may have."""


@dataclass(frozen=True)
class Banned:
    """They were removed, and may not come back."""


def line_up(connection: Connection, room_id: UUID) -> None:
    """
    Have the participants of a room to oneself until the transaction is over.

    For who admits or mints, so that two do not both take the last place, and for who removes or changes someone, so
    that no session is opened for them meanwhile. The room itself is held before.
    """
    have_alone(connection, f"participants_of/{room_id}")


def admit(
    connection: Connection, tenant_id: UUID, room_id: UUID, new: NewParticipant, *, most: int, now: datetime
) -> Admitted | Full | Banned:
    """
    Admit someone to a room of this tenant that can have `most` at once; the caller has lined up.

    The same `external_user_id` is the same participant, with the name and role that are given now.
    """
    before = _known(connection, room_id, new.external_user_id)
    if before is not None and before.banned_at is not None:
        return Banned()
    if (before is None or before.removed_at is not None) and _count(connection, room_id) >= most:
        return Full()
    if before is None:
        participant = Participant(
            id=new_id(),
            tenant_id=tenant_id,
            room_id=room_id,
            external_user_id=new.external_user_id,
            display_name=new.display_name,
            role=new.role or USUAL_ROLE,
            created_at=now,
        )
        connection.execute(insert(ParticipantRow).values(**vars(participant)))
        return Admitted(participant, None)

    # Who was removed comes back without the rights of before, unless they are given anew.
    role = new.role or (before.role if before.removed_at is None else USUAL_ROLE)
    return Admitted(
        _write(connection, replace(before, display_name=new.display_name, role=role, removed_at=None), before), before
    )


def find(connection: Connection, room_id: UUID, participant_id: UUID) -> Participant | None:
    """Find a participant of this room, removed or not; None when it has none of that id."""
    which = (ParticipantRow.id == participant_id) & (ParticipantRow.room_id == room_id)
    row = connection.execute(select(ParticipantRow).where(which)).first()
    return None if row is None else _participant(row)


def page(
    connection: Connection, room_id: UUID, after: UUID | None, limit: int, *, active: bool | None = None
) -> Sequence[Participant]:
    """List at most `limit` participants of a room in the order of their ids: all, or those who are (not) in it now."""
    statement = select(ParticipantRow).where(ParticipantRow.room_id == room_id)
    if active is not None:
        gone = ParticipantRow.removed_at.is_not(None)
        statement = statement.where(~gone if active else gone)
    if after is not None:
        statement = statement.where(ParticipantRow.id > after)
    return [_participant(row) for row in connection.execute(statement.order_by(ParticipantRow.id).limit(limit))]


def change(
    connection: Connection, before: Participant, *, display_name: str | None, role: Role | None, unban: bool
) -> Participant:
    """Give a participant another name or role, or let a banned one come back; the caller has lined up."""
    after = replace(before, display_name=display_name or before.display_name, role=role or before.role)
    return _write(connection, replace(after, banned_at=None) if unban else after, before)


def remove(connection: Connection, before: Participant, *, ban: bool, now: datetime) -> Participant:
    """Remove a participant, or ban one who was removed before; the caller has lined up."""
    banned_at = now if ban and before.banned_at is None else before.banned_at
    return _write(connection, replace(before, removed_at=before.removed_at or now, banned_at=banned_at), before)


def _known(connection: Connection, room_id: UUID, external_user_id: str | None) -> Participant | None:
    if external_user_id is None:
        return None
    which = (ParticipantRow.room_id == room_id) & (ParticipantRow.external_user_id == external_user_id)
    row = connection.execute(select(ParticipantRow).where(which)).first()
    return None if row is None else _participant(row)


def _count(connection: Connection, room_id: UUID) -> int:
    active = (ParticipantRow.room_id == room_id) & ParticipantRow.removed_at.is_(None)
    return connection.execute(select(func.count()).where(active)).scalar_one()


def _write(connection: Connection, after: Participant, before: Participant) -> Participant:
    changed = {name: value for name, value in vars(after).items() if value != getattr(before, name)}
    if changed:
        connection.execute(update(ParticipantRow).where(ParticipantRow.id == before.id).values(changed))
    return after


def _participant(row: Row[Any]) -> Participant:
    return Participant(**{name: getattr(row, name) for name in Participant.__dataclass_fields__})
