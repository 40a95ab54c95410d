"""Renaming and deleting rooms, and how many a tenant may have open at once."""

import threading

import pytest

from app.domain import rooms
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.delete_room import delete_room
from app.flows.end_room import end_room
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up import look_up_room, look_up_rooms
from app.flows.open_room import open_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    NotFoundError,
    RoomEndedError,
    RoomLimitError,
)
from app.flows.rename_room import rename_room
from app.flows.results import Changes
from app.flows.steps import Credential
from app.foundation.identifiers import new_id, parse_id, print_id
from tests.builders import a_key_holding, a_pair, a_room, a_tenant
from tests.named_keys import a_named_key

RACERS = 32


@pytest.fixture
def caller(tenant, tools):
    """The tenant, calling with its key."""
    return authenticate_api_key(tenant.api_key, tools)


@pytest.fixture
def may_have(tenant, admin_key, tools):
    """Let the tenant have so many open rooms."""
    operator = authenticate_api_key(admin_key, tools)
    return lambda most: change_tenant(operator, tenant.id, Changes(max_concurrent_rooms=most), tools)


def test_a_room_is_renamed_while_it_is_open(tenant, caller, tools):
    """
    A room keeps everything but its name; once it is over, it stays as it was.
    """
    room_id, other_id = a_room(tools, tenant, "Lobby"), a_room(tools, tenant, "Lobby")
    before = look_up_room(caller, room_id, tools)

    renamed = rename_room(caller, room_id, "Hall 🎬", tools)

    assert renamed == look_up_room(caller, room_id, tools)
    assert (renamed.name, renamed.id, renamed.created_at) == ("Hall 🎬", before.id, before.created_at)
    assert look_up_room(caller, other_id, tools).name == "Lobby"
    end_room(caller, room_id, tools)
    with pytest.raises(RoomEndedError):
        rename_room(caller, room_id, "Too late", tools)
    assert look_up_room(caller, room_id, tools).name == "Hall 🎬"


def test_a_deleted_room_is_gone_with_its_sessions(tenant, caller, tools):
    """
    B10: nobody sees it, nothing can be bound to it, and what was bound to it is over; the others live on.
    """
    room_id, other_id = a_room(tools, tenant), a_room(tools, tenant)
    bound, free = a_pair(tools, tenant, room_id), a_pair(tools, tenant, other_id)

    delete_room(caller, room_id, tools)

    for gone in (look_up_room, end_room, delete_room):
        with pytest.raises(NotFoundError):
            gone(caller, room_id, tools)
    with pytest.raises(NotFoundError):
        rename_room(caller, room_id, "Back", tools)
    with pytest.raises(NotFoundError):
        exchange_api_key(Exchange(Credential(secret=tenant.api_key), room_id=room_id, offline=True), tools)
    assert [print_id("room", room.id) for room in look_up_rooms(caller, None, 100, tools).items] == [other_id]
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(bound.refresh_token or ""), tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(bound.access_token, tools)
    assert refresh_access(Refresh(free.refresh_token or ""), tools).access_token


def test_an_ended_room_can_be_deleted(tenant, caller, tools, clock):
    """
    Ending keeps a room for the record; deleting takes that away too, without changing when it ended.
    """
    room_id = a_room(tools, tenant)
    end_room(caller, room_id, tools)
    clock.step(minutes=1)

    delete_room(caller, room_id, tools)

    with pytest.raises(NotFoundError):
        look_up_room(caller, room_id, tools)


def test_only_who_may_write_changes_a_room(tenant, tools, admin_key):
    """
    B8: a foreign room and a missing one are not there; an operator and a key without `rooms:write` are refused.
    """
    room_id = a_room(tools, tenant)
    foreign = authenticate_api_key(a_tenant(tools, "Foreign").api_key, tools)
    reader = authenticate_api_key(a_key_holding("rooms:read", tenant, tools).api_key, tools)
    operator = authenticate_api_key(admin_key, tools)
    own = authenticate_api_key(tenant.api_key, tools)
    bound = authenticate_access_token(a_pair(tools, tenant, a_room(tools, tenant)).access_token, tools)

    for caller, presented, refusal in (
        (foreign, room_id, NotFoundError),
        (own, print_id("room", new_id()), NotFoundError),
        (own, "nonsense", NotFoundError),
        (bound, room_id, NotFoundError),
        (reader, room_id, InsufficientScopeError),
        (operator, room_id, ForbiddenError),
    ):
        with pytest.raises(refusal):
            rename_room(caller, presented, "Mine", tools)
        with pytest.raises(refusal):
            delete_room(caller, presented, tools)
    assert look_up_room(own, room_id, tools).ended_at is None


def test_a_tenant_has_no_more_open_rooms_than_it_may(caller, may_have, tools, tenant):
    """
    A room that has ended or was deleted makes a place; one of another tenant takes none.
    """
    may_have(2)
    a_room(tools, a_tenant(tools, "Neighbour"))
    first, second = (print_id("room", open_room(caller, "Lobby", tools).id) for _ in range(2))

    for make_a_place in (end_room, delete_room):
        with pytest.raises(RoomLimitError):
            open_room(caller, "One too many", tools)
        make_a_place(caller, first, tools)
        first, second = second, print_id("room", open_room(caller, "Lobby", tools).id)

    may_have(3)
    assert open_room(caller, "Raised", tools).ended_at is None


def test_of_many_that_want_the_last_place_one_gets_it(caller, may_have, tools):
    """
    32 requests at once for the last place: one room is opened, the others are told that there is none.
    """
    may_have(3)
    for _ in range(2):
        open_room(caller, "Lobby", tools)
    barrier, answers = threading.Barrier(RACERS), []

    def race():
        barrier.wait()
        try:
            answers.append(open_room(caller, "The last", tools).name)
        except RoomLimitError:
            answers.append("none")

    racers = [threading.Thread(target=race) for _ in range(RACERS)]
    for each in racers:
        each.start()
    for each in racers:
        each.join()

    assert sorted(answers) == ["The last", *["none"] * (RACERS - 1)]
    assert len(look_up_rooms(caller, None, 100, tools).items) == 3


@pytest.mark.parametrize("mode", ["live", "test"])
def test_who_opens_rooms_of_one_mode_holds_up_nobody_of_the_other(tools, tenant, mode):
    """
    Tests starve nobody: while a room of one mode is being opened, the other mode opens its own. On SQLite all writers
    stand in one line, and it comes right after.
    """
    test_key = a_named_key(tools, tenant, mode="test")
    others = test_key if mode == "live" else tenant

    with tools.database.transaction() as connection:
        queues = connection.dialect.name == "postgresql"
        tenant_id = parse_id("tenant", tenant.id)
        assert tenant_id is not None
        assert rooms.open_room(connection, tenant_id, "Lobby", mode=mode, most=1, now=tools.clock.now()) is not None
        if queues:
            a_room(tools, others)
    a_room(tools, others)

    found = look_up_rooms(authenticate_api_key(others.api_key, tools), None, 100, tools).items
    assert len(found) == 1 + queues
    assert {room.mode for room in found} == {"test" if mode == "live" else "live"}
