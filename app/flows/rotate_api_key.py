"""An API key in, its successor out."""

from datetime import timedelta
from typing import Literal

from app.domain import access_tokens, api_keys, refresh_tokens, tenants
from app.flows import steps
from app.flows.refusals import ForbiddenError, KeyNotActiveError, NotFoundError
from app.flows.results import Caller, IssuedKey
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id

Reason = Literal["routine", "compromised"]


def rotate_api_key(
    caller: Caller, presented_tenant_id: str, grace_seconds: int, reason: Reason, tools: Tools
) -> IssuedKey:
    """
    Replace the key that is calling; sessions that it opened live on.

    A compromised key dies at once, whatever grace was asked for, and every session that it opened with it.

    Raises:
        NotFoundError: the tenant is not the caller's.
        ForbiddenError: an operator called; only a tenant's own key is replaced by its own call.
        KeyNotActiveError: the key has its successor already; a compromised one has been ended all the same.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    if caller.kind != "tenant" or caller.key_id is None:
        raise ForbiddenError

    now = tools.clock.now()
    grace = timedelta(seconds=0 if reason == "compromised" else grace_seconds)
    with tools.database.transaction() as connection:
        if not tenants.hold(connection, tenant_id):
            raise NotFoundError
        issued = api_keys.rotate(connection, caller.key_id, grace_ends_at=now + grace, pepper=tools.peppers[0], now=now)
        if reason == "compromised":
            # Also a key that was replaced before and is in its grace: it ends now, though it has its successor.
            api_keys.revoke(connection, caller.key_id, now=now)
            refresh_tokens.end_all_of_key(connection, caller.key_id, reason="key_compromised", now=now)

    # Refused after the commit: a compromised key is dead all the same.
    if issued is None:
        raise KeyNotActiveError

    logs.event(
        "api_key.rotated",
        tenant=print_id("tenant", tenant_id),
        key=api_keys.key_name(caller.key_id),
        successor=issued.name,
        reason=reason,
    )
    return issued
