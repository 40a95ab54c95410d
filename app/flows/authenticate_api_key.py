"""An API key in, the caller out."""

from typing import Literal

from app.domain import api_keys
from app.flows import steps
from app.flows.results import AlreadyDone, Caller, CreatedKey, Once, Sender
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.sender import NOBODY


def authenticate_api_key(
    presented: str, tools: Tools, *, sender: Sender = NOBODY, once: Once[CreatedKey] | None = None
) -> Caller:
    """
    Tell who presents this key; one indexed read.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        sender: who sent it, as far as the network tells.
        once: a rotation that may have retired this very key: for ten minutes it may fetch the reply to that, which may
            be all that its holder has; not when it was compromised, or revoked since.

    Raises:
        AlreadyDone: that is so. It is no guess, so that nobody who guesses at the key is in its way.
        IdempotencyKeyReusedError: it is, and the rotation said something else.
        InvalidApiKeyError: unknown, malformed, revoked or expired, all alike.
        TenantSuspendedError: the key is right, its tenant is suspended.
        KeyInBrowserError, KeyElsewhereError: it is, and may not be used from there.
        RateLimitedError: too many wrong ones came from this source, or for this key.
        QuotaSpentError: it is right, and was used too often in this minute.
    """
    parsed = steps.hear_key(presented, api_keys.parse(presented), sender.address, tools)
    with tools.database.direct() as direct:
        outcome, lost = steps.look_at_key(direct, parsed, tools, now=tools.clock.now()), None
    if once is not None and isinstance(outcome, api_keys.Rejected):
        # Only now: had it replaced itself meanwhile, the reply would have been missed.
        with tools.database.reading() as connection:
            outcome, lost = steps.look_at_retired(connection, parsed, once, tools)

    key = steps.admit_key(outcome, parsed, sender, tools)
    if lost is not None:
        reply = steps.reply_of(lost)
        logs.event("api_key.successor_fetched", key=api_keys.key_name(key.id))
        raise AlreadyDone(reply)
    if isinstance(outcome, api_keys.Authenticated) and outcome.outdated:
        steps.renew(parsed, tools)
    return Caller(
        kind=_kind(key),
        tenant_id=key.tenant_id,
        key_id=key.id,
        scope=key.scopes,
        key_rotating_until=key.rotating_until,
        mode=key.mode,
        sender=sender,
    )


def _kind(key: api_keys.Key) -> Literal["operator", "resource_server", "tenant"]:
    if key.kind == "sk":
        return "tenant"
    return "operator" if key.audience is None else "resource_server"
