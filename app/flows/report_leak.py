"""An API key that somebody found in; nothing out. What becomes of it is the tenant's policy."""

from datetime import datetime, timedelta
from uuid import UUID

from app.domain import api_keys, audit, idempotency, refresh_tokens, tenants
from app.domain.rate_limits import Guess
from app.domain.tenants import OnLeak
from app.flows import steps
from app.flows.refusals import InvalidApiKeyError, RateLimitedError
from app.flows.results import KeyDetails, Sender
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.clock import rfc3339
from app.foundation.database import Connection
from app.foundation.identifiers import print_id
from app.foundation.sender import NOBODY

# How long a key that leaked works on, where it is to be replaced, and for how long a report need not be repeated.
_GRACE = timedelta(hours=24)
_TOLD_FOR = timedelta(hours=24)


def report_leak(presented: str, tools: Tools, *, sender: Sender = NOBODY) -> None:
    """
    Deal with an API key that somebody holds who should not; whether there is such a key, nobody is told.

    By its tenant's policy it ends with all that it opened, or it gets a grace in which another key can replace it, or
    the tenant finds an event and nothing else. An operator's key ends. What is reported again changes nothing more.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        sender: who reports it, as far as the network tells.

    Raises:
        RateLimitedError: too much that is no key came from this source.
    """
    # Counted for the source alone: what is told of a single key would tell that there is one.
    guess = Guess(sender.address)
    steps.must_be_heard(guess, tools)
    key = _living(presented, tools)
    if key is None:
        refusal = steps.wrong(guess, InvalidApiKeyError(), tools)
        if isinstance(refusal, RateLimitedError):
            raise refusal
    elif key.tenant_id is None:
        _end_an_operators(key, tools, sender)
    else:
        _follow_the_policy(key.id, key.tenant_id, tools, sender)


def _living(presented: str, tools: Tools) -> api_keys.Key | None:
    parsed = api_keys.parse(presented)
    if parsed is None:
        return None
    with tools.database.reading() as connection:
        outcome = steps.look_at_key(connection, parsed, tools, now=tools.clock.now())
    # Of a suspended tenant, too: it will be let act again.
    return outcome.key if isinstance(outcome, api_keys.Authenticated) else None


def _end_an_operators(key: api_keys.Key, tools: Tools, sender: Sender) -> None:
    with tools.database.transaction() as connection:
        ended = api_keys.revoke(connection, key.id, now=tools.clock.now())
    if ended:
        logs.event("operator_key.leaked", key=api_keys.key_name(key.id), source=sender.address)


def _follow_the_policy(key_id: str, tenant_id: UUID, tools: Tools, sender: Sender) -> None:
    now, name = tools.clock.now(), api_keys.key_name(key_id)
    with tools.database.transaction() as connection:
        tenant = tenants.find(connection, tenant_id) if tenants.hold(connection, tenant_id) else None
        key = api_keys.find(connection, tenant_id, key_id)
        # Asked again, now that nobody can end it.
        if tenant is None or key is None or key.status_at(now) not in {"active", "rotating"}:
            return
        event = audit.ApiKeyLeaked(key_id=name, policy=tenant.on_leak)
        if audit.was_told(connection, tenant_id, event, since=now - _TOLD_FOR):
            return
        until = _deal_with(connection, key, tenant.on_leak, now)
        event = audit.ApiKeyLeaked(
            key_id=name, policy=tenant.on_leak, works_until=None if until is None else rfc3339(until)
        )
        audit.record(connection, tenant_id, event, sender, actor=None, now=now)

    tenant_name = print_id("tenant", tenant_id)
    logs.event("api_key.leaked", tenant=tenant_name, key=name, policy=tenant.on_leak, source=sender.address)


def _deal_with(connection: Connection, key: KeyDetails, policy: OnLeak, now: datetime) -> datetime | None:
    """Do what the policy says, and give until when the key works now; None without an end."""
    if policy == "notify":
        return key.works_until
    # Whoever has it may not fetch its successor again either.
    idempotency.forget_of_retired(connection, key.id)
    if policy == "revoke":
        api_keys.revoke(connection, key.id, now=now)
        refresh_tokens.end_all_of_key(connection, key.id, reason="key_leaked", now=now)
        return now
    until = api_keys.begin_grace(connection, key.id, ends_at=now + _GRACE, now=now)
    if until is not None:
        # What it opened may be a thief's.
        refresh_tokens.shorten_all_of_key(connection, key.id, until)
    return until
