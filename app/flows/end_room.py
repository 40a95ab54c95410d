"""A room in; it is over, and every session that was bound to it."""

from app.domain import access_tokens, audit, refresh_tokens, rooms, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError, RoomEndedError
from app.flows.results import Caller, Room
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def end_room(caller: Caller, presented_id: str, tools: Tools) -> Room:
    """
    End a room for good.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        RoomEndedError: it was ended before.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `rooms:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_id)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        if not tenants.hold(connection, tenant_id):
            raise NotFoundError
        ended = rooms.end(connection, tenant_id, room_id, mode=caller.mode, now=now)
        room = rooms.find(connection, tenant_id, room_id, mode=caller.mode)
        if room is None:
            raise NotFoundError
        if not ended:
            raise RoomEndedError
        refresh_tokens.end_all_of_room(connection, room_id, reason="room_ended", now=now)
        steps.record(connection, caller, tenant_id, audit.RoomEnded(room_id=presented_id), now=now)

    logs.event("room.ended", tenant=print_id("tenant", tenant_id), room=print_id("room", room_id))
    return room
