"""The demo: something to try on an empty database, and nothing overwritten on a used one."""

import dataclasses

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.close_tenant import close_tenant
from app.flows.look_up import look_up_room, look_up_tenant, look_up_tenants
from app.flows.set_up_demo import set_up_demo
from tests.builders import Tenant, a_pair, a_room, a_tenant
from tests.conftest import environment, migrate


@pytest.fixture
def own(backend, new_database):
    """Tools on a database of the test's own: the demo looks at whatever tenants there are."""
    url = new_database(backend)
    migrate(url)
    application = create_app(environment(url))
    yield wiring_of(application).tools
    wiring_of(application).tools.database.close()


def test_an_empty_database_gets_something_to_try(own):
    """
    The printed tenant, room, key and operator key exist and work together.
    """
    made = set_up_demo(own)

    caller = authenticate_api_key(made.api_key or "", own)
    assert look_up_tenant(caller, made.tenant_id, own).name == "Demo"
    assert look_up_room(caller, made.room_id or "", own).ended_at is None
    assert a_pair(own, Tenant(made.tenant_id, made.api_key or ""), made.room_id).refresh_token
    assert authenticate_api_key(made.admin_key or "", own).kind == "operator"
    assert {made.api_key, made.admin_key}.isdisjoint(repr(made).split("'"))


def test_a_second_start_makes_nothing(own):
    """
    The database of before is kept, and no key is shown a second time.
    """
    first = set_up_demo(own)

    second = set_up_demo(own)

    assert second == dataclasses.replace(first, api_key=None, admin_key=None)
    operator = authenticate_api_key(first.admin_key or "", own)
    assert len(look_up_tenants(operator, None, 20, own).items) == 1


def test_a_database_in_use_is_left_alone(own):
    """
    A tenant that somebody opened is shown, with its room if it has one; no demo tenant is put beside it.
    """
    tenant = a_tenant(own, "Real")
    without = set_up_demo(own)
    room_id = a_room(own, tenant)

    assert (without.tenant_id, without.room_id, without.api_key, without.admin_key) == (tenant.id, None, None, None)
    assert set_up_demo(own).room_id == room_id


def test_a_demo_tenant_that_was_closed_is_made_anew(own):
    """
    When no tenant is left, there is a new one to try.
    """
    first = set_up_demo(own)
    close_tenant(authenticate_api_key(first.admin_key or "", own), first.tenant_id, own)

    again = set_up_demo(own)

    assert again.tenant_id != first.tenant_id
    assert again.api_key is not None
