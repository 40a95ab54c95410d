"""Open, find, list, rename, end and delete rooms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    String,
    Uuid,
    and_,
    bindparam,
    func,
    insert,
    literal,
    select,
    update,
)

from app.domain.rooms.tables import RoomRow
from app.foundation.database import Direct, Prepared, Value, have_alone, lean_on
from app.foundation.identifiers import new_id

# Of the credential that opened the room: those of the other mode do not find it.
Mode = Literal["live", "test"]


@dataclass(frozen=True)
class Room:
    """A room as it stands; `ended_at` is None while it is open."""

    id: UUID
    tenant_id: UUID
    name: str
    mode: Mode
    created_at: datetime
    ended_at: datetime | None = None


def open_room(
    connection: Connection, tenant_id: UUID, name: str, *, mode: Mode, most: int, now: datetime
) -> Room | None:
    """
    Open a room of a tenant under a new id; None when it has as many open ones of that mode as it may have, `most`.

    Those who open such rooms of one tenant stand in line, so that two do not both take the last place.
    """
    have_alone(connection, f"rooms_of/{tenant_id}/{mode}")
    counted = select(func.count()).where(_of(tenant_id, mode), RoomRow.ended_at.is_(None))
    if connection.execute(counted).scalar_one() >= most:
        return None
    room = Room(id=new_id(), tenant_id=tenant_id, name=name, mode=mode, created_at=now)
    connection.execute(insert(RoomRow).values(**vars(room)))
    return room


def find(connection: Connection | Direct, tenant_id: UUID, room_id: UUID, *, mode: Mode) -> Room | None:
    """Find a room of this tenant, ended or not; None when it has none of that id and mode."""
    row = _FIND.first(connection, _named(tenant_id, room_id, mode))
    return None if row is None else Room(*row)


def finding_beside(value: Callable[[], Value]) -> Prepared:
    """Write the statement of `find_beside` for a value, which is of other rooms of this house."""
    # There is always a row, for what was asked beside.
    always = select(literal(1).label("one")).subquery("always")
    return Prepared(
        lambda _: select(value().label("beside"), *_columns()).select_from(always.outerjoin(RoomRow, _is_named()))
    )


def find_beside(
    connection: Connection | Direct,
    finding: Prepared,
    asked: Mapping[str, object],
    tenant_id: UUID,
    room_id: UUID | None,
    *,
    mode: Mode,
) -> tuple[Any, Room | None]:
    """
    Find a room like `find`, and in the same statement what else is asked, which is given first.

    Args:
        connection: of a transaction, or direct.
        finding: made by `finding_beside`.
        asked: the parameters of its value.
        tenant_id: whose room it is.
        room_id: None finds none.
        mode: of the room.
    """
    beside, *room = finding.first(connection, {**asked, **_named(tenant_id, room_id, mode)}) or (None, None)
    return beside, None if room[0] is None else Room(*room)


def hold(connection: Connection, tenant_id: UUID, room_id: UUID, *, mode: Mode) -> Room | None:
    """Find a room and keep it from being ended until the transaction is over; None when there is none."""
    lean_on(connection, _lock_name(room_id))
    return find(connection, tenant_id, room_id, mode=mode)


def page(connection: Connection, tenant_id: UUID, after: UUID | None, limit: int, *, mode: Mode) -> Sequence[Room]:
    """List at most `limit` rooms of a tenant, of one mode, in the order of their ids, beginning after one."""
    which = _of(tenant_id, mode) & RoomRow.deleted_at.is_(None)
    statement = select(RoomRow).where(which).order_by(RoomRow.id).limit(limit)
    if after is not None:
        statement = statement.where(RoomRow.id > after)
    return [_room(row) for row in connection.execute(statement)]


def end(connection: Connection, tenant_id: UUID, room_id: UUID, *, mode: Mode, now: datetime) -> bool:
    """End a room; False when it was ended before, or the tenant has none of that id and mode."""
    have_alone(connection, _lock_name(room_id))
    claim = update(RoomRow).where(_of(tenant_id, mode), RoomRow.id == room_id, RoomRow.ended_at.is_(None))
    return connection.execute(claim.values(ended_at=now)).rowcount == 1


def rename(connection: Connection, tenant_id: UUID, room_id: UUID, name: str, *, mode: Mode) -> bool:
    """Give an open room another name; False when it has ended, or the tenant has none of that id and mode."""
    claim = update(RoomRow).where(_of(tenant_id, mode), RoomRow.id == room_id, RoomRow.ended_at.is_(None))
    return connection.execute(claim.values(name=name)).rowcount == 1


def delete(connection: Connection, tenant_id: UUID, room_id: UUID, *, mode: Mode, now: datetime) -> bool:
    """End a room and let nobody see it any more; False when the tenant has none of that id and mode (any more)."""
    have_alone(connection, _lock_name(room_id))
    claim = update(RoomRow).where(_of(tenant_id, mode), RoomRow.id == room_id, RoomRow.deleted_at.is_(None))
    gone = {"deleted_at": now, "ended_at": func.coalesce(RoomRow.ended_at, now)}
    return connection.execute(claim.values(gone)).rowcount == 1


def _of(tenant_id: UUID, mode: Mode) -> ColumnElement[bool]:
    return (RoomRow.tenant_id == tenant_id) & (RoomRow.mode == mode)


def _columns() -> list[ColumnElement[Any]]:
    return [RoomRow.__table__.c[name] for name in Room.__dataclass_fields__]


def _is_named() -> ColumnElement[bool]:
    return and_(
        RoomRow.id == bindparam("room", type_=Uuid),
        RoomRow.tenant_id == bindparam("tenant", type_=Uuid),
        RoomRow.mode == bindparam("of_mode", type_=String),
        RoomRow.deleted_at.is_(None),
    )


def _named(tenant_id: UUID, room_id: UUID | None, mode: Mode) -> dict[str, object]:
    return {"tenant": tenant_id, "room": room_id, "of_mode": mode}


_FIND = Prepared(lambda _: select(*_columns()).where(_is_named()))


def _lock_name(room_id: UUID) -> str:
    return f"rooms/{room_id}"


def _room(row: Row[RoomRow]) -> Room:
    return Room(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        mode=row.mode,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
