"""The audit events of a tenant as they come: each once, also those that were made before and come after."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from app.domain import audit
from app.domain.audit.tables import AuditEventRow
from app.flows.follow_events import follow_events
from app.flows.open_room import open_room
from app.flows.refusals import InsufficientScopeError, NotFoundError
from app.flows.results import Caller
from app.foundation.identifiers import id_before, new_id, parse_id
from app.foundation.sender import NOBODY
from tests.builders import a_key_holding, a_tenant
from tests.named_keys import caller

AN_OPERATOR = Caller(kind="operator", tenant_id=None, key_id=None, scope="")
AN_HOUR = timedelta(hours=1)


def follow(tools, tenant, last=100):
    return follow_events(AN_OPERATOR, tenant.id, last, tools)


def types(batch):
    return [each.type for each in batch]


def open_rooms(tools, tenant, number):
    for _ in range(number):
        open_room(caller(tenant, tools), "Lobby", tools)


def arrive(tools, tenant, event_id, name):
    """Commit an event under an id that was made before."""
    row = {"id": event_id, "tenant_id": parse_id("tenant", tenant.id), "created_at": tools.clock.now()}
    text = f'{{"type":"api_key.changed","key_id":"{name}"}}'
    with tools.database.transaction() as connection:
        connection.execute(insert(AuditEventRow).values(**row, event=text))


def names(batch):
    return [each.data["key_id"] for each in batch if each.type == "api_key.changed"]


@pytest.mark.parametrize("last", [0, 1, 3, 100])
def test_the_last_come_first_and_then_each_once(tools, tenant, last):
    """
    CONTRACT 3: so many of what there is, the earliest first; then what comes, and when nothing does, nothing.
    """
    other = a_tenant(tools)
    open_rooms(tools, tenant, 4)
    before = ["tenant.opened", *["room.opened"] * 4]

    events = follow(tools, tenant, last)
    assert types(next(events)) == (before[-last:] if last else [])
    assert list(next(events)) == []
    open_rooms(tools, tenant, 2)
    open_rooms(tools, other, 1)
    came = [*next(events), *next(events)]
    open_rooms(tools, tenant, 1)
    came += next(events)

    assert types(came) == ["room.opened"] * 3
    assert len({each.id for each in came}) == 3
    assert [each.id for each in came] == sorted(each.id for each in came)


@pytest.mark.parametrize("last", [0, 1, 100])
def test_one_that_is_committed_late_is_not_missed(tools, tenant, last):
    """
    I7: an id is made before its commit, by the clock of its host: one that lies before what was shown comes all the
    same, and once.
    """
    early, first, second = new_id(), new_id(), new_id()
    arrive(tools, tenant, first, "first")
    events = follow(tools, tenant, last)
    shown = names(next(events))

    arrive(tools, tenant, early, "early")
    arrive(tools, tenant, new_id(), "third")
    assert names(next(events)) == ["early", "third"]
    arrive(tools, tenant, second, "second")
    assert names(next(events)) == ["second"]
    assert names(next(events)) == []
    assert shown == (["first"] if last else [])


def test_a_transaction_that_is_open_while_others_commit_is_not_missed(tools, tenant, backend):
    """
    I7: as it happens, where writers do not stand in line.
    """
    events, tenant_id = follow(tools, tenant, 0), parse_id("tenant", tenant.id)
    assert tenant_id is not None
    next(events)
    with tools.database.transaction() as connection:
        audit.record(connection, tenant_id, audit.TenantChanged(), NOBODY, actor=None, now=tools.clock.now())
        if backend == "postgresql":
            open_rooms(tools, tenant, 1)
        meanwhile = types(next(events))
    open_rooms(tools, tenant, 1)

    assert meanwhile == (["room.opened"] if backend == "postgresql" else [])
    assert types(next(events)) == ["tenant.changed", "room.opened"]


def test_what_is_older_than_any_transaction_is_not_read_again(tools, tenant):
    """
    Following costs the same after a day as at first: two minutes are read again, and no more.
    """
    now = new_id()
    hours = {number: id_before(now, number * AN_HOUR) for number in (3, 2, 1, -1, -2)}
    arrive(tools, tenant, hours[3], "three hours ago")
    arrive(tools, tenant, hours[1], "an hour ago")
    events = follow(tools, tenant)
    next(events)
    next(events)

    arrive(tools, tenant, hours[2], "two hours ago")
    arrive(tools, tenant, hours[-2], "in two hours")
    assert names(next(events)) == ["in two hours"]
    arrive(tools, tenant, hours[-1], "in an hour")
    assert names(next(events)) == []

    told = ["three hours ago", "two hours ago", "an hour ago", "in an hour", "in two hours"]
    assert names(next(follow(tools, tenant))) == told


def test_more_than_one_batch_is_followed(tools, tenant):
    """
    However many come at once, all are given, in their order.
    """
    events = follow(tools, tenant)
    next(events)
    tenant_id, ids = parse_id("tenant", tenant.id), [new_id() for _ in range(1201)]
    row = {"tenant_id": tenant_id, "created_at": tools.clock.now(), "event": '{"type":"tenant.changed"}'}
    with tools.database.transaction() as connection:
        connection.execute(insert(AuditEventRow), [{**row, "id": each} for each in ids])

    assert [each.id for each in next(events)] == ids
    assert [each.id for each in next(follow(tools, tenant, 1100))] == ids[-1100:]


def test_a_tenant_follows_its_own_and_nobody_elses(tools, tenant):
    """
    B8: by a key with `tenant:read`; others are not there.
    """
    neighbour, blind = a_tenant(tools), a_key_holding("rooms:read", tenant, tools)

    assert types(next(follow_events(caller(tenant, tools), tenant.id, 5, tools))) == ["tenant.opened"]
    with pytest.raises(NotFoundError):
        next(follow_events(caller(tenant, tools), neighbour.id, 5, tools))
    with pytest.raises(InsufficientScopeError):
        next(follow_events(caller(blind, tools), tenant.id, 5, tools))
