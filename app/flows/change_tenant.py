"""What shall be different about a tenant in; the tenant as it is now out."""

import dataclasses
from datetime import datetime

from app.domain import access_tokens, api_keys, audit, clients, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import InvalidRequestError, NotFoundError
from app.flows.results import Caller, Changes, ClientKeys, Tenant
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.database import Connection
from app.foundation.identifiers import print_id


def change_tenant(caller: Caller, presented_id: str, changes: Changes, tools: Tools) -> Tenant:
    """
    Change a tenant; an operator may also suspend it, which ends every session of it, or let it act again.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: only an operator suspends or resumes, and a test key changes nothing.
        InsufficientScopeError: the key lacks `tenant:write`, or `keys:write` for the client's keys and for what becomes
            of keys that leak.
        InvalidApiKeyError: the caller's own key ended meanwhile; asked for the latter.
        InvalidRequestError: the client's keys are not ones that could verify an assertion.
    """
    tenant_id = steps.must_reach(caller, presented_id, access_tokens.TENANT_WRITE)
    steps.must_be_live(caller)
    changes = _allowed(caller, changes)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        before = tenants.find(connection, tenant_id) if tenants.hold(connection, tenant_id) else None
        if changes.on_leak is not None:
            # It may have been reported while it waited.
            steps.rights_of(connection, caller, now=now)
        changed = tenants.change(connection, tenant_id, changes, now=now)
        if before is None or changed is None:
            raise NotFoundError
        if before.client_keys != changed.client_keys:
            _end_what_is_gone(connection, before, changed, now)
        if changes.suspended:
            # The keys first: an exchange leans on the key it relies on, so all it started is there to be ended now.
            api_keys.suspend_all(connection, tenant_id, now=now)
            refresh_tokens.end_all_of_tenant(connection, tenant_id, reason="tenant_suspended", now=now)
        elif changes.suspended is False:
            api_keys.resume_all(connection, tenant_id)
        for event in _events(before, changed):
            steps.record(connection, caller, tenant_id, event, now=now)

    _tell(caller, before, changed)
    return changed


def _allowed(caller: Caller, changes: Changes) -> Changes:
    if changes.suspended is not None:
        steps.must_be_operator(caller)
    if changes.client_keys is not None or changes.withdrawn or changes.on_leak is not None:
        steps.must_hold(caller, access_tokens.KEYS_WRITE)
    if changes.client_keys is None:
        return changes

    _check(changes.client_keys)
    # A client with keys may never do more than the key that registered them.
    scopes = " ".join(access_tokens.VOCABULARY) if caller.kind == "operator" else caller.scope
    return dataclasses.replace(changes, client_scopes=scopes)


def _events(before: Tenant, after: Tenant) -> list[audit.Event]:
    events: list[audit.Event] = []
    if (before.name, before.limits, before.on_leak) != (after.name, after.limits, after.on_leak):
        events.append(audit.TenantChanged())
    if before.client_keys != after.client_keys:
        events.append(audit.ClientKeysChanged())
    if before.suspended != after.suspended:
        events.append(audit.TenantSuspended() if after.suspended else audit.TenantResumed())
    return events


def _tell(caller: Caller, before: Tenant, after: Tenant) -> None:
    name = print_id("tenant", after.id)
    if before.client_keys != after.client_keys:
        by = None if caller.key_id is None else api_keys.key_name(caller.key_id)
        logs.event("tenant.client_keys_changed", tenant=name, by=by)
    if before.suspended != after.suspended:
        logs.event("tenant.suspended" if after.suspended else "tenant.resumed", tenant=name)


def _end_what_is_gone(connection: Connection, before: Tenant, after: Tenant, now: datetime) -> None:
    api_keys.set_assertion_only(connection, after.id, assertion_only=after.client_keys is not None)
    old, new = _keys(before), _keys(after)
    # Of a set at a URL we do not know what it held; whoever leaves it, or moves to one, starts anew.
    gone = None if old is None or new is None else [kid for kid, key in old.items() if new.get(kid) != key]
    refresh_tokens.end_all_of_client_keys(connection, after.id, gone, reason="client_key_withdrawn", now=now)


def _keys(tenant: Tenant) -> dict[str, str] | None:
    if tenant.client_keys is None:
        return {}
    if tenant.client_keys.jwks is None:
        return None
    return {kid: key.thumbprint() for kid, key in (clients.importable(tenant.client_keys.jwks) or {}).items()}


def _check(keys: ClientKeys) -> None:
    if keys.jwks is not None and not clients.importable(keys.jwks):
        raise InvalidRequestError(
            "jwks",
            "must be a JWK Set of public keys for signatures (RSA, P-256 or Ed25519), each with a kid of its own",
        )
    if keys.jwks_uri is not None and clients.parse_url(keys.jwks_uri) is None:
        raise InvalidRequestError("jwks_uri", "must be an https URL of a host, without a user")
