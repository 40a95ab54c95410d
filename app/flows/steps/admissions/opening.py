"""The session that is opened for a participant, and what it may do when their role changes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import access_tokens, audit, refresh_tokens, rooms
from app.domain.rooms import NewParticipant, Participant, Room, participants
from app.flows.refusals import (
    InvalidScopeError,
    NotFoundError,
    ParticipantBannedError,
    ParticipantRemovedError,
    RoomEndedError,
    RoomFullError,
)
from app.flows.steps.admissions.authority import Authority, Entered, enter, must_rank
from app.flows.steps.limits.quotas import count_token
from app.flows.steps.tokens import life_of, narrowed
from app.flows.tools import Tools
from app.foundation.database import Connection
from app.foundation.identifiers import print_id


@dataclass(frozen=True)
class Wanted:
    """
    Which tokens, for whom: someone who is to be admitted, or a participant by id.

    `scope` as RFC 6749 section 3.3 writes it; None asks for all that the role has. `access_ttl_seconds` is less than
    usual, if given. Without `offline` there is no refresh token.
    """

    room_id: UUID
    participant: NewParticipant | UUID
    audience: str
    scope: str | None = None
    access_ttl_seconds: int | None = None
    offline: bool = True


@dataclass(frozen=True)
class Opened:
    """A participant, their room, and the session that was opened for them."""

    participant: Participant
    room: Room
    family: refresh_tokens.Family


def open_session(
    connection: Connection, authority: Authority, wanted: Wanted, tools: Tools, *, now: datetime
) -> Opened:
    """
    Admit someone to a room, or find who was admitted, and open a session for them.

    All that it leans on is held until the transaction is over, so that whoever ends any of it finds the session.

    Raises:
        InvalidApiKeyError, InvalidAccessTokenError, TenantSuspendedError: the authority has ended.
        NotFoundError: no such room or participant of this tenant.
        RoomEndedError, RoomFullError, ParticipantBannedError, ParticipantRemovedError: as they say.
        ForbiddenError: the role is above the one of the token.
        InvalidScopeError: more is asked than the role and the authority have together, or they share nothing.
        QuotaSpentError: too many tokens were asked for in this minute; nobody is admitted.
    """
    entered = enter(connection, authority, wanted.room_id, now=now)
    authority, room = entered.authority, entered.room
    if room.ended_at is not None:
        raise RoomEndedError

    find = _find if isinstance(wanted.participant, UUID) else _admit
    participant = find(connection, entered, wanted.participant, tools, now=now)
    scope = _scope(wanted.scope, participant, authority, tools)
    new = refresh_tokens.NewFamily(
        tenant_id=room.tenant_id,
        key_id=authority.key_id,
        client_kid=authority.client_kid,
        subject=print_id("p", participant.id),
        scope=scope,
        asked_scope=None if wanted.scope is None else scope,
        audience=wanted.audience,
        mode=authority.mode,
        room_id=room.id,
        member=member(participant),
        access_ttl_seconds=wanted.access_ttl_seconds,
        ends_by=authority.ends_by,
        sender=authority.sender,
    )
    policy = life_of(tools, offline=wanted.offline, access_ttl_seconds=wanted.access_ttl_seconds)
    count_token(room.tenant_id, None if authority.token is None else authority.token.session_id, tools)
    return Opened(participant, room, refresh_tokens.start(connection, new, policy, now=now))


def regrade(
    connection: Connection,
    authority: Authority,
    before: Participant,
    after: Participant,
    tools: Tools,
    *,
    now: datetime,
) -> None:
    """
    Push another role or name of a participant to their sessions, and record it.

    A session gets what the role has and it was asked for: what it holds already, or what the authority has to give.

    Raises:
        ForbiddenError: a role is above the one of the token.
    """
    must_rank(authority, before.role, after.role)
    event: audit.Event = audit.ParticipantRenamed(**names(after))
    if before.role != after.role:

        def scope_of(held: str, asked: str | None) -> str | None:
            usual = access_tokens.shared(tools.scope_of_role[after.role], f"{held} {authority.scope}")
            return (usual if asked is None else access_tokens.shared(usual, asked)) or None

        refresh_tokens.regrade(connection, member(after), scope_of, reason="role_changed", now=now)
        event = audit.ParticipantChanged(role=after.role, role_before=before.role, **names(after))
    elif before.display_name != after.display_name:
        refresh_tokens.rename(connection, member(after))
    else:
        return
    audit.record(connection, after.tenant_id, event, authority.sender, actor=authority.name, now=now)


def member(participant: Participant) -> refresh_tokens.Member:
    """Give what sessions say of a participant."""
    return refresh_tokens.Member(participant.id, participant.role, participant.display_name)


def names(participant: Participant) -> dict[str, str]:
    """Print the ids of a participant and of their room."""
    return {"room_id": print_id("room", participant.room_id), "participant_id": print_id("p", participant.id)}


def _find(
    connection: Connection, entered: Entered, participant_id: NewParticipant | UUID, _tools: Tools, *, now: datetime
) -> Participant:
    known = participants.find(connection, entered.room.id, participant_id) if isinstance(participant_id, UUID) else None
    if known is None:
        raise NotFoundError
    if known.removed_at is not None:
        raise ParticipantRemovedError
    must_rank(entered.authority, known.role)
    _tell_of_minting(connection, entered.authority, known, now=now)
    return known


def _admit(
    connection: Connection, entered: Entered, new: NewParticipant | UUID, tools: Tools, *, now: datetime
) -> Participant:
    if isinstance(new, UUID):
        raise NotFoundError
    authority, room = entered.authority, entered.room
    most = entered.tenant.limits.max_participants_per_room
    match participants.admit(connection, room.tenant_id, room.id, new, most=most, now=now):
        case rooms.Full():
            raise RoomFullError
        case rooms.Banned():
            raise ParticipantBannedError
        case rooms.Admitted(participant=participant, before=before):
            must_rank(authority, participant.role)
            if before is None or before.removed_at is not None:
                event = audit.ParticipantAdmitted(role=participant.role, **names(participant))
                audit.record(connection, room.tenant_id, event, authority.sender, actor=authority.name, now=now)
            else:
                regrade(connection, authority, before, participant, tools, now=now)
                _tell_of_minting(connection, authority, participant, now=now)
            return participant


def _tell_of_minting(connection: Connection, authority: Authority, participant: Participant, *, now: datetime) -> None:
    # From now on one participant can act in the name of another.
    if authority.participant_id not in {None, participant.id}:
        event = audit.ParticipantTokenMinted(**names(participant))
        audit.record(connection, participant.tenant_id, event, authority.sender, actor=authority.name, now=now)


def _scope(asked: str | None, participant: Participant, authority: Authority, tools: Tools) -> str:
    held = access_tokens.shared(tools.scope_of_role[participant.role], authority.scope)
    if not held:
        raise InvalidScopeError
    return held if asked is None else narrowed(asked, held)
