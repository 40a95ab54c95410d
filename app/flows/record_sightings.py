"""Tell tenants of their API keys that browsers sent."""

from collections import deque

from app.domain import api_keys, audit, tenants
from app.flows.tools import Tools
from app.foundation.database import Connection
from app.foundation.errors import DatabaseAwayError


def record_sightings(tools: Tools) -> None:
    """
    Record what was noted of keys that a browser sent, once an hour a key, whichever worker saw it.

    Raises:
        DatabaseAwayError: what was not recorded is noted again, and recorded with the next.
    """
    taken = deque(tools.sightings.take())
    try:
        while taken:
            with tools.database.transaction() as connection:
                _record(connection, taken[0])
            taken.popleft()
    except DatabaseAwayError:
        for sighting in taken:
            tools.sightings.note(sighting)
        raise


def _record(connection: Connection, sighting: api_keys.Sighting) -> None:
    name = api_keys.key_name(sighting.key_id)
    event = audit.ApiKeyInBrowser(key_id=name)
    since = sighting.at - api_keys.SIGHTED_FOR
    # Held, so that of two workers the second finds what the first recorded.
    if not tenants.hold(connection, sighting.tenant_id):
        return
    if not audit.was_told(connection, sighting.tenant_id, event, since=since):
        audit.record(connection, sighting.tenant_id, event, sighting.sender, actor=name, now=sighting.at)
