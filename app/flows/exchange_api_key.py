"""An API key in, a token pair out."""

import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.domain import access_tokens, api_keys, refresh_tokens, rooms
from app.domain.access_tokens import OFFLINE_ACCESS
from app.flows import steps
from app.flows.refusals import InvalidApiKeyError, InvalidScopeError, NotFoundError, RoomEndedError
from app.flows.results import TokenPair
from app.flows.tools import Tools
from app.foundation.database import Connection
from app.foundation.identifiers import parse_id, print_id


@dataclass(frozen=True)
class Exchange:
    """
    What is asked for.

    Args:
        api_key: untrusted; never stored, never logged.
        client_id: the tenant that the client claims to be; None where the key alone says it.
        scope: as RFC 6749 section 3.3 writes it; None asks for all that the key holds.
        room_id: the one room that the tokens shall work in; None for all of the tenant's.
        offline: whether a refresh token is wanted; None leaves it to the scope `offline_access`.
    """

    api_key: str = field(repr=False)
    client_id: str | None = None
    scope: str | None = None
    room_id: str | None = None
    offline: bool | None = None


def exchange_api_key(wanted: Exchange, tools: Tools) -> TokenPair:
    """
    Exchange a tenant's API key for an access token and, if wanted, a refresh token.

    The key is held until the new session is committed, so that whoever revokes the key finds it.

    Raises:
        InvalidApiKeyError: the key does not work, or is not this client's.
        TenantSuspendedError, InvalidScopeError, NotFoundError, RoomEndedError: as they say.

    Source: RFC 6749 section 4.4.
    """
    presented = steps.read_key(wanted.api_key)
    signer = steps.signer(tools)
    now = tools.clock.now()

    # A refusal inside the block undoes nothing: all that was done by then is reading.
    with tools.database.transaction() as connection:
        outcome = api_keys.authenticate(connection, presented, pepper=tools.master.pepper, now=now, hold=True)
        key, tenant_id = _admit(outcome, wanted.client_id)
        scope = _scope(wanted.scope, key.scopes)
        offline = wanted.offline if wanted.offline is not None else access_tokens.one_of(OFFLINE_ACCESS, scope)
        new = refresh_tokens.NewFamily(
            tenant_id=tenant_id,
            key_id=key.id,
            subject=print_id("tenant", tenant_id),
            scope=scope,
            audience=tools.http.audience,
            room_id=_room(connection, tenant_id, wanted.room_id),
        )
        policy = tools.families if offline else _without_refresh(tools)
        family = refresh_tokens.start(connection, new, policy, now=now)

    pair = steps.mint_pair(family, scope, signer, tools, now=now, offline=offline)
    return dataclasses.replace(pair, key_rotating_until=key.rotating_until)


def _admit(outcome: api_keys.Authenticated | api_keys.Rejected, client_id: str | None) -> tuple[api_keys.Key, UUID]:
    key = steps.admit(outcome)
    if key.tenant_id is None or client_id not in {None, print_id("tenant", key.tenant_id)}:
        raise InvalidApiKeyError
    return key, key.tenant_id


def _scope(asked: str | None, held: str) -> str:
    if asked is None:
        return " ".join(name for name in held.split(" ") if name != OFFLINE_ACCESS)
    scope = access_tokens.narrow(asked, held)
    if scope is None:
        raise InvalidScopeError
    return scope


def _room(connection: Connection, tenant_id: UUID, presented: str | None) -> UUID | None:
    if presented is None:
        return None
    room_id = parse_id("room", presented)
    room = None if room_id is None else rooms.hold(connection, tenant_id, room_id)
    if room is None:
        raise NotFoundError
    if room.ended_at is not None:
        raise RoomEndedError
    return room.id


def _without_refresh(tools: Tools) -> refresh_tokens.Policy:
    # Such a session is over with its only access token; it is kept so that the token can be revoked.
    life = timedelta(seconds=tools.access_ttl_seconds)
    return dataclasses.replace(tools.families, idle=life, absolute=life)
