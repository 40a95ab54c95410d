"""A name in; a participant of a room, and their tokens, out."""

import functools
from dataclasses import dataclass
from datetime import datetime

from app.domain import access_tokens, signing_keys
from app.domain.rooms import NewParticipant
from app.flows import steps
from app.flows.results import Admission, Caller, Once
from app.flows.tools import Tools


@dataclass(frozen=True)
class Admit:
    """
    What is asked for.

    Args:
        room_id: where to.
        participant: who; or the id of a participant, who is given tokens anew.
        scope: what they shall do of that which their role may (RFC 6749 section 3.3); None for all of it.
        access_ttl_seconds: how long their access tokens shall live, if less than usual.
    """

    room_id: str
    participant: NewParticipant | str
    scope: str | None = None
    access_ttl_seconds: int | None = None


def admit_participant(caller: Caller, asked: Admit, tools: Tools, *, once: Once[Admission] | None = None) -> Admission:
    """
    Admit someone to a room, and open a session for them; or only that, for a participant who is there.

    The same `external_user_id` is the same participant, whose name and role are those that are given now.

    Args:
        caller: a tenant's key, or an access token that may admit in this room, as a host's.
        asked: who, where.
        tools: the story's tools.

    Raises:
        NotFoundError: no such room or participant, someone else's, or not the room that the token is confined to.
        RoomEndedError, RoomFullError, ParticipantBannedError, ParticipantRemovedError: as they say.
        InvalidScopeError: more is asked than the role may and the caller holds.
        InvalidRequestError: access tokens shall live for longer than they do.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `participants:write`.
        InvalidApiKeyError, InvalidAccessTokenError, TenantSuspendedError: the caller's authority ended meanwhile.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.PARTICIPANTS_WRITE)
    wanted = steps.Wanted(
        room_id=steps.must_be_its_room(caller, asked.room_id),
        participant=steps.participant_asked(asked.participant),
        audience=tools.http.audiences[0],
        scope=asked.scope,
        access_ttl_seconds=steps.access_ttl(asked.access_ttl_seconds, tools),
    )
    signer = steps.signer(tools)
    now = tools.clock.now()
    line = steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        opened = steps.open_session(connection, steps.authority_of_caller(caller, tenant_id), wanted, tools, now=now)
        mint = functools.partial(_mint, opened, signer, tools, now=now)
        minted = steps.reply_now(connection, once, line, mint, tools)
    return mint() if minted is None else minted


def _mint(opened: steps.Opened, signer: signing_keys.Signer, tools: Tools, *, now: datetime) -> Admission:
    pair = steps.mint_pair(opened.family, opened.family.scope, signer, tools, now=now, offline=True)
    return Admission(opened.participant, opened.room, pair)
