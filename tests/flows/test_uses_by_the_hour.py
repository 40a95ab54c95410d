"""How often a key was used in each hour: counted in memory, added up over workers, and forgotten after a month."""

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, func, select

from app.domain.api_keys.tables import HourRow
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.forget_expired import forget_expired
from app.flows.look_up_api_keys import look_up_uses
from app.flows.note_uses import note_uses
from app.flows.refusals import DatabaseAwayError
from app.foundation.database import Database
from tests.builders import a_key_holding, a_pair, a_tenant
from tests.flows.test_statements import counted
from tests.named_keys import caller, name_of


def use(tools, key, times=1):
    for _ in range(times):
        authenticate_api_key(key.api_key, tools)


def uses(tools, reader, key):
    """Give what is told of a key, by whoever reads it; what is noted stays noted."""
    found = look_up_uses(caller(reader, tools), key.id, name_of(key), tools)
    assert found.next_cursor is None
    return [(each.at, each.uses) for each in found.items]


@pytest.fixture
def tools(worker):
    """A worker on a database of its own, so that nobody else notes uses."""
    return worker()


@pytest.fixture
def hour(clock):
    """The clock stands at the beginning of an hour, which is given."""
    now = clock.now()
    clock.step(seconds=3600 - now.minute * 60 - now.second, microseconds=-now.microsecond)
    return clock.now()


@pytest.fixture
def keys(tools):
    """A tenant's key that is counted, and another that looks."""
    tenant = a_tenant(tools)
    return a_key_holding("rooms:read keys:read", tenant, tools), tenant


def test_uses_are_counted_by_the_hour_and_added_up_over_workers(tools, worker, keys, clock, hour):
    """
    CONTRACT 2: whatever door a key came by; the last microsecond of an hour is not the next one's; the present hour
    stands first.
    """
    (key, reader), other = keys, worker()
    use(tools, key, 2)
    a_pair(tools, key)
    use(other, key)
    clock.step(hours=1, microseconds=-1)
    use(other, key)
    clock.step(microseconds=1)
    use(other, key, 4)
    for each in (tools, other):
        note_uses(each)
        note_uses(each)

    assert uses(tools, reader, key) == [(hour + timedelta(hours=1), 4), (hour, 5)]
    clock.step(minutes=30)
    use(tools, key)
    note_uses(tools)
    assert uses(tools, reader, key)[0] == (hour + timedelta(hours=1), 5)


def test_seven_days_are_shown_and_a_month_is_kept(tools, keys, clock, hour):
    """
    CONTRACT 2: 168 hours at the most, and no hour twice; what is older than 31 days is forgotten, and nothing before.
    """
    key, reader = keys
    for _ in range(170):
        use(tools, key)
        clock.step(hours=1)
    note_uses(tools)
    clock.step(hours=-1)

    shown = uses(tools, reader, key)
    assert [each[0] for each in shown] == [clock.now() - timedelta(hours=number) for number in range(168)]
    clock.step(days=31, hours=-169)
    assert count(tools) == 170
    left = []
    for microseconds in (-1, 1, 3_600_000_000):
        clock.step(microseconds=microseconds)
        while forget_expired(tools):
            pass
        left.append(count(tools))
    assert left == [170, 169, 168]


def count(tools):
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(HourRow)).scalar_one()


def test_uses_cost_their_requests_nothing_and_two_statements_a_minute(tools, keys, backend):
    """
    CONTRACT 2: a request reads its key as ever; a write is one transaction a key, however often it was used, and on
    PostgreSQL stands in line first.
    """
    key, reader = keys
    with counted() as statements:
        use(tools, key, 5)
        use(tools, reader, 5)
    assert statements == ["SELECT"] * 10

    with counted() as statements:
        note_uses(tools)
    in_line = ["SELECT"] if backend == "postgresql" else []
    assert statements == [*in_line, "UPDATE", "INSERT"] * 2


def test_counts_outlive_a_database_that_is_away(tools, keys, clock, hour):
    """
    A21: what could not be written is added to what comes, and nothing is counted twice.
    """
    key, reader = keys
    away = Database(create_engine("sqlite:////no/such/folder/chalk.db"))
    use(tools, key, 2)
    for _ in range(2):
        with pytest.raises(DatabaseAwayError):
            note_uses(dataclasses.replace(tools, database=away))
    use(tools, key)
    clock.step(hours=1)
    use(tools, key)

    note_uses(tools)
    note_uses(tools)

    assert uses(tools, reader, key) == [(hour + timedelta(hours=1), 1), (hour, 3)]
