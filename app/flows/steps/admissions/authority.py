"""In whose name participants are admitted, changed and removed, and for how long that holds."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args
from uuid import UUID

from app.domain import access_tokens, api_keys, refresh_tokens, rooms, tenants
from app.domain.rooms import Role, Room, participants
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidApiKeyError,
    NotFoundError,
    TenantSuspendedError,
)
from app.flows.results import Caller, HeldToken, Sender
from app.flows.steps.callers import name_of
from app.flows.steps.clients.client import Client
from app.foundation.database import Connection, asking

# The highest first.
_RANKS = get_args(Role)
_ask = asking(refresh_tokens.held)


@dataclass(frozen=True)
class Authority:
    """
    In whose name tokens are given: a tenant's key, or an access token.

    Nobody gives more than this: not beyond its `scope`, nor longer than `ends_by`, nor in rooms of another `mode`.
    `name` and `sender` stand in the audit log.
    """

    tenant_id: UUID
    mode: rooms.Mode
    scope: str
    name: str | None
    sender: Sender
    key_id: str | None = None
    client_kid: str | None = None
    participant_id: UUID | None = None
    token: HeldToken | None = None
    ends_by: datetime | None = None


@dataclass(frozen=True)
class Entered:
    """A room and its tenant, both held, and the authority as it stands now that nobody can end it."""

    authority: Authority
    tenant: tenants.Tenant
    room: Room


def authority_of_caller(caller: Caller, tenant_id: UUID) -> Authority:
    """Let a caller of ours act in its own name."""
    return Authority(
        tenant_id,
        caller.mode,
        caller.scope,
        name_of(caller),
        caller.sender,
        caller.key_id,
        participant_id=caller.participant_id,
        token=caller.token,
    )


def authority_of_key(client: Client, tenant_id: UUID, sender: Sender) -> Authority:
    """Let a key that was authenticated act in its own name."""
    name = None if client.key_id is None else api_keys.key_name(client.key_id)
    return Authority(tenant_id, client.mode, client.scopes, name, sender, client.key_id)


def enter(connection: Connection, authority: Authority, room_id: UUID, *, now: datetime) -> Entered:
    """
    Have the participants of a room to oneself, and keep the authority for it, until the transaction is over.

    The tenant comes first, then the key, the room and its participants: in the order of those who end them.

    Raises:
        InvalidApiKeyError, InvalidAccessTokenError, TenantSuspendedError: the authority has ended.
        InsufficientScopeError: the key lost `participants:write` meanwhile.
        NotFoundError: no such room of this tenant and mode.
    """
    tenant = tenants.find_to_lean_on(connection, authority.tenant_id)
    key = None if authority.key_id is None else api_keys.hold(connection, authority.key_id, now=now)
    room = rooms.hold(connection, authority.tenant_id, room_id, mode=authority.mode)
    participants.line_up(connection, room_id)
    # Asked last: what one stood in line for may have been one's own end.
    stands = _key_stands(authority, key) if authority.token is None else _token_stands(connection, authority, key, now)
    if tenant is None or stands is None:
        raise InvalidApiKeyError if authority.token is None else InvalidAccessTokenError
    if tenant.suspended:
        raise TenantSuspendedError
    if stands.token is None and not access_tokens.one_of(access_tokens.PARTICIPANTS_WRITE, stands.scope):
        raise InsufficientScopeError(access_tokens.PARTICIPANTS_WRITE)
    if room is None:
        raise NotFoundError
    return Entered(stands, tenant, room)


def must_rank(authority: Authority, *roles: str) -> None:
    """Refuse a participant's token that would give, take or act on a role above its own."""
    own = None if authority.token is None else authority.token.role
    if own is not None and any(_RANKS.index(role) < _RANKS.index(own) for role in roles):
        raise ForbiddenError


def _key_stands(authority: Authority, key: api_keys.Held | None) -> Authority | None:
    if key is None or not key.works:
        return None
    # As it stands now: it may have lost scopes since it was authenticated.
    return replace(authority, scope=access_tokens.shared(authority.scope, key.scopes), ends_by=key.expires_at)


def _token_stands(
    connection: Connection, authority: Authority, key: api_keys.Held | None, now: datetime
) -> Authority | None:
    token = authority.token
    if token is None:
        return None
    # Its session lives on when its key was replaced, and is not ended before what it opens is there to be ended.
    family = refresh_tokens.hold(connection, token.session_id)
    (scope,) = _ask(connection, refresh_tokens.claimed(token.session_id, token.role, token.issued_at, now=now))
    if family is None or not refresh_tokens.upholds(scope, token.role, token.scope):
        return None
    # What is opened is over with whatever it was opened by, through however many hands it went.
    ends = [authority.ends_by, family.absolute_expires_at, None if key is None else key.expires_at]
    ends_by = min(each for each in ends if each is not None)
    return replace(authority, key_id=family.key_id, client_kid=family.client_kid, ends_by=ends_by)
