"""A name in; a tenant and its first API key out."""

from app.domain import access_tokens, api_keys, audit, tenants
from app.flows import steps
from app.flows.results import Caller, Limits, Once, OnLeak, OpenedTenant
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id
from app.foundation.sender import NOBODY


def open_tenant(
    caller: Caller | None,
    name: str,
    limits: Limits,
    tools: Tools,
    *,
    on_leak: OnLeak = "revoke",
    once: Once[OpenedTenant] | None = None,
) -> OpenedTenant:
    """
    Open a tenant with one API key that holds every scope.

    Args:
        caller: an operator; None is the operator at the server's own command line.
        name: for people.
        limits: what the tenant may use at once.
        tools: the story's tools.
        once: the request, if it may come again.
        on_leak: what becomes of its keys that leak.

    Raises:
        ForbiddenError: the caller is not an operator.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    if caller is not None:
        steps.must_be_operator(caller)

    now = tools.clock.now()
    line = "" if caller is None else steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        tenant = tenants.open_tenant(connection, name, limits, now=now, on_leak=on_leak)
        scopes = " ".join(access_tokens.VOCABULARY)
        new = api_keys.NewKey("sk", tenant.id, scopes)
        key = api_keys.issue(connection, new, pepper=tools.peppers[0], now=now)
        actor, sender = (None, NOBODY) if caller is None else (steps.name_of(caller), caller.sender)
        audit.record(connection, tenant.id, audit.TenantOpened(key_id=key.name), sender, actor=actor, now=now)
        opened = OpenedTenant(tenant, key)
        steps.end_once(connection, once, line, opened, tools)

    logs.event("tenant.opened", tenant=print_id("tenant", tenant.id), key=key.name)
    return opened
