"""GET /rooms/{id}/participants, and the bodies that are refused on the way in."""

import pytest

from tests.builders import a_room
from tests.participants import admitted, by, people, reads

BAD_CURSOR = [{"field": "cursor", "message": "must be a next_cursor of this list"}]


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture
def key(tenant):
    """The headers of the tenant, by its key."""
    return by(tenant.api_key)


def listed(http, room_id, key, **asked):
    answer = http.get(people(room_id), query_string=asked, headers=key)
    assert answer.status_code == 200
    return [each["id"] for each in answer.json["data"]], answer.json["pagination"]["next_cursor"]


def walk(http, room_id, key, **asked):
    found, cursor = listed(http, room_id, key, **asked)
    while cursor:
        more, cursor = listed(http, room_id, key, **asked, cursor=cursor)
        found += more
    return found


def test_the_list_tells_who_is_in_the_room_and_who_was(http, tools, tenant, room_id, key):
    """
    CONTRACT 3: all who ever were there, or with `?active=` those who are, or are not, now; each once, over pages of any
    size, and nobody of another room.
    """
    ids = [admitted(http, room_id, key)["participant"]["id"] for _ in range(5)]
    admitted(http, a_room(tools, tenant), key)
    for each in (ids[1], ids[3]):
        assert http.delete(people(room_id, each), headers=key).status_code == 200

    for limit in (1, 2, 5, 100):
        assert walk(http, room_id, key, limit=limit) == ids
        assert walk(http, room_id, key, limit=limit, active="true") == [ids[0], ids[2], ids[4]]
        assert walk(http, room_id, key, limit=limit, active="false") == [ids[1], ids[3]]
    assert walk(http, a_room(tools, tenant), key) == []


@pytest.mark.parametrize(
    "asked", [{"active": ""}, {"active": "True"}, {"active": "1"}, [("active", "true"), ("active", "true")]]
)
def test_a_filter_that_says_neither_is_refused(http, room_id, key, asked):
    """
    CONTRACT 3: a typing error must not look like an empty room.
    """
    answer = http.get(people(room_id), query_string=asked, headers=key)

    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (400, "active")


def test_a_cursor_is_good_for_its_own_list_only(http, tools, tenant, room_id, key):
    """
    CONTRACT 3, B8: neither in another room, nor with another filter, nor in another kind of list.
    """
    other = a_room(tools, tenant)
    for _ in range(2):
        admitted(http, room_id, key)
    _, cursor = listed(http, room_id, key, limit=1, active="true")
    assert cursor is not None

    answers = [
        http.get(path, query_string={**asked, "cursor": cursor}, headers=key)
        for path, asked in (
            (people(room_id), {}),
            (people(room_id), {"active": "false"}),
            (people(other), {"active": "true"}),
            ("/api/v1/rooms", {}),
            ("/api/v1/sessions", {}),
        )
    ]

    assert [answer.status_code for answer in answers] == [400] * 5
    assert all(answer.json["error"]["details"] == BAD_CURSOR for answer in answers)
    assert len(listed(http, room_id, key, active="true", cursor=cursor)[0]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "display_name"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": None}, "display_name"),
        ({"display_name": "A" * 201}, "display_name"),
        ({"display_name": "A\nB"}, "display_name"),
        ({"display_name": "A\u202eB"}, "display_name"),
        ({"display_name": "A", "external_user_id": ""}, "external_user_id"),
        ({"display_name": "A", "external_user_id": "x" * 256}, "external_user_id"),
        ({"display_name": "A", "external_user_id": "\x00"}, "external_user_id"),
        ({"display_name": "A", "role": "owner"}, "role"),
        ({"display_name": "A", "role": "Host"}, "role"),
        ({"display_name": "A", "scope": ""}, "scope"),
        ({"display_name": "A", "scope": "participants:write"}, "scope"),
        ({"display_name": "A", "scope": "offline_access"}, "scope"),
        ({"display_name": "A", "expires_in": 0}, "expires_in"),
        ({"display_name": "A", "expires_in": 3601}, "expires_in"),
        ({"display_name": "A", "expires_in": "60"}, "expires_in"),
        ({"display_name": "A", "sub": "tenant"}, "sub"),
        ([], "body"),
    ],
)
def test_a_body_that_is_wrong_admits_nobody_and_says_why(http, room_id, key, body, field):
    """
    CONTRACT 1: 400, the field is named, its value is not repeated, and the room stays empty.
    """
    answer = http.post(people(room_id), json=body, headers=key)

    assert (answer.status_code, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in answer.json["error"]["details"]] == [field]
    assert walk(http, room_id, key) == []


def test_names_of_any_script_are_taken(http, room_id, key):
    """
    CONTRACT 3: what a person is called comes back as it was given, up to 200 characters.
    """
    for name in ("Ада Лавлейс", "愛", "A" * 200, "🎩 Ada", " ", "'; DROP TABLE participants; --"):
        data = admitted(http, room_id, key, display_name=name, external_user_id=name)

        assert (data["participant"]["display_name"], data["participant"]["external_user_id"]) == (name, name)
        assert reads(http, room_id, data["access_token"]) == 200
