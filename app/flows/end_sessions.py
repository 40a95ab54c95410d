"""A tenant in; all its sessions are over."""

from app.domain import access_tokens, audit, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def end_sessions(caller: Caller, presented_tenant_id: str, tools: Tools) -> int:
    """
    End every session of a tenant, in one statement, and give how many there were; its keys open new ones.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: a test key called, which ends no live ones.
        InsufficientScopeError: the credential lacks `sessions:write`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.SESSIONS_WRITE)
    steps.must_be_live(caller)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        if not tenants.hold(connection, tenant_id):
            raise NotFoundError
        ended = refresh_tokens.end_all_of_tenant(connection, tenant_id, reason="all_ended", now=now)
        event = audit.SessionsRevoked(sessions=ended)
        steps.record(connection, caller, tenant_id, event, now=now)
    logs.event("sessions.revoked", tenant=print_id("tenant", tenant_id), sessions=ended)
    return ended
