"""An API key in; it is dead, and every session that it opened."""

from app.domain import access_tokens, api_keys, audit, idempotency, refresh_tokens
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def revoke_api_key(caller: Caller, presented_tenant_id: str, presented_id: str, tools: Tools) -> None:
    """
    Revoke a key of a tenant for good, at once on every worker; also the calling one.

    Raises:
        NotFoundError: no such tenant or key, someone else's, a live one for a test key, or it was revoked before.
        InsufficientScopeError: the credential lacks `keys:write`.
        InvalidApiKeyError: the caller's own key ended meanwhile.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    key_id = steps.key_id_of(presented_id)
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        steps.key_within_reach(connection, caller, tenant_id, key_id)
        # Asked last: what one stood in line for may have been one's own end.
        steps.rights_of(connection, caller, now=now)
        revoked = api_keys.revoke(connection, key_id, now=now)
        idempotency.forget_of_retired(connection, key_id)
        if revoked:
            refresh_tokens.end_all_of_key(connection, key_id, reason="key_revoked", now=now)
            event = audit.ApiKeyRevoked(key_id=presented_id)
            steps.record(connection, caller, tenant_id, event, now=now)

    # Refused after the commit: one that a rotation had ended may not fetch its successor any more.
    if not revoked:
        raise NotFoundError

    logs.event("api_key.revoked", tenant=print_id("tenant", tenant_id), key=presented_id)
