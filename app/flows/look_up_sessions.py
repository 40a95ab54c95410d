"""The living sessions of a tenant, page by page."""

import re

from app.domain import access_tokens, refresh_tokens
from app.flows import steps
from app.flows.refusals import InvalidRequestError
from app.flows.results import Caller, Session
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from app.foundation.pages import Page

_KEY = re.compile(r"key_[0-9A-Za-z]{8}", re.ASCII)


def look_up_sessions(
    caller: Caller, room: str | None, key: str | None, page: tuple[str | None, int], tools: Tools
) -> Page[Session]:
    """
    List the living sessions of the caller's tenant.

    Args:
        caller: a tenant's key.
        room: the id of the room that they are bound to; None for all.
        key: the id of the key that opened them, `key_...`; None for all.
        page: the cursor, which is of the same list, and how many.
        tools: the story's tools.

    Raises:
        InvalidRequestError: the cursor is not of this list, or a filter is not written like an id.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `sessions:read`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.SESSIONS_READ)
    room_id = None if room is None else parse_id("room", room)
    if room is not None and room_id is None:
        raise InvalidRequestError("room_id", "must be the id of a room")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequestError("key_id", "must be the id of an API key")

    cursor, limit = page
    which = refresh_tokens.Which(tenant_id, None if key is None else key.removeprefix("key_"), room_id)
    owner = f"sessions/{which.tenant_id}/{which.room_id}/{which.key_id}"
    after = steps.open_cursor(tools, owner, cursor)
    with tools.database.reading() as connection:
        found = refresh_tokens.page(connection, which, after, limit + 1, now=tools.clock.now())
    return steps.cut(tools, owner, found, limit)
