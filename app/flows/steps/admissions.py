"""In whose name a participant gets tokens, and the session that is opened for them."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain import access_tokens, api_keys, audit, refresh_tokens, rooms, tenants
from app.domain.rooms import NewParticipant, Participant, Room, participants
from app.flows.refusals import (
    InvalidAccessTokenError,
    InvalidApiKeyError,
    InvalidClientError,
    InvalidScopeError,
    NotFoundError,
    ParticipantBannedError,
    ParticipantRemovedError,
    RoomEndedError,
    RoomFullError,
    TenantSuspendedError,
)
from app.flows.results import Caller, HeldToken, Sender
from app.flows.steps.callers import name_of
from app.flows.steps.clients import Client
from app.flows.steps.tokens import life_of, narrowed
from app.flows.tools import Tools
from app.foundation.database import Connection, holds
from app.foundation.identifiers import print_id


@dataclass(frozen=True)
class Authority:
    """
    In whose name tokens are given: a tenant's key, its client by assertion, or an access token.

    Nobody gives more than this: not beyond its `scope`, nor longer than `ends_by`. `name` and `sender` stand in the
    audit log.
    """

    tenant_id: UUID
    scope: str
    name: str | None
    sender: Sender
    key_id: str | None = None
    client_kid: str | None = None
    registered: tenants.ClientKeys | None = None
    token: HeldToken | None = None
    ends_by: datetime | None = None


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


def authority_of_caller(caller: Caller, tenant_id: UUID) -> Authority:
    """Let a caller of ours act in its own name."""
    return Authority(tenant_id, caller.scope, name_of(caller), caller.sender, caller.key_id, token=caller.token)


def authority_of_client(client: Client, tenant_id: UUID, sender: Sender) -> Authority:
    """Let an authenticated client act in its own name."""
    name = print_id("tenant", tenant_id) if client.key_id is None else api_keys.key_name(client.key_id)
    return Authority(tenant_id, client.scopes, name, sender, client.key_id, client.client_kid, client.registered)


def open_session(
    connection: Connection, authority: Authority, wanted: Wanted, tools: Tools, *, now: datetime
) -> Opened:
    """
    Admit someone to a room, or find who was admitted, and open a session for them.

    All that it leans on is held until the transaction is over, so that whoever ends any of it finds the session.

    Raises:
        InvalidApiKeyError, InvalidClientError, InvalidAccessTokenError, TenantSuspendedError: the authority has ended.
        NotFoundError: no such room or participant of this tenant.
        RoomEndedError, RoomFullError, ParticipantBannedError, ParticipantRemovedError: as they say.
        InvalidScopeError: more is asked than the role and the authority have together, or they share nothing.
    """
    authority, tenant = hold(connection, authority, now=now)
    room = rooms.hold(connection, tenant.id, wanted.room_id)
    if room is None:
        raise NotFoundError
    if room.ended_at is not None:
        raise RoomEndedError

    if isinstance(wanted.participant, UUID):
        participant = _find(connection, room, wanted.participant)
    else:
        most = tenant.limits.max_participants_per_room
        participant = _admit(connection, authority, room, wanted.participant, most=most, tools=tools, now=now)
    new = refresh_tokens.NewFamily(
        tenant_id=tenant.id,
        key_id=authority.key_id,
        client_kid=authority.client_kid,
        subject=print_id("p", participant.id),
        scope=_scope(wanted.scope, participant, authority, tools),
        audience=wanted.audience,
        room_id=room.id,
        member=member(participant),
        access_ttl_seconds=wanted.access_ttl_seconds,
        ends_by=authority.ends_by,
        sender=authority.sender,
    )
    policy = life_of(tools, offline=wanted.offline, access_ttl_seconds=wanted.access_ttl_seconds)
    return Opened(participant, room, refresh_tokens.start(connection, new, policy, now=now))


def hold(connection: Connection, authority: Authority, *, now: datetime) -> tuple[Authority, tenants.Tenant]:
    """
    Keep an authority from ending until the transaction is over, and give it with its tenant.

    The tenant comes first, then the key: in the order of those who end them.

    Raises:
        InvalidApiKeyError, InvalidClientError, InvalidAccessTokenError, TenantSuspendedError: it has ended.
    """
    tenant = tenants.find_to_lean_on(connection, authority.tenant_id)
    key = None if authority.key_id is None else api_keys.hold(connection, authority.key_id, now=now)
    if key is not None and key.expires_at is not None:
        # What a key opens is over with it, through however many hands it went.
        ends_by = key.expires_at if authority.ends_by is None else min(key.expires_at, authority.ends_by)
        authority = replace(authority, ends_by=ends_by)
    if authority.token is not None:
        # Its session lives on when its key was replaced; what ends the key's sessions is held up all the same.
        token = authority.token
        living = refresh_tokens.living(token.session_id, token.role, token.issued_at)
        family = refresh_tokens.find(connection, token.session_id) if holds(connection, living) else None
        if tenant is None or family is None:
            raise InvalidAccessTokenError
        # What ends the sessions of its client's key finds those that it opens.
        return replace(authority, key_id=family.key_id, client_kid=family.client_kid), tenant
    return _of_client(authority, tenant, key)


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
    Push another role or name of a participant to their sessions. What a session was narrowed by stays out of it.
    """
    if before.role == after.role:
        if before.display_name != after.display_name:
            refresh_tokens.rename(connection, member(after))
        return

    granted = access_tokens.shared(tools.scope_of_role[after.role], authority.scope).split(" ")
    usual = tools.scope_of_role[before.role].split(" ")

    def scope_of(held: str) -> str | None:
        left_out = set(usual) - set(held.split(" "))
        return " ".join(name for name in granted if name and name not in left_out) or None

    refresh_tokens.regrade(connection, member(after), scope_of, reason="role_changed", now=now)
    event = audit.ParticipantChanged(role=after.role, role_before=before.role, **names(after))
    audit.record(connection, after.tenant_id, event, authority.sender, actor=authority.name, now=now)


def member(participant: Participant) -> refresh_tokens.Member:
    """Give what sessions say of a participant."""
    return refresh_tokens.Member(participant.id, participant.role, participant.display_name)


def names(participant: Participant) -> dict[str, str]:
    """Print the ids of a participant and of their room."""
    return {"room_id": print_id("room", participant.room_id), "participant_id": print_id("p", participant.id)}


def _of_client(
    authority: Authority, tenant: tenants.Tenant | None, key: api_keys.Held | None
) -> tuple[Authority, tenants.Tenant]:
    by_assertion = authority.registered is not None
    if tenant is None or (tenant.client_keys != authority.registered if by_assertion else key is None or not key.works):
        raise InvalidClientError if by_assertion else InvalidApiKeyError
    if tenant.suspended:
        raise TenantSuspendedError
    # As it stands now: it may have lost scopes since it was authenticated.
    held = tenant.client_scopes if key is None else key.scopes
    return replace(authority, scope=access_tokens.shared(authority.scope, held)), tenant


def _find(connection: Connection, room: Room, participant_id: UUID) -> Participant:
    participant = participants.find(connection, room.id, participant_id, hold=True)
    if participant is None:
        raise NotFoundError
    if participant.removed_at is not None:
        raise ParticipantRemovedError
    return participant


def _admit(
    connection: Connection,
    authority: Authority,
    room: Room,
    new: NewParticipant,
    *,
    most: int,
    tools: Tools,
    now: datetime,
) -> Participant:
    participants.line_up(connection, room.id)
    match participants.admit(connection, room.tenant_id, room.id, new, most=most, now=now):
        case rooms.Full():
            raise RoomFullError
        case rooms.Banned():
            raise ParticipantBannedError
        case rooms.Admitted(participant=participant, before=before):
            if before is None or before.removed_at is not None:
                event = audit.ParticipantAdmitted(role=participant.role, **names(participant))
                audit.record(connection, room.tenant_id, event, authority.sender, actor=authority.name, now=now)
            else:
                regrade(connection, authority, before, participant, tools, now=now)
            return participant


def _scope(asked: str | None, participant: Participant, authority: Authority, tools: Tools) -> str:
    held = access_tokens.shared(tools.scope_of_role[participant.role], authority.scope)
    if not held:
        raise InvalidScopeError
    return held if asked is None else narrowed(asked, held)
