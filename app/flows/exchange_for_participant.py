"""An API key and a participant in; a token pair of the participant, for one room, out."""

from dataclasses import dataclass
from functools import partial

from app.domain import access_tokens
from app.domain.rooms import NewParticipant
from app.flows import steps
from app.flows.refusals import InsufficientScopeError, InvalidApiKeyError, NotFoundError
from app.flows.results import Once, Sender, TokenPair
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from app.foundation.sender import NOBODY


@dataclass(frozen=True)
class ParticipantExchange:
    """
    What is asked for.

    Args:
        credential: the API key.
        room_id: the one room that the tokens shall work in.
        participant: who is to be admitted to it, or the id of a participant.
        scope: what they shall do of that which their role may (RFC 6749 section 3.3); None for all of it.
        access_ttl_seconds: how long their access tokens shall live, if less than usual.
        sender: who asks, as far as the network tells.
    """

    credential: steps.Credential
    room_id: str
    participant: NewParticipant | str
    scope: str | None = None
    access_ttl_seconds: int | None = None
    sender: Sender = NOBODY


def exchange_for_participant(
    wanted: ParticipantExchange, tools: Tools, *, once: Once[TokenPair] | None = None
) -> TokenPair:
    """
    Exchange a tenant's API key for tokens of a participant: to admit them and to give them tokens in one call.

    Raises:
        InvalidApiKeyError, RateLimitedError, TenantSuspendedError: see `authenticate_api_key`.
        InsufficientScopeError: the key lacks `participants:write`.
        NotFoundError, RoomEndedError, RoomFullError, ParticipantBannedError, ParticipantRemovedError,
        InvalidScopeError, InvalidRequestError: see `admit_participant`.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    ttl_seconds = steps.access_ttl(wanted.access_ttl_seconds, tools)
    signer = steps.signer(tools)
    client = steps.authenticate_client(wanted.credential, tools)
    if client.tenant_id is None:
        raise InvalidApiKeyError
    if not access_tokens.one_of(access_tokens.PARTICIPANTS_WRITE, client.scopes):
        raise InsufficientScopeError(access_tokens.PARTICIPANTS_WRITE)
    room_id = parse_id("room", wanted.room_id)
    if room_id is None:
        raise NotFoundError

    asked = steps.Wanted(
        room_id=room_id,
        participant=steps.participant_asked(wanted.participant),
        audience=tools.http.audiences[0],
        scope=wanted.scope,
        access_ttl_seconds=ttl_seconds,
    )
    authority = steps.authority_of_key(client, client.tenant_id, wanted.sender)
    now = tools.clock.now()
    line, end = steps.line_of_key(client.key_id), client.key_rotating_until
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools, key_rotating_until=end)
        opened = steps.open_session(connection, authority, asked, tools, now=now)
        of_session = (opened.family, opened.family.scope, signer, tools)
        mint = partial(steps.mint_pair, *of_session, now=now, offline=True, key_rotating_until=end)
        minted = steps.reply_now(connection, once, line, mint, tools)
    return mint() if minted is None else minted
