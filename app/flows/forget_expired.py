"""Let rows go that nobody can need any more."""

from app.domain import api_keys, audit, clients, idempotency, refresh_tokens
from app.flows.tools import Tools

# Rows of each kind; fewer than this in all, and little is left.
BATCH = 500


def forget_expired(tools: Tools) -> int:
    """
    Delete some sessions that have been over for long, events that are old, replies that nobody may fetch any more,
    assertions that nobody could use again, and counts of uses of a month ago.

    A small batch, in one short transaction: called again until it gives 0, or now and then by every worker.

    Returns:
        How many rows there were; 0 when nothing is left.

    Raises:
        DatabaseAwayError: nothing was deleted.
    """
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        forgotten = refresh_tokens.forget(connection, over_before=now - tools.keep_ended, most=BATCH)
        forgotten += audit.forget(connection, recorded_before=now - tools.keep_events, most=BATCH)
        forgotten += idempotency.forget(connection, most=BATCH, now=now)
        forgotten += api_keys.forget_hours(connection, most=BATCH, now=now)
        return forgotten + clients.forget(connection, most=BATCH, now=now)
