"""The living sessions of a tenant, page by page."""

import re
from dataclasses import dataclass
from uuid import UUID

from app.domain import access_tokens, refresh_tokens
from app.flows import steps
from app.flows.refusals import InvalidRequestError
from app.flows.results import Caller, Mode, Session
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from app.foundation.pages import Page

_KEY = re.compile(r"key_[0-9A-Za-z]{8}", re.ASCII)


@dataclass(frozen=True)
class SessionFilters:
    """Only the sessions that are bound to this room, of this participant, opened by this key; None for all."""

    room_id: str | None = None
    participant_id: str | None = None
    key_id: str | None = None


def look_up_sessions(
    caller: Caller, filters: SessionFilters, page: tuple[str | None, int], tools: Tools
) -> Page[Session]:
    """
    List the living sessions of the caller's tenant; to a test key, those of its mode.

    Args:
        caller: a tenant's key.
        filters: which of them.
        page: the cursor, which is of the same list, and how many.
        tools: the story's tools.

    Raises:
        InvalidRequestError: the cursor is not of this list, or a filter is not written like an id.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `sessions:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.SESSIONS_READ)
    cursor, limit = page
    which = _which(tenant_id, filters, steps.reaches_only(caller))
    owner = f"sessions/{which.tenant_id}/{which.room_id}/{which.participant_id}/{which.key_id}/{which.only}"
    after = steps.open_cursor(tools, owner, cursor)
    with tools.database.reading() as connection:
        found = refresh_tokens.page(connection, which, after, limit + 1, now=tools.clock.now())
    return steps.cut(tools, owner, found, limit)


def _which(tenant_id: UUID, filters: SessionFilters, only: Mode | None) -> refresh_tokens.Which:
    room_id = None if filters.room_id is None else parse_id("room", filters.room_id)
    if filters.room_id is not None and room_id is None:
        raise InvalidRequestError("room_id", "must be the id of a room")
    participant_id = None if filters.participant_id is None else parse_id("p", filters.participant_id)
    if filters.participant_id is not None and participant_id is None:
        raise InvalidRequestError("participant_id", "must be the id of a participant")
    if filters.key_id is not None and not _KEY.fullmatch(filters.key_id):
        raise InvalidRequestError("key_id", "must be the id of an API key")
    key_id = None if filters.key_id is None else filters.key_id.removeprefix("key_")
    return refresh_tokens.Which(tenant_id, key_id, room_id, participant_id, only)
