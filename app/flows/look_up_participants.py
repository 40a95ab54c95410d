"""The participants of a room, one by one and page by page."""

import dataclasses

from app.domain import access_tokens, rooms
from app.domain.rooms import Participant, participants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from app.foundation.pages import Page


def look_up_participant(caller: Caller, presented_room_id: str, presented_id: str, tools: Tools) -> Participant:
    """
    Find a participant of a room, removed or not.

    Raises:
        NotFoundError: no such room or participant, someone else's, or not the room that the token is confined to.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `participants:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_READ)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    participant_id = parse_id("p", presented_id)
    with tools.database.reading() as connection:
        if participant_id is None or rooms.find(connection, tenant_id, room_id, mode=caller.mode) is None:
            raise NotFoundError
        participant = participants.find(connection, room_id, participant_id)
    if participant is None:
        raise NotFoundError
    return _as_seen_by(caller, participant)


def look_up_participants(
    caller: Caller, presented_room_id: str, page: tuple[str | None, int], tools: Tools, *, active: bool | None = None
) -> Page[Participant]:
    """
    List the participants of a room, with the tenant's id for them if the caller may admit.

    All who ever were in it, or with `active` those who are, or are not, now.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        InvalidRequestError: the cursor is not of this list.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `participants:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_READ)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    cursor, limit = page
    owner = f"participants/{room_id}/{active}"
    with tools.database.reading() as connection:
        if rooms.find(connection, tenant_id, room_id, mode=caller.mode) is None:
            raise NotFoundError
        after = steps.open_cursor(tools, owner, cursor)
        found = participants.page(connection, room_id, after, limit + 1, active=active)
    return steps.cut(tools, owner, [_as_seen_by(caller, each) for each in found], limit)


def _as_seen_by(caller: Caller, participant: Participant) -> Participant:
    # The tenant's own id for them, an e-mail address perhaps, is for those who may admit by it.
    if access_tokens.one_of(access_tokens.PARTICIPANTS_WRITE, caller.scope):
        return participant
    return dataclasses.replace(participant, external_user_id=None)
