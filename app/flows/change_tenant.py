"""What shall be different about a tenant in; the tenant as it is now out."""

from app.domain import access_tokens, api_keys, clients, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import InvalidRequestError, NotFoundError
from app.flows.results import Caller, Changes, ClientKeys, Tenant
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def change_tenant(caller: Caller, presented_id: str, changes: Changes, tools: Tools) -> Tenant:
    """
    Change a tenant; an operator may also suspend it, which ends every session of it, or let it act again.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: only an operator suspends or resumes.
        InsufficientScopeError: the key lacks `tenant:write`.
        InvalidRequestError: the client's keys are not ones that could verify an assertion.
    """
    tenant_id = steps.must_reach(caller, presented_id, access_tokens.TENANT_WRITE)
    _check(changes.client_keys)
    if changes.suspended is not None:
        steps.must_be_operator(caller)

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        changed = tenants.change(connection, tenant_id, changes, now=now)
        if changed is None:
            raise NotFoundError
        if changes.client_keys is not None:
            barred = changes.client_keys != ClientKeys()
            api_keys.set_assertion_only(connection, tenant_id, assertion_only=barred)
        if changes.suspended:
            # The keys first: an exchange holds the key it relies on, so all it started is there to be ended now.
            api_keys.suspend_all(connection, tenant_id, now=now)
            refresh_tokens.end_all_of_tenant(connection, tenant_id, reason="tenant_suspended", now=now)
        elif changes.suspended is False:
            api_keys.resume_all(connection, tenant_id)

    if changes.suspended is not None:
        logs.event("tenant.suspended" if changes.suspended else "tenant.resumed", tenant=print_id("tenant", tenant_id))
    return changed


def _check(keys: ClientKeys | None) -> None:
    if keys is not None and keys.jwks is not None and not clients.importable(keys.jwks):
        raise InvalidRequestError(
            "jwks",
            "must be a JWK Set of public keys for signatures (RSA, P-256 or Ed25519), each with a kid of its own",
        )
