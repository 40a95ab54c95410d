"""What shall be different about a participant in; the participant as they are now out."""

from dataclasses import dataclass

from app.domain import access_tokens, audit
from app.domain.rooms import Participant, Role, participants
from app.flows import steps
from app.flows.refusals import NotFoundError, ParticipantRemovedError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id


@dataclass(frozen=True)
class ParticipantChanges:
    """What shall be different; None leaves it as it is. Who is banned may come back after `unban`."""

    display_name: str | None = None
    role: Role | None = None
    unban: bool = False


def change_participant(
    caller: Caller, presented_room_id: str, presented_id: str, changes: ParticipantChanges, tools: Tools
) -> Participant:
    """
    Give a participant another name or role, or let a banned one be admitted again.

    Another role holds from now on: access tokens from before are refused here and inactive at introspection, and the
    next refresh gives one with the new rights.

    Raises:
        NotFoundError: no such room or participant, someone else's, or not the room that the token is confined to.
        ParticipantRemovedError: who is not in the room has no name and role there to change.
        ForbiddenError: an operator called, or a role is above the one of the token.
        InsufficientScopeError: the credential lacks `participants:write`.
        InvalidApiKeyError, InvalidAccessTokenError, TenantSuspendedError: the caller's authority ended meanwhile.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_WRITE)
    room_id = steps.must_be_its_room(caller, presented_room_id)
    participant_id = parse_id("p", presented_id)
    if participant_id is None:
        raise NotFoundError

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        authority = steps.enter(connection, steps.authority_of_caller(caller, tenant_id), room_id, now=now).authority
        before = participants.find(connection, room_id, participant_id)
        if before is None:
            raise NotFoundError
        if before.removed_at is not None and (changes.role or changes.display_name):
            raise ParticipantRemovedError
        after = participants.change(
            connection, before, display_name=changes.display_name, role=changes.role, unban=changes.unban
        )
        steps.regrade(connection, authority, before, after, tools, now=now)
        if before.banned_at is not None and after.banned_at is None:
            event = audit.ParticipantUnbanned(**steps.names(after))
            audit.record(connection, tenant_id, event, caller.sender, actor=authority.name, now=now)
    return after
