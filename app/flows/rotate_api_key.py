"""An API key in, its successor out."""

from datetime import datetime, timedelta
from typing import Literal

from app.domain import access_tokens, api_keys, audit, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import ForbiddenError, InvalidScopeError, KeyNotActiveError, NotFoundError
from app.flows.results import Caller, CreatedKey, KeyDetails
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.database import Connection
from app.foundation.identifiers import print_id

Reason = Literal["routine", "compromised"]


def rotate_api_key(
    caller: Caller,
    presented_tenant_id: str,
    grace_seconds: int,
    reason: Reason,
    tools: Tools,
    *,
    presented_id: str | None = None,
) -> CreatedKey:
    """
    Replace a key, by default the one that is calling; sessions that it opened live on.

    The successor has the same name, rights and end. A compromised key dies at once, whatever grace was asked for, and
    every session that it opened with it. A key that it had itself replaced, and that is still in its grace, ends.

    Raises:
        NotFoundError: no such tenant or key, or someone else's.
        ForbiddenError: an operator called and named no key; or the key, and so its successor, outlives the caller's, or
            may be used from elsewhere.
        InvalidScopeError: the key may do more than the caller, who would be shown its successor.
        KeyNotActiveError: the key has its successor already; a compromised one has been ended all the same.
        InsufficientScopeError: the credential lacks `keys:write`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    key_id = caller.key_id if presented_id is None else steps.key_id_of(presented_id)
    if key_id is None or (presented_id is None and caller.kind != "tenant"):
        raise ForbiddenError

    now = tools.clock.now()
    grace = timedelta(seconds=0 if reason == "compromised" else grace_seconds)
    with tools.database.transaction() as connection:
        before = api_keys.find(connection, tenant_id, key_id) if tenants.hold(connection, tenant_id) else None
        if before is None:
            raise NotFoundError
        if presented_id is not None:
            _must_reach_as_far(connection, caller, before, now)
        issued = api_keys.rotate(connection, key_id, grace_ends_at=now + grace, pepper=tools.peppers[0], now=now)
        if reason == "compromised":
            # Also a key that was replaced before and is in its grace: it ends now, though it has its successor.
            api_keys.revoke(connection, key_id, now=now)
            refresh_tokens.end_all_of_key(connection, key_id, reason="key_compromised", now=now)
        after = None
        if issued is not None:
            after = api_keys.find(connection, tenant_id, issued.id)
            event = audit.ApiKeyRotated(key_id=api_keys.key_name(key_id), successor_id=issued.name, reason=reason)
            steps.record(connection, caller, tenant_id, event, now=now)

    # Refused after the commit: a compromised key is dead all the same.
    if issued is None or after is None:
        raise KeyNotActiveError

    name, tenant = api_keys.key_name(key_id), print_id("tenant", tenant_id)
    logs.event("api_key.rotated", tenant=tenant, key=name, successor=issued.name, reason=reason)
    return CreatedKey(issued, after)


def _must_reach_as_far(connection: Connection, caller: Caller, key: KeyDetails, now: datetime) -> None:
    rights = steps.rights_of(connection, caller, now=now)
    if access_tokens.without(key.scopes, rights.scope):
        raise InvalidScopeError
    if not rights.reach(key.networks):
        raise ForbiddenError
    # One that is not active gets no successor.
    if rights.ends_at is None or key.status_at(now) != "active":
        return
    if key.expires_at is None or key.expires_at > rights.ends_at:
        raise ForbiddenError
