"""A participant in; they are out, and every token of theirs with them."""

from app.domain import access_tokens, audit, refresh_tokens
from app.domain.rooms import participants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import parse_id


def remove_participant(caller: Caller, presented_room_id: str, presented_id: str, tools: Tools, *, ban: bool) -> None:
    """
    Remove a participant from a room: all their sessions end at once. A participant may remove themselves.

    Args:
        caller: a tenant's key, or an access token that may remove in this room, as a host's.
        presented_room_id: from where.
        presented_id: whom.
        tools: the story's tools.
        ban: whether they shall not be admitted again; this can be said of one who was removed before.

    Raises:
        NotFoundError: no such room or participant (any more), someone else's, or not the room of the token.
        ForbiddenError: an operator called, or the role is above the one of the token.
        InsufficientScopeError: the credential lacks `participants:write`.
        InvalidApiKeyError, InvalidAccessTokenError, TenantSuspendedError: the caller's authority ended meanwhile.
    """
    participant_id = parse_id("p", presented_id)
    # Who leaves by themselves needs no right to it.
    leaving = participant_id is not None and caller.participant_id == participant_id and not ban
    tenant_id = steps.must_act_for_a_tenant(caller, None if leaving else access_tokens.PARTICIPANTS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    if participant_id is None:
        raise NotFoundError

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        entered = steps.enter(connection, steps.authority_of_caller(caller, tenant_id), room_id, now=now)
        before = participants.find(connection, room_id, participant_id)
        if before is None or (before.removed_at is not None and (not ban or before.banned_at is not None)):
            raise NotFoundError
        steps.must_rank(entered.authority, before.role)
        participants.remove(connection, before, ban=ban, now=now)
        reason = "participant_banned" if ban else "participant_removed"
        refresh_tokens.end_all_of_participant(connection, participant_id, reason=reason, now=now)
        event = (audit.ParticipantBanned if ban else audit.ParticipantRemoved)(**steps.names(before))
        audit.record(connection, tenant_id, event, caller.sender, actor=entered.authority.name, now=now)

    logs.event("participant.banned" if ban else "participant.removed", **steps.names(before))
