"""A name and rights in; an API key out, shown this once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain import access_tokens, api_keys, audit, tenants
from app.flows import steps
from app.flows.refusals import ForbiddenError, InvalidRequestError, NotFoundError
from app.flows.results import Caller, CreatedKey, Mode, Once
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


@dataclass(frozen=True)
class KeyWanted:
    """
    What a key shall be.

    Args:
        name: for people.
        scope: what it may do (RFC 6749 section 3.3); None for all that the caller holds.
        expires_at: until when it works; None for as long as nobody revokes it.
        networks: where it may be used from, as addresses or networks; None for wherever the caller's may.
        metadata: the owner's notes, as JSON.
        mode: live or test; None for the caller's.
        requests_per_minute: how often it may be used; None for as often as the caller's.
        from_browsers: whether a browser may send it.
    """

    name: str
    scope: str | None = None
    expires_at: datetime | None = None
    networks: Sequence[str] | None = None
    metadata: str | None = None
    mode: Mode | None = None
    requests_per_minute: int | None = None
    from_browsers: bool = False


def create_api_key(
    caller: Caller,
    presented_tenant_id: str,
    wanted: KeyWanted,
    tools: Tools,
    *,
    once: Once[CreatedKey] | None = None,
) -> CreatedKey:
    """
    Issue another key of a tenant, which may do no more than the caller, from nowhere else, no longer and no more often.

    Raises:
        NotFoundError: no such tenant, or someone else's.
        ForbiddenError: a test key asks for a live one.
        InvalidScopeError: more is asked than the caller holds.
        InvalidRequestError: it would be over already, or could be used from elsewhere or more often than the caller's.
        InsufficientScopeError: the credential lacks `keys:write`.
        InvalidApiKeyError: the caller's own key ended meanwhile.
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.KEYS_WRITE)
    mode = wanted.mode or caller.mode
    if steps.reaches_only(caller) not in {None, mode}:
        raise ForbiddenError
    now = tools.clock.now()
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidRequestError("expires_at", "must be in the future")
    line = steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        tenant = tenants.find(connection, tenant_id) if tenants.hold(connection, tenant_id) else None
        if tenant is None:
            raise NotFoundError
        rights = steps.rights_of(connection, caller, now=now)
        new = _new(tenant, wanted, rights, tools, mode=mode, now=now)
        issued = api_keys.issue(connection, new, pepper=tools.peppers[0], now=now)
        event = audit.ApiKeyCreated(key_id=issued.name, scope=new.scopes)
        steps.record(connection, caller, tenant_id, event, now=now)
        created = CreatedKey(issued, api_keys.get(connection, tenant_id, issued.id))
        steps.end_once(connection, once, line, created, tools)
    logs.event("api_key.created", tenant=print_id("tenant", tenant_id), key=issued.name)
    return created


def _new(
    tenant: tenants.Tenant, wanted: KeyWanted, rights: steps.Rights, tools: Tools, *, mode: Mode, now: datetime
) -> api_keys.NewKey:
    networks = rights.networks if wanted.networks is None else wanted.networks
    if not rights.reach(networks):
        raise InvalidRequestError("allowed_cidrs", "must lie within those of the calling key")
    per_minute = rights.requests_per_minute if wanted.requests_per_minute is None else wanted.requests_per_minute
    steps.must_allow(rights, per_minute, tools)
    return api_keys.NewKey(
        kind="sk",
        tenant_id=tenant.id,
        mode=mode,
        scopes=steps.narrowed(rights.scope if wanted.scope is None else wanted.scope, rights.scope, field="scopes"),
        name=wanted.name,
        notes=wanted.metadata,
        networks=None if networks is None else " ".join(networks),
        expires_at=min((each for each in (wanted.expires_at, rights.ends_at) if each is not None), default=None),
        # What was pushed from the tenant to its keys holds for this one too.
        assertion_only=tenant.client_keys is not None,
        suspended_at=now if tenant.suspended else None,
        requests_per_minute=per_minute,
        from_browsers=wanted.from_browsers,
    )
