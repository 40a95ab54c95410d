"""An API key in, its successor out."""

from datetime import datetime, timedelta
from typing import Literal

from app.domain import access_tokens, api_keys, audit, idempotency, refresh_tokens
from app.flows import steps
from app.flows.refusals import ForbiddenError, InvalidScopeError, KeyNotActiveError
from app.flows.results import Caller, CreatedKey, IssuedKey, KeyDetails, Once
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
    once: Once[CreatedKey] | None = None,
) -> CreatedKey:
    """
    Replace a key, by default the one that is calling; sessions that it opened live on.

    The successor has the same name, mode, rights and end. A compromised key dies at once, whatever grace was asked for,
    and every session that it opened with it. A key that it had itself replaced, and that is still in its grace, ends.
    One that leaked, and has its grace for that, is replaced by another key or an operator: its thief has it, too.

    Raises:
        NotFoundError: no such tenant or key, someone else's, or a live one for a test key.
        ForbiddenError: an operator called and named no key; or the key, and so its successor, outlives the caller's, or
            may be used from elsewhere or more often.
        InvalidScopeError: the key may do more than the caller, who would be shown its successor.
        KeyNotActiveError: the key has its successor already, or leaked and is calling; a compromised one has been ended
            all the same.
        InsufficientScopeError: the credential lacks `keys:write`.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    key_id = _own_key(caller) if presented_id is None else steps.key_id_of(presented_id)
    now = tools.clock.now()
    grace = timedelta(seconds=0 if reason == "compromised" else grace_seconds)
    line = steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        before = steps.key_within_reach(connection, caller, tenant_id, key_id)
        if presented_id is not None:
            _must_reach_as_far(connection, caller, before, tools, now)
        issued = _replace(connection, caller, before, tools, grace_ends_at=now + grace, now=now)
        if reason == "compromised":
            _end_compromised(connection, key_id, now)
        rotated = None if issued is None else CreatedKey(issued, api_keys.get(connection, tenant_id, issued.id))
        if rotated is not None:
            steps.record(connection, caller, tenant_id, _event(before, rotated, reason), now=now)
            _forget_fetching(connection, before)
            # Who has just replaced itself may have lost our answer, and can show nothing else.
            itself = key_id if key_id == caller.key_id and reason == "routine" else None
            steps.end_once(connection, once, line, rotated, tools, retired_key_id=itself)

    # Refused after the commit: a compromised key is dead all the same.
    if rotated is None:
        raise KeyNotActiveError

    tenant, name = print_id("tenant", tenant_id), api_keys.key_name(key_id)
    logs.event("api_key.rotated", tenant=tenant, key=name, successor=rotated.issued.name, reason=reason)
    return rotated


def _own_key(caller: Caller) -> str:
    if caller.key_id is None or caller.kind != "tenant":
        raise ForbiddenError
    return caller.key_id


def _event(before: KeyDetails, rotated: CreatedKey, reason: Reason) -> audit.ApiKeyRotated:
    return audit.ApiKeyRotated(key_id=api_keys.key_name(before.id), successor_id=rotated.issued.name, reason=reason)


def _forget_fetching(connection: Connection, before: KeyDetails) -> None:
    # Its own predecessor ends now, and whoever uses the successor has heard of it.
    if before.replaces is not None:
        idempotency.forget_of_retired(connection, before.replaces)


def _end_compromised(connection: Connection, key_id: str, now: datetime) -> None:
    # Also a key that was replaced before and is in its grace: it ends now, though it has its successor.
    api_keys.revoke(connection, key_id, now=now)
    refresh_tokens.end_all_of_key(connection, key_id, reason="key_compromised", now=now)
    idempotency.forget_of_retired(connection, key_id)


def _replace(
    connection: Connection, caller: Caller, key: KeyDetails, tools: Tools, *, grace_ends_at: datetime, now: datetime
) -> IssuedKey | None:
    # Whoever calls by a key that leaked may be its thief.
    if key.id == caller.key_id and key.grace_ends_at is not None:
        return None
    return api_keys.rotate(connection, key.id, grace_ends_at=grace_ends_at, pepper=tools.peppers[0], now=now)


def _must_reach_as_far(connection: Connection, caller: Caller, key: KeyDetails, tools: Tools, now: datetime) -> None:
    rights = steps.rights_of(connection, caller, now=now)
    if access_tokens.without(key.scopes, rights.scope):
        raise InvalidScopeError
    if not rights.reach(key.networks) or not steps.allows(rights, key.requests_per_minute, tools):
        raise ForbiddenError
    # One that does not work, or has its successor, gets none; and nobody reaches farther than themselves.
    is_replaceable = key.replaced_by is None and key.status_at(now) in {"active", "rotating"}
    if rights.ends_at is None or not is_replaceable or key.id == caller.key_id:
        return
    if key.expires_at is None or key.expires_at > rights.ends_at:
        raise ForbiddenError
