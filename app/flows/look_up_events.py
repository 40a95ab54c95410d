"""What was done in a tenant's name, and what happened to it."""

from app.domain import access_tokens, audit, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller, Entry
from app.flows.tools import Tools
from app.foundation.pages import Page


def look_up_events(caller: Caller, presented_tenant_id: str, page: tuple[str | None, int], tools: Tools) -> Page[Entry]:
    """
    List the audit events of a tenant, the latest first: the caller's own, or any for an operator.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: a test key called; they tell of what is live.
        InvalidRequestError: the cursor is not of this list and tenant.
        InsufficientScopeError: the credential lacks `tenant:read`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.TENANT_READ)
    steps.must_be_live(caller)
    cursor, limit = page
    owner = f"events/{tenant_id}"
    before = steps.open_cursor(tools, owner, cursor)
    with tools.database.reading() as connection:
        # An operator reads on after a tenant was closed.
        if caller.kind != "operator" and tenants.find(connection, tenant_id) is None:
            raise NotFoundError
        found = audit.page(connection, tenant_id, before, limit + 1)
    return steps.cut(tools, owner, found, limit)
