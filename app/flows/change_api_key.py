"""What shall be different about an API key in; the key as it is now out."""

import dataclasses
from datetime import datetime

from app.domain import access_tokens, api_keys, audit, refresh_tokens
from app.flows import steps
from app.flows.refusals import InvalidRequestError, KeyNotActiveError, NotFoundError
from app.flows.results import Caller, KeyChanges, KeyDetails
from app.flows.tools import Tools


def change_api_key(
    caller: Caller, presented_tenant_id: str, presented_id: str, changes: KeyChanges, tools: Tools
) -> KeyDetails:
    """
    Change a key of a tenant. It can lose scopes and time, and never gain any; what it opened loses them with it.

    Raises:
        NotFoundError: no such tenant or key, someone else's, or a live one for a test key.
        KeyNotActiveError: it does not work any more, or has been replaced.
        InvalidScopeError: it has not all of these scopes.
        InvalidRequestError: it would end later than it does, or is over already.
        InvalidRequestError: it could be used from elsewhere, or more often, than the caller's.
        InsufficientScopeError: the credential lacks `keys:write`.
        InvalidApiKeyError: the caller's own key ended meanwhile.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    key_id = steps.key_id_of(presented_id)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        before = steps.key_within_reach(connection, caller, tenant_id, key_id)
        # Asked last: what one stood in line for may have been one's own end.
        rights = steps.rights_of(connection, caller, now=now)
        if before.status_at(now) != "active":
            raise KeyNotActiveError
        if changes.requests_per_minute is not None or changes.usual_limit:
            steps.must_allow(rights, changes.requests_per_minute, tools)
        api_keys.change(connection, before, _allowed(changes, before, rights, now))
        after = api_keys.find(connection, tenant_id, key_id)
        if after is None:
            raise NotFoundError
        if after.expires_at != before.expires_at and after.expires_at is not None:
            refresh_tokens.shorten_all_of_key(connection, key_id, after.expires_at)
        if after.scopes != before.scopes:
            beyond = access_tokens.without(before.scopes, after.scopes)
            refresh_tokens.end_all_of_key_beyond(connection, key_id, beyond, reason="key_narrowed", now=now)
        event = audit.ApiKeyChanged(key_id=presented_id)
        steps.record(connection, caller, tenant_id, event, now=now)
    return after


def _allowed(changes: KeyChanges, before: KeyDetails, rights: steps.Rights, now: datetime) -> KeyChanges:
    if (changes.networks is not None or changes.from_everywhere) and not rights.reach(changes.networks):
        raise InvalidRequestError("allowed_cidrs", "must lie within those of the calling key")
    if changes.expires_at is not None and not now < changes.expires_at <= (before.expires_at or changes.expires_at):
        raise InvalidRequestError("expires_at", "must be in the future, and not later than it is")
    if changes.scopes is None:
        return changes
    return dataclasses.replace(changes, scopes=steps.narrowed(changes.scopes, before.scopes, field="scopes"))
