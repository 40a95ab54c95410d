"""A tenant in; it is gone, and everything that acted in its name with it."""

from app.domain import access_tokens, api_keys, audit, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def close_tenant(caller: Caller, presented_id: str, tools: Tools) -> None:
    """
    Close a tenant for good: its keys are revoked and its sessions ended in the same transaction.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: a test key called.
    """
    tenant_id = steps.must_reach(caller, presented_id, access_tokens.TENANT_WRITE)
    steps.must_be_live(caller)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        if not tenants.hold(connection, tenant_id):
            raise NotFoundError
        tenants.close(connection, tenant_id, now=now)
        api_keys.revoke_all(connection, tenant_id, now=now)
        refresh_tokens.end_all_of_tenant(connection, tenant_id, reason="tenant_closed", now=now)
        steps.record(connection, caller, tenant_id, audit.TenantClosed(), now=now)

    logs.event("tenant.closed", tenant=print_id("tenant", tenant_id))
