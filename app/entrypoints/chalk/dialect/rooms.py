"""What is said of rooms."""

from typing import Literal

from msgspec import Struct

from app.entrypoints.chalk.dialect.bodies import Name, Request
from app.flows.results import Mode, Room
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id


class OpenRoomRequest(Request, frozen=True):
    """POST /rooms."""

    name: Name


class ChangeRoomRequest(Request, frozen=True):
    """PATCH /rooms/{id}."""

    name: Name


class RoomBody(Struct, frozen=True):
    """A room; one of mode `test` is there for credentials of that mode alone."""

    id: str
    tenant_id: str
    name: str
    mode: Mode
    status: Literal["active", "ended"]
    created_at: str
    ended_at: str | None


def room_body(room: Room) -> RoomBody:
    """Print a room."""
    return RoomBody(
        id=print_id("room", room.id),
        tenant_id=print_id("tenant", room.tenant_id),
        name=room.name,
        mode=room.mode,
        status="active" if room.ended_at is None else "ended",
        created_at=rfc3339(room.created_at),
        ended_at=None if room.ended_at is None else rfc3339(room.ended_at),
    )
