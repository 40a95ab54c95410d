"""Looking: tenants, rooms and the published keys, page by page, each to whom it concerns."""

import dataclasses
import json

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.close_tenant import close_tenant
from app.flows.look_up import (
    look_up_jwks,
    look_up_room,
    look_up_rooms,
    look_up_scopes,
    look_up_tenant,
    look_up_tenants,
)
from app.flows.open_tenant import open_tenant
from app.flows.refusals import ForbiddenError, InsufficientScopeError, InvalidRequestError, NotFoundError
from app.flows.results import Limits
from app.foundation.identifiers import new_id, print_id
from tests.builders import ALL_SCOPES, a_pair, a_room, a_tenant


@pytest.fixture
def caller(tenant, tools):
    """The tenant, calling with its key."""
    return authenticate_api_key(tenant.api_key, tools)


@pytest.fixture
def operator(tools, admin_key):
    """An operator who is calling."""
    return authenticate_api_key(admin_key, tools)


def walk(look, caller, limit, tools):
    """Follow the cursors from the first page to the last, and give every page."""
    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor is not None:
        page = look(caller, cursor, limit, tools)
        pages.append([print_id("room", each.id) for each in page.items])
        cursor = page.next_cursor
        assert len(pages) < 100, "the pages have no end"
    return pages


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (100, [5])])
def test_pages_hold_every_room_once_in_order(tenant, caller, tools, limit, sizes):
    """
    CONTRACT 3: no room is missing or twice, oldest first, and the last page says that it is the last.
    """
    a_room(tools, a_tenant(tools, "Foreign"))
    rooms = [a_room(tools, tenant, f"Room {number}") for number in range(5)]

    pages = walk(look_up_rooms, caller, limit, tools)

    assert [len(page) for page in pages] == sizes
    assert [room for page in pages for room in page] == rooms


def test_a_list_that_grows_is_read_to_its_end(tenant, caller, tools):
    """
    A keyset page does not shift when something is added meanwhile.
    """
    rooms = [a_room(tools, tenant) for _ in range(2)]
    first = look_up_rooms(caller, None, 1, tools)
    rooms.append(a_room(tools, tenant))

    rest = look_up_rooms(caller, first.next_cursor, 100, tools)

    assert [print_id("room", each.id) for each in [*first.items, *rest.items]] == rooms


def test_a_tenant_without_rooms_has_an_empty_page(caller, tools):
    """
    Nothing is no error.
    """
    page = look_up_rooms(caller, None, 20, tools)

    assert (list(page.items), page.next_cursor) == ([], None)


def test_a_cursor_is_of_one_list_and_one_tenant(tenant, caller, operator, tools):
    """
    B8: a cursor of another tenant, another list, or nobody's is refused, and names its field.
    """
    foreign = a_tenant(tools, "Foreign")
    for owner in (tenant, tenant, foreign, foreign):
        a_room(tools, owner)
    other = authenticate_api_key(foreign.api_key, tools)
    theirs = look_up_rooms(other, None, 1, tools).next_cursor
    tenants = look_up_tenants(operator, None, 1, tools).next_cursor

    assert None not in {theirs, tenants}
    for cursor in (theirs, tenants, "", "nonsense", "A" * 44):
        with pytest.raises(InvalidRequestError) as refusal:
            look_up_rooms(caller, cursor, 20, tools)
        assert refusal.value.field == "cursor"


def test_a_room_is_seen_by_its_tenant_only(tenant, caller, operator, tools):
    """
    B8: foreign and missing rooms are one and the same; an operator has none.
    """
    room_id = a_room(tools, tenant, "Lobby")
    foreign = authenticate_api_key(a_tenant(tools, "Foreign").api_key, tools)

    assert look_up_room(caller, room_id, tools).name == "Lobby"
    for someone, name in [(foreign, room_id), (caller, print_id("room", new_id())), (caller, "x"), (caller, tenant.id)]:
        with pytest.raises(NotFoundError):
            look_up_room(someone, name, tools)
    with pytest.raises(ForbiddenError):
        look_up_room(operator, room_id, tools)
    with pytest.raises(ForbiddenError):
        look_up_rooms(operator, None, 20, tools)


def test_a_confined_token_sees_its_room_only(tenant, tools):
    """
    CONTRACT 4: in the list as in the single view, and a cursor of the whole list opens nothing more to it.
    """
    own, other = a_room(tools, tenant), a_room(tools, tenant)
    confined = authenticate_access_token(a_pair(tools, tenant, own).access_token, tools)

    assert print_id("room", look_up_room(confined, own, tools).id) == own
    assert walk(look_up_rooms, confined, 1, tools) == [[own]]
    with pytest.raises(NotFoundError):
        look_up_room(confined, other, tools)


def test_rooms_need_the_scope_to_read(tenant, caller, tools):
    """
    A14: a credential that may only write is told which scope it lacks.
    """
    writer = dataclasses.replace(caller, scope="rooms:write")

    with pytest.raises(InsufficientScopeError) as of_one:
        look_up_room(writer, a_room(tools, tenant), tools)
    with pytest.raises(InsufficientScopeError) as of_all:
        look_up_rooms(writer, None, 20, tools)

    assert of_one.value.scope == of_all.value.scope == "rooms:read"


def test_a_tenant_sees_itself_and_an_operator_sees_all(tenant, caller, operator, tools):
    """
    B8: to a tenant no other exists; the list is for operators.
    """
    foreign = a_tenant(tools, "Foreign")

    assert look_up_tenant(caller, tenant.id, tools) == look_up_tenant(operator, tenant.id, tools)
    assert look_up_tenant(operator, foreign.id, tools).name == "Foreign"
    for name in (foreign.id, print_id("tenant", new_id()), "nonsense"):
        with pytest.raises(NotFoundError):
            look_up_tenant(caller, name, tools)
    with pytest.raises(ForbiddenError):
        look_up_tenants(caller, None, 20, tools)


def test_an_operator_pages_through_open_tenants(operator, tools):
    """
    CONTRACT 3: new ones come last; a closed one is not there any more.
    """
    opened = [open_tenant(operator, f"Tenant {number}", Limits(), tools).tenant for number in range(3)]
    close_tenant(operator, print_id("tenant", opened[1].id), tools)

    page = look_up_tenants(operator, None, 100, tools)
    seen = list(page.items)
    while page.next_cursor is not None:
        page = look_up_tenants(operator, page.next_cursor, 100, tools)
        seen += page.items

    assert seen[-2:] == [opened[0], opened[2]]
    assert [each.id for each in seen] == sorted({each.id for each in seen})


def test_the_published_keys_are_the_signing_ones(tools):
    """
    E1: the key set holds the key that signs now.
    """
    assert tools.keyring.signer.kid in {key["kid"] for key in json.loads(look_up_jwks(tools))["keys"]}


def test_the_scopes_are_those_that_exist():
    """
    F2, F6: what is advertised is the vocabulary, and nothing else.
    """
    assert look_up_scopes() == [*ALL_SCOPES.split(" "), "offline_access"]
