"""Changing, suspending and resuming tenants."""

import logging

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.look_up import look_up_tenant
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import ForbiddenError, InvalidAccessTokenError, NotFoundError, TenantSuspendedError
from app.flows.results import Changes, Limits
from app.flows.rotate_api_key import rotate_api_key
from app.foundation.identifiers import new_id, print_id
from tests.builders import a_pair, a_tenant


@pytest.fixture
def operator(tools, admin_key):
    """An operator who is calling."""
    return authenticate_api_key(admin_key, tools)


def test_only_what_is_named_is_changed(tenant, tools):
    """
    A tenant changes its own name and limits; what is left out stays as it was.
    """
    caller = authenticate_api_key(tenant.api_key, tools)
    before = look_up_tenant(caller, tenant.id, tools)

    renamed = change_tenant(caller, tenant.id, Changes(name="Renamed"), tools)
    limited = change_tenant(caller, tenant.id, Changes(max_participants_per_room=99), tools)
    same = change_tenant(caller, tenant.id, Changes(), tools)

    assert (renamed.name, renamed.limits) == ("Renamed", before.limits)
    assert (limited.name, limited.limits) == ("Renamed", Limits(max_participants_per_room=99))
    assert limited == same == look_up_tenant(caller, tenant.id, tools)
    assert same.created_at == before.created_at


def test_a_suspension_pauses_everything_at_once(tenant, tools, operator):
    """
    B10, C15: keys are refused, and every session has ended; resuming brings back the keys and no session.
    """
    pair = a_pair(tools, tenant)

    suspended = change_tenant(operator, tenant.id, Changes(suspended=True), tools)

    assert suspended.suspended
    with pytest.raises(TenantSuspendedError):
        authenticate_api_key(tenant.api_key, tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(pair.access_token, tools)

    resumed = change_tenant(operator, tenant.id, Changes(suspended=False), tools)
    assert not resumed.suspended
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(pair.access_token, tools)
    assert refresh_access(Refresh(a_pair(tools, tenant).refresh_token or ""), tools).access_token


def test_a_suspension_stops_at_the_tenant(tenant, tools, operator):
    """
    B8: a neighbour's keys and sessions live on.
    """
    neighbour = a_tenant(tools, "Neighbour")
    pair = a_pair(tools, neighbour)

    change_tenant(operator, tenant.id, Changes(suspended=True), tools)

    assert authenticate_access_token(pair.access_token, tools).kind == "token"
    assert refresh_access(Refresh(pair.refresh_token or ""), tools).access_token


def test_a_suspension_pauses_keys_in_their_grace_too(tenant, tools, operator):
    """
    B10: also the key that was replaced yesterday is paused, and its grace does not end the pause.
    """
    rotate_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, 600, "routine", tools)
    for suspended in (True, True):
        change_tenant(operator, tenant.id, Changes(suspended=suspended), tools)

    with pytest.raises(TenantSuspendedError):
        a_pair(tools, tenant)

    change_tenant(operator, tenant.id, Changes(suspended=False), tools)
    assert a_pair(tools, tenant).key_rotating_until is not None


@pytest.mark.parametrize("suspended", [True, False])
def test_a_tenant_neither_suspends_nor_resumes_itself(tenant, tools, suspended):
    """
    CONTRACT 3: that is the operator's, and nothing else of the request is done either.
    """
    caller = authenticate_api_key(tenant.api_key, tools)

    with pytest.raises(ForbiddenError):
        change_tenant(caller, tenant.id, Changes(name="Free", suspended=suspended), tools)

    assert look_up_tenant(caller, tenant.id, tools).name == "Acme"


def test_what_cannot_be_reached_does_not_exist(tenant, tools, operator):
    """
    B8: a foreign tenant, a missing one, a closed one and what is no id are all answered alike.
    """
    closed = a_tenant(tools, "Closed")
    close_tenant(operator, closed.id, tools)
    foreign = authenticate_api_key(a_tenant(tools, "Foreign").api_key, tools)

    for caller, name in [
        (foreign, tenant.id),
        (operator, print_id("tenant", new_id())),
        (operator, closed.id),
        (operator, "nonsense"),
        (operator, tenant.id.replace("tenant", "room")),
    ]:
        for changes in (Changes(name="Mine"), Changes()):
            with pytest.raises(NotFoundError):
                change_tenant(caller, name, changes, tools)


def test_suspending_is_told(tenant, tools, operator, caplog):
    """
    An operator's act stands in the log; a new name does not.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    for changes in (Changes(suspended=True), Changes(suspended=False), Changes(name="Other")):
        change_tenant(operator, tenant.id, changes, tools)

    told = [each.getMessage() for each in caplog.records if each.getMessage().startswith("tenant.")]
    assert told[-2:] == ["tenant.suspended", "tenant.resumed"]
