"""A tenant's token or key in; a participant's token, for one room, out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from app.domain import access_tokens
from app.domain.access_tokens import OFFLINE_ACCESS, PARTICIPANTS_WRITE
from app.domain.refresh_tokens import SESSION_PREFIX, session_name
from app.domain.rooms import NewParticipant
from app.flows import steps
from app.flows.refusals import (
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidApiKeyError,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    NotFoundError,
    TenantSuspendedError,
    UnauthorizedClientError,
)
from app.flows.results import HeldToken, Sender, TokenPair
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id, print_id
from app.foundation.sender import NOBODY


@dataclass(frozen=True)
class TokenExchange:
    """
    What is asked for.

    Args:
        credential: what the client shows.
        subject_token: an access token of the client's tenant or, if `subject_is_key`, an API key of it; untrusted,
            never stored, never logged.
        subject_is_key: which of them.
        room_id: the one room that the token shall work in.
        participant: who is to be admitted to it, or the id of a participant.
        scope: what they shall do of that which their role may (RFC 6749 section 3.3); None for all of it.
        targets: the audience that the token shall have (RFC 8693 section 2.1, RFC 8707); usually the subject's.
        sender: who asks, as far as the network tells.
    """

    credential: steps.Credential
    subject_token: str = field(repr=False)
    subject_is_key: bool
    room_id: str
    participant: NewParticipant | str
    scope: str | None = None
    targets: Sequence[str] = ()
    sender: Sender = NOBODY


@dataclass(frozen=True)
class _Subject:
    """Whose rights are handed down, and what may be asked of them; `room_id` confines a token to one room."""

    authority: steps.Authority
    audiences: Sequence[str]
    room_id: str | None = None
    token: access_tokens.Verified | None = None


def exchange_token(wanted: TokenExchange, tools: Tools) -> TokenPair:
    """
    Exchange a tenant's access token or API key for a token of a participant, who is admitted if need be.

    The result is narrower than the subject in every way: one room, the scope that both the role and the subject have,
    the subject's audience, and not longer than the subject lives. A key that holds `offline_access` may ask for it
    beside; an access token gives no refresh token, which would outlive it.

    Raises:
        InvalidClientError, InvalidApiKeyError, TenantSuspendedError, RateLimitedError: see `authenticate_client`.
        UnauthorizedClientError: the client is none of a tenant.
        InvalidRequestError: the subject does not work, may not be exchanged, or there is no such room or participant
            (RFC 8693 section 2.2.2).
        InvalidScopeError, InvalidTargetError, RoomEndedError, RoomFullError, ParticipantBannedError,
        ParticipantRemovedError: as they say.

    Source: RFC 8693 section 2.
    """
    signer = steps.signer(tools)
    client = steps.authenticate_client(wanted.credential, tools)
    if client.tenant_id is None:
        raise UnauthorizedClientError
    subject = (
        _key(wanted, client.tenant_id, tools) if wanted.subject_is_key else _token(wanted, client.tenant_id, tools)
    )
    # To a client of one mode, what is of the other is another client's.
    if subject.authority.mode != client.mode:
        raise _not_exchangeable()
    if not access_tokens.one_of(PARTICIPANTS_WRITE, subject.authority.scope):
        raise InvalidRequestError("subject_token", f"must hold the scope {PARTICIPANTS_WRITE}")
    offline, scope = _offline(wanted, subject)
    asked = steps.Wanted(
        room_id=_room(wanted.room_id, subject),
        participant=_participant(wanted.participant),
        audience=steps.target(wanted.targets, subject.audiences),
        scope=scope,
        offline=offline,
    )

    now = tools.clock.now()
    try:
        with tools.database.transaction() as connection:
            if subject.token is not None and not steps.is_alive(connection, subject.token, now=now):
                raise _not_exchangeable()
            opened = steps.open_session(connection, subject.authority, asked, tools, now=now)
    except NotFoundError as error:
        raise InvalidRequestError(
            "room_id", "must name a room of this tenant, and participant_id one of its"
        ) from error
    except (InsufficientScopeError, InvalidAccessTokenError, InvalidApiKeyError) as error:
        # The subject, which has ended since it was looked at; not the client, which nobody looks at any more.
        raise _not_exchangeable() from error
    pair = steps.mint_pair(opened.family, opened.family.scope, signer, tools, now=now, offline=offline)
    return dataclasses.replace(pair, key_rotating_until=client.key_rotating_until, exchanged=True)


def _key(wanted: TokenExchange, tenant_id: UUID, tools: Tools) -> _Subject:
    credential = steps.Credential(
        client_id=print_id("tenant", tenant_id), secret=wanted.subject_token, sender=wanted.sender
    )
    try:
        holder = steps.authenticate_client(credential, tools)
    except (InvalidApiKeyError, InvalidClientError, TenantSuspendedError) as error:
        # A suspended tenant's key is another tenant's: this client has just been authenticated.
        raise _not_exchangeable() from error
    return _Subject(steps.authority_of_key(holder, tenant_id, wanted.sender), tools.http.audiences)


def _token(wanted: TokenExchange, tenant_id: UUID, tools: Tools) -> _Subject:
    token = steps.verify(wanted.subject_token, tools)
    if not isinstance(token, access_tokens.Verified):
        raise _not_exchangeable()
    claims = token.claims
    session_id = parse_id(SESSION_PREFIX, claims.sid)
    # A participant's is at the end of the chain: it is not handed on.
    if session_id is None or claims.tenant_id != print_id("tenant", tenant_id) or claims.participant_id is not None:
        raise _not_exchangeable()
    authority = steps.Authority(
        tenant_id=tenant_id,
        mode=steps.mode_of(claims),
        scope=claims.scope,
        name=session_name(session_id),
        sender=wanted.sender,
        key_id=None if claims.key_id is None else claims.key_id.removeprefix("key_"),
        token=HeldToken(session_id, claims.role, claims.scope, datetime.fromtimestamp(claims.iat, UTC)),
        ends_by=datetime.fromtimestamp(claims.exp, UTC),
    )
    return _Subject(authority, [claims.aud], claims.room_id, token)


def _not_exchangeable() -> InvalidRequestError:
    return InvalidRequestError("subject_token", "is not one that this client may exchange")


def _offline(wanted: TokenExchange, subject: _Subject) -> tuple[bool, str | None]:
    if wanted.scope is None or not access_tokens.one_of(OFFLINE_ACCESS, wanted.scope):
        return False, wanted.scope
    if not wanted.subject_is_key or not access_tokens.one_of(OFFLINE_ACCESS, subject.authority.scope):
        raise InvalidScopeError
    rest = " ".join(name for name in wanted.scope.split(" ") if name not in {"", OFFLINE_ACCESS})
    return True, rest or None


def _room(presented: str, subject: _Subject) -> UUID:
    room_id = parse_id("room", presented)
    if room_id is None or subject.room_id not in {None, presented}:
        raise InvalidRequestError("room_id", "must name a room that the subject_token works in")
    return room_id


def _participant(asked: NewParticipant | str) -> NewParticipant | UUID:
    try:
        return steps.participant_asked(asked)
    except NotFoundError as error:
        raise InvalidRequestError("participant_id", "must be the id of a participant") from error
