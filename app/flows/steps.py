"""Steps that several stories share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from app.domain import access_tokens, api_keys, refresh_tokens, signing_keys
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidApiKeyError,
    InvalidRequestError,
    NotFoundError,
    TenantSuspendedError,
)
from app.flows.results import Caller, TokenPair
from app.flows.tools import Tools
from app.foundation import opaque
from app.foundation.identifiers import parse_id, print_id
from app.foundation.pages import Page


def signer(tools: Tools) -> signing_keys.Signer:
    """Give the key that signs now; at the very first call, read it, or make the first one there is."""
    ready = tools.keyring.signer
    if ready is not None:
        return ready

    with tools.database.transaction() as connection:
        signing_keys.ensure_active(connection, tools.keyring.wrapping, now=tools.clock.now())
        return tools.keyring.fill(connection)


def read_key(presented: str) -> api_keys.PresentedKey:
    """
    Read a string as an API key, before the database is asked: typing errors and noise cost nothing, and hold up nobody.

    Raises:
        InvalidApiKeyError: it is not written like one.
    """
    parsed = api_keys.parse(presented)
    if parsed is None:
        raise InvalidApiKeyError
    return parsed


def admit(outcome: api_keys.Authenticated | api_keys.Rejected) -> api_keys.Key:
    """Give the key that was authenticated, or refuse: a rejected one, and one of a suspended tenant."""
    match outcome:
        case api_keys.Rejected():
            raise InvalidApiKeyError
        case api_keys.Authenticated(suspended=True):
            raise TenantSuspendedError
        case api_keys.Authenticated(key=key):
            return key


def mint_pair(
    family: refresh_tokens.Family, scope: str, key: signing_keys.Signer, tools: Tools, *, now: datetime, offline: bool
) -> TokenPair:
    """Mint an access token of a session and, when `offline`, derive its living refresh token. No I/O."""
    issued, expires = access_tokens.lifetime(now, tools.access_ttl_seconds, family.absolute_expires_at)
    tenant = print_id("tenant", family.tenant_id)
    claims = access_tokens.AccessClaims(
        iss=tools.http.issuer,
        aud=family.audience,
        sub=family.subject,
        client_id=tenant,
        iat=issued,
        exp=expires,
        jti=opaque.random_token(),
        scope=scope,
        sid=refresh_tokens.session_name(family.id),
        tenant_id=tenant,
        key_id=api_keys.key_name(family.key_id),
        room_id=None if family.room_id is None else print_id("room", family.room_id),
    )
    return TokenPair(
        access_token=access_tokens.mint(claims, key),
        refresh_token=refresh_tokens.successor(family, tools.http.issuer, tools.refresh_keys) if offline else None,
        expires_in=expires - issued,
        scope=scope,
    )


def must_be_operator(caller: Caller) -> None:
    """Refuse everyone but an operator."""
    if caller.kind != "operator":
        raise ForbiddenError


def must_reach(caller: Caller, presented_tenant_id: str) -> UUID:
    """Give the id of a tenant that the caller may manage: their own, or any for an operator. Others do not exist."""
    tenant_id = parse_id("tenant", presented_tenant_id)
    if tenant_id is None or (caller.kind != "operator" and caller.tenant_id != tenant_id):
        raise NotFoundError
    return tenant_id


def must_act_for_a_tenant(caller: Caller, scope: str) -> UUID:
    """Give the tenant that the caller acts for; refuse an operator, and a credential without the scope."""
    if caller.tenant_id is None:
        raise ForbiddenError
    if not access_tokens.one_of(scope, caller.scope):
        raise InsufficientScopeError(scope)
    return caller.tenant_id


def must_be_its_room(caller: Caller, presented_room_id: str) -> UUID:
    """Read a room's id; a token that is confined to one room sees no other."""
    room_id = parse_id("room", presented_room_id)
    if room_id is None or caller.room_id not in {None, room_id}:
        raise NotFoundError
    return room_id


class Identified(Protocol):
    """Anything that stands in a list in the order of its id."""

    @property
    def id(self) -> UUID:
        """Give its id."""
        ...


Item = TypeVar("Item", bound=Identified)


def open_cursor(tools: Tools, owner: str, cursor: str | None) -> UUID | None:
    """Read where a list goes on; `owner` names the list and whose it is, and the cursor must be of exactly that."""
    if cursor is None:
        return None
    after = tools.cursors.open(owner, cursor)
    if after is None:
        raise InvalidRequestError("cursor", "must be a next_cursor of this list")
    return after


def cut(tools: Tools, owner: str, found: Sequence[Item], limit: int) -> Page[Item]:
    """Make a page of what was found, and seal the next cursor if more was found than fits."""
    items = found[:limit]
    return Page(items=items, next_cursor=tools.cursors.seal(owner, items[-1].id) if len(found) > limit else None)
