"""A name in, a room out."""

from app.domain import access_tokens, audit, rooms, tenants
from app.flows import steps
from app.flows.refusals import ForbiddenError, NotFoundError, RoomLimitError
from app.flows.results import Caller, Once, Room
from app.flows.tools import Tools
from app.foundation.identifiers import print_id


def open_room(caller: Caller, name: str, tools: Tools, *, once: Once[Room] | None = None) -> Room:
    """
    Open a room of the caller's tenant and mode.

    Raises:
        ForbiddenError: an operator called, or a token that is confined to one room.
        InsufficientScopeError: the credential lacks `rooms:write`.
        RoomLimitError: the tenant has as many open rooms of this mode as it may have.
        NotFoundError: the tenant was closed a moment ago.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_WRITE)
    if caller.room_id is not None:
        raise ForbiddenError

    line = steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        tenant = tenants.find(connection, tenant_id)
        if tenant is None:
            raise NotFoundError
        most = tenant.limits.max_concurrent_rooms
        now = tools.clock.now()
        room = rooms.open_room(connection, tenant_id, name, mode=caller.mode, most=most, now=now)
        if room is not None:
            event = audit.RoomOpened(room_id=print_id("room", room.id))
            steps.record(connection, caller, tenant_id, event, now=now)
            steps.end_once(connection, once, line, room, tools)
    if room is None:
        raise RoomLimitError
    return room
