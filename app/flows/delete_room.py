"""A room in; it is over, nobody sees it any more, and every session that was bound to it has ended."""

from app.domain import access_tokens, audit, refresh_tokens, rooms, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def delete_room(caller: Caller, presented_id: str, tools: Tools) -> None:
    """
    Delete a room, ended or not, for good.

    Raises:
        NotFoundError: no such room (any more), someone else's, or not the one that the token is confined to.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `rooms:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_id)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        held = tenants.hold(connection, tenant_id)
        if not held or not rooms.delete(connection, tenant_id, room_id, mode=caller.mode, now=now):
            raise NotFoundError
        refresh_tokens.end_all_of_room(connection, room_id, reason="room_deleted", now=now)
        steps.record(connection, caller, tenant_id, audit.RoomDeleted(room_id=presented_id), now=now)

    logs.event("room.deleted", tenant=print_id("tenant", tenant_id), room=print_id("room", room_id))
