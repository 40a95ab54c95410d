"""When and from where a key was used last: kept without a cost for its requests, and at most once a minute."""

import dataclasses

import pytest
from sqlalchemy import create_engine

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.look_up_api_keys import look_up_api_key
from app.flows.note_uses import note_uses
from app.flows.refusals import DatabaseAwayError, InvalidApiKeyError
from app.flows.results import Sender
from app.flows.rotate_api_key import rotate_api_key
from app.foundation.database import Database
from tests.builders import a_pair, a_tenant

FROM_HOME, FROM_WORK = Sender("192.0.2.1"), Sender("192.0.2.2")


def key_of(tenant):
    return f"key_{tenant.api_key[8:16]}"


def seen(tools, tenant):
    """Give when and from where the tenant's key was used last, as an operator sees it."""
    key = look_up_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, key_of(tenant), tools)
    return key.last_used_at, key.last_used_address


@pytest.fixture
def tools(worker):
    """A worker on a database of its own, so that nobody else notes uses."""
    return worker()


def test_the_last_use_is_kept_by_whatever_door_it_came(tools, clock):
    """
    CONTRACT 2: by X-API-Key, by an exchange, and as a client's secret; the latest stays, from wherever it was.
    """
    tenant = a_tenant(tools)
    assert seen(tools, tenant) == (None, None)

    authenticate_api_key(tenant.api_key, tools, sender=FROM_HOME)
    clock.step(minutes=5)
    authenticate_api_key(tenant.api_key, tools, sender=FROM_WORK)
    note_uses(tools)
    assert seen(tools, tenant) == (clock.now(), "192.0.2.2")

    clock.step(minutes=5)
    a_pair(tools, tenant)
    note_uses(tools)
    assert seen(tools, tenant) == (clock.now(), None)


def test_a_key_is_written_at_most_once_a_minute_by_all_workers(tools, worker, clock):
    """
    CONTRACT 2: a second use within the minute, seen by another worker, changes nothing; a later one does, and one that
    is told late does not put the clock back.
    """
    tenant, other, late = a_tenant(tools), worker(), worker()
    authenticate_api_key(tenant.api_key, late, sender=FROM_HOME)
    clock.step(minutes=1)
    first = clock.now()
    for each, seconds in ((tools, 59), (other, 1)):
        authenticate_api_key(tenant.api_key, each, sender=FROM_WORK)
        clock.step(seconds=seconds)
        note_uses(each)
    assert seen(tools, tenant)[0] == first

    note_uses(late)
    assert seen(tools, tenant)[0] == first
    authenticate_api_key(tenant.api_key, other)
    note_uses(other)
    assert seen(tools, tenant)[0] == clock.now()


def test_what_was_refused_is_no_use(tools):
    """
    B3: who guesses at a key leaves no trace in it, and nothing is there to be written.
    """
    tenant = a_tenant(tools)

    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(tenant.api_key[:-1] + ("a" if tenant.api_key[-1] != "a" else "b"), tools)

    assert not tools.uses


def test_a_use_outlives_a_database_that_is_away(tools, clock, tmp_path):
    """
    A21: what could not be written is written the next time, and no request is any the worse for it.
    """
    tenant = a_tenant(tools)
    authenticate_api_key(tenant.api_key, tools, sender=FROM_HOME)
    used_at = clock.now()

    away = dataclasses.replace(tools, database=Database(create_engine(f"sqlite:///{tmp_path}/no/such/folder/chalk.db")))
    with pytest.raises(DatabaseAwayError):
        note_uses(away)
    assert tools.uses
    note_uses(tools)

    assert not tools.uses
    assert seen(tools, tenant) == (used_at, "192.0.2.1")


def test_a_replaced_key_tells_when_it_can_go(tools, clock):
    """
    CONTRACT 3: not within an hour of its last use; when nobody uses it, now.
    """
    tenant = a_tenant(tools)
    caller = authenticate_api_key(tenant.api_key, tools)
    rotate_api_key(caller, tenant.id, 86_400, "routine", tools)
    tools.uses.take()
    before = look_up_api_key(caller, tenant.id, key_of(tenant), tools)

    authenticate_api_key(tenant.api_key, tools)
    used_at = clock.now()
    note_uses(tools)
    clock.step(minutes=59)
    after = look_up_api_key(caller, tenant.id, key_of(tenant), tools)

    assert before.unused_for_an_hour_at(clock.now()) == clock.now()
    assert (after.unused_for_an_hour_at(clock.now()) - used_at).total_seconds() == 3600
    clock.step(minutes=1)
    assert after.unused_for_an_hour_at(clock.now()) == clock.now()
