"""What shall be different about a tenant in; the tenant as it is now out."""

from app.domain import api_keys, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller, Changes, Tenant
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def change_tenant(caller: Caller, presented_id: str, changes: Changes, tools: Tools) -> Tenant:
    """
    Change a tenant; an operator may also suspend it, which ends every session of it, or let it act again.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: only an operator suspends or resumes.
    """
    tenant_id = steps.must_reach(caller, presented_id)
    if changes.suspended is not None:
        steps.must_be_operator(caller)

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        changed = tenants.change(connection, tenant_id, changes, now=now)
        if changed is None:
            raise NotFoundError
        if changes.suspended:
            # The keys first: an exchange holds the key it relies on, so all it started is there to be ended now.
            api_keys.suspend_all(connection, tenant_id, now=now)
            refresh_tokens.end_all_of_tenant(connection, tenant_id, reason="tenant_suspended", now=now)
        elif changes.suspended is False:
            api_keys.resume_all(connection, tenant_id)

    if changes.suspended is not None:
        logs.event("tenant.suspended" if changes.suspended else "tenant.resumed", tenant=print_id("tenant", tenant_id))
    return changed
