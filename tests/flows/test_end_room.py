"""Opening and ending rooms; what is bound to one ends with it."""

import dataclasses
from collections.abc import Callable

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.close_tenant import close_tenant
from app.flows.end_room import end_room
from app.flows.look_up import look_up_room
from app.flows.open_room import open_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    NotFoundError,
    RoomEndedError,
)
from app.foundation.identifiers import new_id, print_id
from tests.builders import a_pair, a_room, a_tenant


@pytest.fixture
def caller(tenant, tools):
    """The tenant, calling with its key."""
    return authenticate_api_key(tenant.api_key, tools)


def test_a_room_is_open_until_it_is_ended(caller, tools, clock):
    """
    A room is the tenant's own, keeps its name, and knows when it began and ended.
    """
    opened = open_room(caller, "Lobby 🎬", tools)
    clock.step(minutes=5)
    ended = end_room(caller, print_id("room", opened.id), tools)

    assert (opened.name, opened.tenant_id, opened.ended_at) == ("Lobby 🎬", caller.tenant_id, None)
    assert ended == dataclasses.replace(opened, ended_at=clock.now())
    assert look_up_room(caller, print_id("room", opened.id), tools) == ended


def test_sessions_of_an_ended_room_are_over(tenant, caller, tools):
    """
    B10: what was bound to the room ends with it; what was not, or to another room, lives on.
    """
    room_id, other_id = a_room(tools, tenant), a_room(tools, tenant)
    bound = a_pair(tools, tenant, room_id)
    free = [a_pair(tools, tenant), a_pair(tools, tenant, other_id)]

    end_room(caller, room_id, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(bound.refresh_token or ""), tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(bound.access_token, tools)
    for pair in free:
        assert refresh_access(Refresh(pair.refresh_token or ""), tools).access_token


def test_a_room_ends_once(tenant, caller, tools):
    """
    Who ends it a second time is told, and the moment of its end stays.
    """
    room_id = a_room(tools, tenant)
    ended = end_room(caller, room_id, tools)

    with pytest.raises(RoomEndedError):
        end_room(caller, room_id, tools)

    assert look_up_room(caller, room_id, tools) == ended


def test_a_foreign_room_does_not_exist(tenant, caller, tools):
    """
    B8: another tenant's room, a missing one and what is no id are answered alike, and nothing ends.
    """
    foreign = a_tenant(tools, "Foreign")
    room_id = a_room(tools, foreign)
    pair = a_pair(tools, foreign, room_id)

    for name in (room_id, print_id("room", new_id()), "room_", "nonsense", tenant.id):
        with pytest.raises(NotFoundError):
            end_room(caller, name, tools)

    assert refresh_access(Refresh(pair.refresh_token or ""), tools).access_token


def test_a_token_that_is_confined_to_a_room_ends_that_one_only(tenant, tools):
    """
    CONTRACT 4: it works in no other room, and opens none.
    """
    own, other = a_room(tools, tenant), a_room(tools, tenant)
    confined = authenticate_access_token(a_pair(tools, tenant, own).access_token, tools)

    with pytest.raises(NotFoundError):
        end_room(confined, other, tools)
    with pytest.raises(ForbiddenError):
        open_room(confined, "Another", tools)

    assert end_room(confined, own, tools).ended_at is not None


def test_rooms_need_the_scope_to_write(tenant, caller, tools):
    """
    A14: a credential that may only read opens and ends nothing, and is told which scope it lacks.
    """
    room_id = a_room(tools, tenant)
    reader = dataclasses.replace(caller, scope="rooms:read")

    stories: list[tuple[Callable[..., object], str]] = [(open_room, "Lobby"), (end_room, room_id)]
    for story, value in stories:
        with pytest.raises(InsufficientScopeError) as refusal:
            story(reader, value, tools)
        assert refusal.value.scope == "rooms:write"


def test_an_operator_has_no_rooms(tenant, tools, admin_key):
    """
    B9: operators manage tenants, and act for none.
    """
    operator, room_id = authenticate_api_key(admin_key, tools), a_room(tools, tenant)

    stories: list[tuple[Callable[..., object], str]] = [(open_room, "Lobby"), (end_room, room_id)]
    for story, value in stories:
        with pytest.raises(ForbiddenError):
            story(operator, value, tools)


def test_a_closed_tenants_room_is_not_ended_by_a_request_of_before(tenant, caller, tools):
    """
    B10: a request that was let in just before the tenant was closed finds it gone.
    """
    room_id = a_room(tools, tenant)
    close_tenant(caller, tenant.id, tools)

    with pytest.raises(NotFoundError):
        end_room(caller, room_id, tools)
