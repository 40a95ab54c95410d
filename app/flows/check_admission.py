"""A room in; nothing out, if participants can be admitted to it."""

from typing import TypeVar

from app.domain import access_tokens, rooms
from app.flows import steps
from app.flows.refusals import NotFoundError, RoomEndedError
from app.flows.results import Caller, Once
from app.flows.tools import Tools

Result = TypeVar("Result")


def check_admission(caller: Caller, presented_room_id: str, tools: Tools, *, once: Once[Result] | None = None) -> None:
    """
    Refuse what would be refused for everybody, before several are admitted one by one; with `once`, only once.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        RoomEndedError: it is over.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `participants:write`.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    line = steps.line_of(caller)
    with tools.database.reading() if once is None else tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        room = rooms.find(connection, tenant_id, room_id, mode=caller.mode)
        # Refused inside the block: then it was not begun.
        if room is None:
            raise NotFoundError
        if room.ended_at is not None:
            raise RoomEndedError
        steps.note_begun(connection, once, line, tools)
