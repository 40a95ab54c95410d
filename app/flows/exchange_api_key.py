"""An API key, or a client's assertion, in; a token pair out."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import access_tokens, api_keys, refresh_tokens, rooms
from app.domain.access_tokens import OFFLINE_ACCESS
from app.domain.signing_keys import Signer
from app.flows import steps
from app.flows.refusals import (
    InvalidApiKeyError,
    NotFoundError,
    RoomEndedError,
    ServiceError,
    UnauthorizedClientError,
)
from app.flows.results import Once, Sender, TokenPair
from app.flows.tools import Tools
from app.foundation.database import Connection, Direct
from app.foundation.identifiers import parse_id, print_id
from app.foundation.sender import NOBODY

_STARTING = refresh_tokens.starting_upon(api_keys.stands)


@dataclass(frozen=True)
class Exchange:
    """
    What is asked for.

    Args:
        credential: what the client shows.
        scope: as RFC 6749 section 3.3 writes it; None asks for all that the key holds.
        resources: the audience that the tokens shall have, one of the configured ones (RFC 8707); usually the first.
        room_id: the one room that the tokens shall work in; None for all of the tenant's.
        offline: whether a refresh token is wanted; None leaves it to the scope `offline_access`.
        access_ttl_seconds: how long access tokens shall live, if less than usual.
        sender: who asks, as far as the network tells.
    """

    credential: steps.Credential
    scope: str | None = None
    resources: Sequence[str] = ()
    room_id: str | None = None
    offline: bool | None = None
    access_ttl_seconds: int | None = None
    sender: Sender = NOBODY


def exchange_api_key(wanted: Exchange, tools: Tools, *, once: Once[TokenPair] | None = None) -> TokenPair:
    """
    Exchange a tenant's API key, or its client's assertion, for an access token and, if wanted, a refresh token.

    What it leans on is held until the new session is committed, or looked at once more by the statement that starts it:
    whoever ends that authority finds the session, or it does not start.

    Raises:
        InvalidApiKeyError, InvalidClientError: the credential does not work, or is not this client's.
        RateLimitedError: too many wrong credentials came from this source, or for this client.
        QuotaSpentError: the key was used, or tokens of the tenant were asked for, too often.
        InvalidRequestError: access tokens shall live for longer than they do.
        TenantSuspendedError, InvalidScopeError, InvalidTargetError, NotFoundError, RoomEndedError: as they say.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.

    Source: RFC 6749 section 4.4; RFC 8707 section 2.
    """
    signer = steps.signer(tools)
    proven, now = steps.prove(wanted.credential, tools), tools.clock.now()
    counted = None
    if proven is None and once is None and wanted.room_id is None:
        made = _in_one_statement(wanted, signer, tools, now)
        if isinstance(made, TokenPair):
            return made
        # The key is not what it was a moment ago, or somebody waits to end it. From the beginning, and in line.
        counted = made

    # A refusal inside the block undoes nothing: all that was done by then is reading.
    with tools.database.transaction() as connection:
        # Before the key is leaned on: who waits here for another of the same requests must not hold up its end.
        steps.line_up_once(connection, once, steps.line_of_secret(wanted.credential))
        client = steps.admit_client(connection, wanted.credential, proven, tools, now=now, hold=True, counted=counted)
        tenant_id = _tenant_of(client, wanted)
        line, end = steps.line_of_key(client.key_id), client.key_rotating_until
        steps.begin_once(connection, once, line, tools, key_rotating_until=end)
        room_id = _room(connection, client, tenant_id, wanted.room_id)
        opening = _opening(wanted, client, tenant_id, room_id, tools)
        if counted is None:
            steps.count_token(tenant_id, None, tools)
        family = refresh_tokens.start(connection, opening.new, opening.policy, now=now)
        mint = functools.partial(opening.mint, family, signer, tools, now, end)
        minted = steps.reply_now(connection, once, line, mint, tools)

    steps.renew(client.outdated, tools)
    return mint() if minted is None else minted


@dataclass(frozen=True)
class _Opening:
    """What session is opened, and what its first tokens may do."""

    new: refresh_tokens.NewFamily
    policy: refresh_tokens.Policy
    scope: str
    offline: bool

    def mint(
        self, family: refresh_tokens.Family, signer: Signer, tools: Tools, now: datetime, end: datetime | None
    ) -> TokenPair:
        pair = self.sign(family, signer, tools, now, end)
        steps.note_minted(family, tools)
        return pair

    def mint_upon(
        self, connection: Direct, client: steps.Client, signer: Signer, tools: Tools, now: datetime
    ) -> TokenPair | None:
        # Signed while the database writes: the session is known by then, and nobody gets its tokens before it is there.
        family, started = refresh_tokens.start_upon(
            connection, _STARTING, client.standing, self.new, self.policy, now=now
        )
        pair, refused = None, None
        try:
            pair = self.sign(family, signer, tools, now, client.key_rotating_until)
        except ServiceError as refusal:
            refused = refusal
        finally:
            is_there = started()
        if not is_there:
            return None
        if refused is not None:
            raise refused
        steps.note_minted(family, tools)
        return pair

    def sign(
        self, family: refresh_tokens.Family, signer: Signer, tools: Tools, now: datetime, end: datetime | None
    ) -> TokenPair:
        return steps.sign_pair(family, self.scope, signer, tools, now=now, offline=self.offline, key_rotating_until=end)


def _in_one_statement(wanted: Exchange, signer: Signer, tools: Tools, now: datetime) -> TokenPair | api_keys.Key | None:
    # The usual case: it starts the session if the key still is as it was when it was read last. If not, this gives the
    # key as which it was counted.
    client = steps.recall_client(wanted.credential, tools, now=now)
    opening = None if client is None else _opening_as_known(wanted, client, tools)
    if client is None or opening is None:
        return _in_two_statements(wanted, signer, tools, now)
    with tools.database.direct() as connection:
        made = opening.mint_upon(connection, client, signer, tools, now)
    if made is None:
        steps.forget_client(client, tools)
        return client.key
    steps.note_recalled(client, wanted.credential, tools)
    return made


def _opening_as_known(wanted: Exchange, client: steps.Client, tools: Tools) -> _Opening | None:
    try:
        tenant_id = _tenant_of(client, wanted)
        opening = _opening(wanted, client, tenant_id, None, tools)
        steps.admit_recalled(client, wanted.credential, tools)
        steps.count_token(tenant_id, None, tools)
    except ServiceError:
        # Of a key that is another by now, something else may be true: whoever refuses looks at it.
        tools.quotas.begin()
        return None
    return opening


def _in_two_statements(
    wanted: Exchange, signer: Signer, tools: Tools, now: datetime
) -> TokenPair | api_keys.Key | None:
    # The first time: one reads the key, one starts the session if the key is so still.
    with tools.database.direct() as connection:
        client = steps.admit_client(connection, wanted.credential, None, tools, now=now)
        tenant_id = _tenant_of(client, wanted)
        opening = _opening(wanted, client, tenant_id, None, tools)
        steps.count_token(tenant_id, None, tools)
        made = opening.mint_upon(connection, client, signer, tools, now)

    steps.renew(client.outdated, tools)
    if made is None:
        return client.key
    steps.remember_client(client, wanted.credential, tools)
    return made


def _tenant_of(client: steps.Client, wanted: Exchange) -> UUID:
    if client.tenant_id is None:
        # To Chalk JSON an operator's key is simply not a key of a tenant.
        raise InvalidApiKeyError if wanted.credential.client_id is None else UnauthorizedClientError
    return client.tenant_id


def _opening(wanted: Exchange, client: steps.Client, tenant_id: UUID, room_id: UUID | None, tools: Tools) -> _Opening:
    ttl_seconds = steps.access_ttl(wanted.access_ttl_seconds, tools)
    scope = _scope(wanted.scope, client.scopes)
    offline = wanted.offline if wanted.offline is not None else access_tokens.one_of(OFFLINE_ACCESS, scope)
    new = refresh_tokens.NewFamily(
        tenant_id=tenant_id,
        key_id=client.key_id,
        client_kid=client.client_kid,
        subject=print_id("tenant", tenant_id),
        scope=scope,
        audience=steps.target(wanted.resources, tools.http.audiences),
        mode=client.mode,
        room_id=room_id,
        access_ttl_seconds=ttl_seconds,
        ends_by=client.expires_at,
        sender=wanted.sender,
    )
    return _Opening(new, steps.life_of(tools, offline=offline, access_ttl_seconds=ttl_seconds), scope, offline)


def _scope(asked: str | None, held: str) -> str:
    return steps.narrowed(_usual(held) if asked is None else asked, held)


@functools.lru_cache(maxsize=256)
def _usual(held: str) -> str:
    return " ".join(name for name in held.split(" ") if name != OFFLINE_ACCESS)


def _room(connection: Connection, client: steps.Client, tenant_id: UUID, presented: str | None) -> UUID | None:
    if presented is None:
        return None
    room_id = parse_id("room", presented)
    room = None if room_id is None else rooms.hold(connection, tenant_id, room_id, mode=client.mode)
    if room is None:
        raise NotFoundError
    if room.ended_at is not None:
        raise RoomEndedError
    return room.id
