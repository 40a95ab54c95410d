"""A room and a name in; the room as it is called now."""

from app.domain import access_tokens, audit, rooms
from app.flows import steps
from app.flows.refusals import NotFoundError, RoomEndedError
from app.flows.results import Caller, Room
from app.flows.tools import Tools


def rename_room(caller: Caller, presented_id: str, name: str, tools: Tools) -> Room:
    """
    Give an open room another name.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        RoomEndedError: it is over, and stays as it was.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `rooms:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_id)
    with tools.database.transaction() as connection:
        renamed = rooms.rename(connection, tenant_id, room_id, name, mode=caller.mode)
        if renamed:
            event = audit.RoomRenamed(room_id=presented_id)
            steps.record(connection, caller, tenant_id, event, now=tools.clock.now())
        room = rooms.find(connection, tenant_id, room_id, mode=caller.mode)
    if room is None:
        raise NotFoundError
    if not renamed:
        raise RoomEndedError
    return room
