"""An API key in, the caller out."""

from typing import Literal

from app.domain import api_keys
from app.flows import steps
from app.flows.results import Caller, Sender
from app.flows.tools import Tools
from app.foundation.sender import NOBODY


def authenticate_api_key(presented: str, tools: Tools, *, sender: Sender = NOBODY) -> Caller:
    """
    Tell who presents this key; one indexed read.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        sender: who sent it, as far as the network tells.

    Raises:
        InvalidApiKeyError: unknown, malformed, revoked or expired, all alike.
        TenantSuspendedError: the key is right, its tenant is suspended.
        RateLimitedError: too many wrong ones came from this source, or for this key.
    """
    parsed = steps.hear_key(presented, sender.address, tools)
    with tools.database.reading() as connection:
        outcome = steps.look_at_key(connection, parsed, tools, now=tools.clock.now())

    key = steps.admit_key(outcome, parsed, sender.address, tools)
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
