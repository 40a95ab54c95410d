"""The API keys of a tenant, one by one and page by page."""

from uuid import UUID

from app.domain import access_tokens, api_keys, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller, Hour, KeyDetails
from app.flows.tools import Tools
from app.foundation.pages import Page


def look_up_api_key(caller: Caller, presented_tenant_id: str, presented_id: str, tools: Tools) -> KeyDetails:
    """
    Find a key of a tenant, whether it works or not.

    Raises:
        NotFoundError: no such tenant or key, someone else's, or a live one for a test key.
        InsufficientScopeError: the credential lacks `keys:read`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_READ)
    key_id, only = steps.key_id_of(presented_id), steps.reaches_only(caller)
    with tools.database.reading() as connection:
        known = tenants.find(connection, tenant_id) is not None
        found = api_keys.find(connection, tenant_id, key_id, only=only) if known else None
    if found is None:
        raise NotFoundError
    return found


def look_up_api_keys(
    caller: Caller, presented_tenant_id: str, page: tuple[str | None, int], tools: Tools
) -> Page[KeyDetails]:
    """
    List the keys of a tenant, also those that do not work any more; to a test key, those of its mode.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        InvalidRequestError: the cursor is not of this list and tenant.
        InsufficientScopeError: the credential lacks `keys:read`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_READ)
    (cursor, limit), only = page, steps.reaches_only(caller)
    owner = f"api_keys/{tenant_id}/{only}"
    last = steps.open_cursor(tools, owner, cursor)
    after = None if last is None else last.bytes[-api_keys.ID_LENGTH :].decode()
    with tools.database.reading() as connection:
        if tenants.find(connection, tenant_id) is None:
            raise NotFoundError
        found = api_keys.page(connection, tenant_id, after, limit + 1, only=only)
    items = found[:limit]
    if len(found) <= limit:
        return Page(items=items, next_cursor=None)
    # Cursors hold a UUID; the id of a key is shorter.
    return Page(items=items, next_cursor=tools.cursors.seal(owner, UUID(bytes=items[-1].id.encode().rjust(16, b"\0"))))


def look_up_uses(caller: Caller, presented_tenant_id: str, presented_id: str, tools: Tools) -> Page[Hour]:
    """
    List the hours of the last seven days in which a key was used, the present one first; all in one page.

    Raises:
        NotFoundError: no such tenant or key, or someone else's.
        InsufficientScopeError: the credential lacks `keys:read`.
    """
    key = look_up_api_key(caller, presented_tenant_id, presented_id, tools)
    with tools.database.reading() as connection:
        return Page(items=api_keys.hours_of(connection, key.id, now=tools.clock.now()), next_cursor=None)
