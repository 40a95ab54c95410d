"""A room in; nothing out, if participants can be admitted to it."""

from app.domain import access_tokens, rooms
from app.flows import steps
from app.flows.refusals import NotFoundError, RoomEndedError
from app.flows.results import Caller
from app.flows.tools import Tools


def check_admission(caller: Caller, presented_room_id: str, tools: Tools) -> None:
    """
    Refuse what would be refused for everybody, before several are admitted one by one.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        RoomEndedError: it is over.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `participants:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    with tools.database.reading() as connection:
        room = rooms.find(connection, tenant_id, room_id)
    if room is None:
        raise NotFoundError
    if room.ended_at is not None:
        raise RoomEndedError
