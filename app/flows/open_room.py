"""A name in, a room out."""

from app.domain import access_tokens, rooms
from app.flows import steps
from app.flows.refusals import ForbiddenError
from app.flows.results import Caller, Room
from app.flows.tools import Tools


def open_room(caller: Caller, name: str, tools: Tools) -> Room:
    """
    Open a room of the caller's tenant.

    Raises:
        ForbiddenError: an operator called, or a token that is confined to one room.
        InsufficientScopeError: the credential lacks `rooms:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_WRITE)
    if caller.room_id is not None:
        raise ForbiddenError

    with tools.database.transaction() as connection:
        return rooms.open_room(connection, tenant_id, name, now=tools.clock.now())
