"""Everything that is only looked at: tenants, rooms, the published keys."""

from app.domain import access_tokens, clients, rooms, signing_keys, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller, KeyAges, KeyTimeline, Room, Tenant
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from app.foundation.pages import Page
from app.foundation.sender import NOBODY

_FINDING = rooms.finding_beside(steps.held)


def look_up_tenant(caller: Caller, presented_id: str, tools: Tools) -> Tenant:
    """
    Find a tenant: the caller's own, or any for an operator.

    Raises:
        NotFoundError: no such tenant, or someone else's.
    """
    tenant_id = steps.must_reach(caller, presented_id, access_tokens.TENANT_READ)
    with tools.database.reading() as connection:
        tenant = tenants.find(connection, tenant_id)
    if tenant is None:
        raise NotFoundError
    return tenant


def look_up_tenants(caller: Caller, cursor: str | None, limit: int, tools: Tools) -> Page[Tenant]:
    """
    List the tenants, for an operator.

    Raises:
        ForbiddenError: the caller is not an operator.
        InvalidRequestError: the cursor is not of this list.
    """
    steps.must_be_operator(caller)
    owner = "tenants"
    after = steps.open_cursor(tools, owner, cursor)
    with tools.database.reading() as connection:
        found = tenants.page(connection, after, limit + 1)
    return steps.cut(tools, owner, found, limit)


def look_up_room(caller: Caller, presented_id: str, tools: Tools) -> Room:
    """
    Find a room of the caller's tenant and mode.

    Raises:
        NotFoundError: no such room, someone else's, or not the one that the token is confined to.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `rooms:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_READ)
    room_id = steps.must_be_its_room(caller, presented_id)
    with tools.database.direct() as direct:
        room = rooms.find(direct, tenant_id, room_id, mode=caller.mode)
    if room is None:
        raise NotFoundError
    return room


def look_up_room_by_token(presented: str, presented_id: str, tools: Tools) -> Room:
    """
    Find a room like `look_up_room`, for whoever presents an access token: whether that holds is asked by the same
    statement, and answered first.

    Args:
        presented: an access token; untrusted, never stored, never logged.
        presented_id: the room's.
        tools: the story's tools.

    Raises:
        InvalidAccessTokenError, AccessTokenExpiredError: see `authenticate_access_token`.
        NotFoundError, InsufficientScopeError: see `look_up_room`.
    """
    bearer, room_id = steps.bearer_of(presented, tools), parse_id("room", presented_id)
    asked = steps.claimed(bearer.token, now=tools.clock.now())
    with tools.database.direct() as direct:
        held, room = rooms.find_beside(direct, _FINDING, asked, bearer.tenant_id, room_id, mode=bearer.mode)
    caller = steps.caller_of(bearer, NOBODY, alive=steps.upholds(held, bearer.token))
    steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_READ)
    if room is None or caller.room_id not in {None, room.id}:
        raise NotFoundError
    return room


def look_up_rooms(caller: Caller, cursor: str | None, limit: int, tools: Tools) -> Page[Room]:
    """
    List the rooms of the caller's tenant and mode; a token that is confined to one room sees that one.

    Raises:
        InvalidRequestError: the cursor is not of this list, tenant and mode.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `rooms:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.ROOMS_READ)
    owner = f"rooms/{tenant_id}/{caller.mode}"
    after = steps.open_cursor(tools, owner, cursor)
    with tools.database.reading() as connection:
        if caller.room_id is not None:
            own = rooms.find(connection, tenant_id, caller.room_id, mode=caller.mode)
            return Page(items=[] if own is None else [own], next_cursor=None)
        found = rooms.page(connection, tenant_id, after, limit + 1, mode=caller.mode)
    return steps.cut(tools, owner, found, limit)


def look_up_jwks(tools: Tools) -> bytes:
    """Give the published JWK Set as JSON (RFC 7517 section 5), from memory."""
    if tools.keyring.signer is None:
        steps.tend(tools)
    # Verifiers get an answer, from memory if need be; only one of them waits for the database.
    steps.read_again(tools, tools.schedule.stale_after, patient=False)
    return tools.keyring.jwks


def look_up_scopes() -> list[str]:
    """List the scopes that exist."""
    return list(access_tokens.VOCABULARY)


def look_up_rooms_scopes() -> list[str]:
    """List the scopes that our own API asks of a bearer token."""
    return [
        access_tokens.ROOMS_READ,
        access_tokens.ROOMS_WRITE,
        access_tokens.PARTICIPANTS_READ,
        access_tokens.PARTICIPANTS_WRITE,
    ]


def look_up_assertion_algorithms() -> list[str]:
    """List the algorithms that clients may sign assertions with."""
    return list(clients.ALGORITHMS)


def look_up_signing_keys(tools: Tools) -> list[KeyTimeline]:
    """Lay out the life of every signing key, oldest first."""
    with tools.database.reading() as connection:
        keys = signing_keys.records(connection)
    return signing_keys.timeline(keys, tools.schedule, tools.clock.now())


def look_up_key_ages(tools: Tools) -> KeyAges:
    """Tell how old the signing keys are, by what this process holds in memory; nothing is asked of the database."""
    return tools.keyring.ages(tools.schedule, now=tools.clock.now())
