"""After a restored backup: what was opened before a moment is over; for the command line of the server itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import audit, refresh_tokens, tenants
from app.flows import steps
from app.flows.results import AT_THE_COMMAND_LINE
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.clock import rfc3339
from app.foundation.database import take_time

_AT_ONCE = 100


@dataclass(frozen=True)
class Invalidated:
    """How many sessions ended, and of how many tenants."""

    sessions: int
    tenants: int


def invalidate_before(moment: datetime, tools: Tools) -> Invalidated:
    """
    End every session of every tenant that was opened before a moment, and with it its tokens of both kinds.

    A restored database does not know which of its sessions were revoked since the backup, so none of them is trusted.
    One transaction a tenant: whoever was stopped, or found the database away, begins again.
    """
    ended = [_end(tenant_id, moment, tools) for tenant_id in _tenants(tools)]
    done = Invalidated(sum(ended), sum(count > 0 for count in ended))
    logs.event("sessions.invalidated", opened_before=rfc3339(moment), sessions=done.sessions, tenants=done.tenants)
    return done


def _tenants(tools: Tools) -> Iterator[UUID]:
    last: UUID | None = None
    while True:
        with tools.database.reading() as connection:
            page = tenants.page(connection, last, _AT_ONCE)
        yield from (each.id for each in page)
        if len(page) < _AT_ONCE:
            return
        last = page[-1].id


def _end(tenant_id: UUID, moment: datetime, tools: Tools) -> int:
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        # Of a tenant with a million sessions.
        take_time(connection)
        if not tenants.hold(connection, tenant_id):
            # Closed meanwhile, and its sessions with it.
            return 0
        ended = refresh_tokens.end_all_of_tenant(
            connection, tenant_id, reason="invalidated", now=now, opened_before=moment
        )
        if ended:
            event = audit.SessionsRevoked(sessions=ended, opened_before=rfc3339(moment))
            steps.record(connection, AT_THE_COMMAND_LINE, tenant_id, event, now=now)
    return ended
