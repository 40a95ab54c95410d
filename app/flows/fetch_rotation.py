"""A key that has just replaced itself in; the reply that holds its successor out."""

from app.domain import api_keys, tenants
from app.flows import steps
from app.flows.refusals import InvalidApiKeyError
from app.flows.results import CreatedKey, Once, Reply, Sender
from app.flows.tools import Tools


def fetch_rotation(presented: str, once: Once[CreatedKey], tools: Tools, *, sender: Sender) -> Reply:
    """
    Give the reply to a rotation once more, to the very key that it retired: it may be all that its holder has.

    For ten minutes, with the Idempotency-Key of the rotation; not for a key that was compromised, or revoked since.

    Raises:
        InvalidApiKeyError: there is nothing to fetch, whatever the key is; all alike.
        IdempotencyKeyReusedError: the rotation said something else.
        TenantSuspendedError, KeyElsewhereError, RateLimitedError: see `authenticate_api_key`.
    """
    parsed = steps.hear_key(presented, sender.address, tools)
    with tools.database.reading() as connection:
        outcome = steps.look_at_key(connection, parsed, tools, now=tools.clock.now(), retired=True)
        # Looked for whatever became of the key: the time that it takes tells nothing.
        found = steps.reply_to_retired(connection, once, parsed.id, tools)
        if isinstance(outcome, api_keys.Rejected) or found is None:
            raise InvalidApiKeyError
        tenant_id = outcome.key.tenant_id
        if tenant_id is None or tenants.find(connection, tenant_id) is None:
            raise InvalidApiKeyError
    steps.admit_key(outcome, parsed, sender.address, tools)
    return steps.reply_of(found, tools)
