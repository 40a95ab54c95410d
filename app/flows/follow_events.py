"""A tenant in; its audit events out, as they come."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from app.domain import access_tokens, audit
from app.flows import steps
from app.flows.results import Caller, Entry
from app.flows.tools import Tools
from app.foundation.identifiers import id_before

# An event has its id before its transaction is committed, and by the clock of its host: one that lies before what was
# seen may come for so long.
_LATE = timedelta(minutes=2)
_BATCH = 500
_FIRST = UUID(int=0)


def follow_events(caller: Caller, presented_tenant_id: str, last: int, tools: Tools) -> Iterator[Sequence[Entry]]:
    """
    Give the last events of a tenant, the earliest first, and then, each time it is asked, those that came since.

    None is given twice, and none is left out that was committed within two minutes of its making. The database is asked
    when the next are, and nothing is held meanwhile.

    Raises:
        NotFoundError: someone else's tenant, or no id of one.
        InsufficientScopeError: the credential lacks `tenant:read`.
        DatabaseAwayError: they cannot be read.
    """
    tenant_id = steps.must_reach(caller, presented_tenant_id, access_tokens.TENANT_READ)
    with tools.database.reading() as connection:
        newest = [entry.id for entry in audit.page(connection, tenant_id, None, 1)]
    start = id_before(newest[0], _LATE) if newest else _FIRST
    # All that is not late any more, or is told at once: what comes before it later on is new.
    recent = list(_since(tenant_id, start, tools))
    with tools.database.reading() as connection:
        before = recent[0].id if recent else None
        older = audit.page(connection, tenant_id, before, max(0, last - len(recent)))
    yield [*reversed(older), *recent[max(0, len(recent) - last) :]]

    seen = {entry.id for entry in recent}
    while True:
        new = [entry for entry in _since(tenant_id, start, tools) if entry.id not in seen]
        yield new
        seen.update(entry.id for entry in new)
        if seen:
            start = max(start, id_before(max(seen), _LATE))
            seen = {each for each in seen if each > start}


def _since(tenant_id: UUID, start: UUID, tools: Tools) -> Iterator[Entry]:
    while True:
        with tools.database.reading() as connection:
            entries = audit.page_since(connection, tenant_id, start, _BATCH)
        yield from entries
        if len(entries) < _BATCH:
            return
        start = entries[-1].id
