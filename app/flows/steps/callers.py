"""Who a caller is by an access token, and what a caller may do."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app.domain import access_tokens, api_keys, audit, refresh_tokens, tenants
from app.domain.rooms import NewParticipant
from app.flows.refusals import (
    AccessTokenExpiredError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidApiKeyError,
    NotFoundError,
)
from app.flows.results import Caller, HeldToken, KeyDetails, Mode, Sender
from app.flows.steps.signing import verify
from app.flows.steps.tokens import mode_of
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.database import Connection
from app.foundation.environment import Network
from app.foundation.identifiers import parse_id, print_id


@dataclass(frozen=True)
class Bearer:
    """Whom a verified access token names; no caller yet, since nobody has asked whether it still holds."""

    token: access_tokens.Verified
    tenant_id: UUID
    session_id: UUID
    room_id: UUID | None
    participant_id: UUID | None
    mode: Mode


def bearer_of(presented: str, tools: Tools) -> Bearer:
    """
    Verify an access token for our own API, from public keys alone.

    Raises:
        InvalidAccessTokenError: not ours, or not for us.
        AccessTokenExpiredError: it was good.
    """
    token = verify(presented, tools, own_api=True)
    if isinstance(token, access_tokens.Expired):
        raise AccessTokenExpiredError
    if token is None:
        raise InvalidAccessTokenError

    claims = token.claims
    tenant_id, session_id = parse_id("tenant", claims.tenant_id), parse_id(refresh_tokens.SESSION_PREFIX, claims.sid)
    room_id = None if claims.room_id is None else parse_id("room", claims.room_id)
    participant_id = None if claims.participant_id is None else parse_id("p", claims.participant_id)
    unread = (room_id is None) != (claims.room_id is None) or (participant_id is None) != (
        claims.participant_id is None
    )
    if tenant_id is None or session_id is None or unread:
        raise InvalidAccessTokenError
    return Bearer(token, tenant_id, session_id, room_id, participant_id, mode_of(claims))


def caller_of(bearer: Bearer, sender: Sender, *, alive: bool) -> Caller:
    """
    Give the caller that a token shows, if it still holds.

    Raises:
        InvalidAccessTokenError: its session or the key that signed it was revoked, or its rights have changed.
    """
    if not alive:
        raise InvalidAccessTokenError
    claims = bearer.token.claims
    logs.about(tenant=claims.tenant_id, key=claims.key_id, session=claims.sid)
    return Caller(
        kind="token",
        tenant_id=bearer.tenant_id,
        key_id=None if claims.key_id is None else claims.key_id.removeprefix("key_"),
        scope=claims.scope,
        room_id=bearer.room_id,
        participant_id=bearer.participant_id,
        token=HeldToken(bearer.session_id, claims.role, claims.scope, datetime.fromtimestamp(claims.iat, UTC)),
        mode=bearer.mode,
        sender=sender,
    )


def name_of(caller: Caller) -> str | None:
    """Name a caller for the audit log: by participant, session or key."""
    if caller.participant_id is not None:
        return print_id("p", caller.participant_id)
    if caller.token is not None:
        return print_id("ses", caller.token.session_id)
    return None if caller.key_id is None else api_keys.key_name(caller.key_id)


def record(connection: Connection, caller: Caller, tenant_id: UUID, event: audit.Event, *, now: datetime) -> None:
    """Record an event that a caller brought about, in the transaction of what it tells."""
    audit.record(connection, tenant_id, event, caller.sender, actor=name_of(caller), now=now)


def must_be_operator(caller: Caller) -> None:
    """Refuse everyone but an operator."""
    if caller.kind != "operator":
        raise ForbiddenError


def must_hold(caller: Caller, scope: str) -> None:
    """Refuse a tenant's credential that lacks the scope; operators hold none, and need none."""
    if caller.kind != "operator" and not access_tokens.one_of(scope, caller.scope):
        raise InsufficientScopeError(scope)


def must_reach(caller: Caller, presented_tenant_id: str, scope: str) -> UUID:
    """
    Give the id of a tenant that the caller may manage: their own, with the scope, or any for an operator.

    Others do not exist.
    """
    tenant_id = parse_id("tenant", presented_tenant_id)
    if tenant_id is None or (caller.kind != "operator" and caller.tenant_id != tenant_id):
        raise NotFoundError
    must_hold(caller, scope)
    return tenant_id


def must_act_for_a_tenant(caller: Caller, scope: str | None) -> UUID:
    """Give the tenant that the caller acts for; refuse an operator, and a credential without the scope, if any."""
    if caller.tenant_id is None:
        raise ForbiddenError
    if scope is not None:
        must_hold(caller, scope)
    return caller.tenant_id


def must_be_live(caller: Caller) -> None:
    """Refuse a test key what would change, or tell of, a tenant with all that is live of it."""
    if caller.mode == "test":
        raise ForbiddenError


def reaches_only(caller: Caller) -> Mode | None:
    """Give the one mode of the keys and sessions that a caller manages: a test key's own. None: it manages all."""
    return "test" if caller.mode == "test" else None


def key_within_reach(connection: Connection, caller: Caller, tenant_id: UUID, key_id: str) -> KeyDetails:
    """
    Hold a tenant until the transaction is over, and give a key of it that the caller manages, whether it works or not.

    Raises:
        NotFoundError: no such tenant or key, or a live one for a test key.
    """
    held = tenants.hold(connection, tenant_id)
    key = api_keys.find(connection, tenant_id, key_id, only=reaches_only(caller)) if held else None
    if key is None:
        raise NotFoundError
    return key


@dataclass(frozen=True)
class Rights:
    """
    What may be handed on by way of a key: which scope, until when, and from which networks; None sets no bound.

    `by_key` says that a key hands it on, which may be used `requests_per_minute`, or as often as is usual.
    """

    scope: str
    ends_at: datetime | None = None
    networks: Sequence[str] | None = None
    by_key: bool = False
    requests_per_minute: int | None = None

    def reach(self, networks: Sequence[str] | None) -> bool:
        """Tell whether these networks, or everywhere, lie within the own ones."""
        if self.networks is None:
            return True
        own = [ipaddress.ip_network(each) for each in self.networks]
        return networks is not None and all(_lies_within(ipaddress.ip_network(each), own) for each in networks)


def rights_of(connection: Connection, caller: Caller, *, now: datetime) -> Rights:
    """
    Give what a caller may hand on by way of a key, as it stands now; all, for an operator.

    Its key is kept as it is until the transaction is over.

    Raises:
        InvalidApiKeyError: it ended meanwhile.
        InsufficientScopeError: it lost `keys:write` meanwhile.
    """
    if caller.kind == "operator" or caller.key_id is None:
        return Rights(" ".join(access_tokens.VOCABULARY))
    held = api_keys.hold(connection, caller.key_id, now=now)
    if not held.works:
        raise InvalidApiKeyError
    if not access_tokens.one_of(access_tokens.KEYS_WRITE, held.scopes):
        raise InsufficientScopeError(access_tokens.KEYS_WRITE)
    # A grace never lies beyond the key's own end.
    scope = access_tokens.shared(caller.scope, held.scopes)
    ends_at = held.grace_ends_at or held.expires_at
    return Rights(scope, ends_at, held.networks, by_key=True, requests_per_minute=held.requests_per_minute)


def key_id_of(presented: str) -> str:
    """Read the id of an API key as it stands on the wire; one that is written otherwise is nobody's."""
    key_id = presented.removeprefix("key_")
    if presented != api_keys.key_name(key_id) or not (key_id.isascii() and key_id.isalnum()) or len(key_id) != 8:
        raise NotFoundError
    return key_id


def must_be_its_room(caller: Caller, presented_room_id: str) -> UUID:
    """Read a room's id; a token that is confined to one room sees no other."""
    room_id = parse_id("room", presented_room_id)
    if room_id is None or caller.room_id not in {None, room_id}:
        raise NotFoundError
    return room_id


def participant_asked(asked: NewParticipant | str) -> NewParticipant | UUID:
    """Read whom a request names: someone new, or a participant by id; one of another kind is nobody."""
    if isinstance(asked, NewParticipant):
        return asked
    participant_id = parse_id("p", asked)
    if participant_id is None:
        raise NotFoundError
    return participant_id


def _lies_within(network: Network, others: Sequence[Network]) -> bool:
    return any(network.version == other.version and network.subnet_of(other) for other in others)  # type: ignore[arg-type]  # of one version
