"""/rooms/{id}/participants/bulk: many at once, each by itself."""

import pytest

from tests.builders import a_room
from tests.participants import admitted, bearer, by, people, reads, refreshed

MALFORMED = {"code": "MALFORMED_JSON", "message": "The request body is not valid JSON"}


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture
def key(tenant):
    """The headers of the tenant, by its key."""
    return by(tenant.api_key)


def bulk(http, room_id, headers, entries):
    return http.post(people(room_id, "bulk"), json={"participants": entries}, headers=headers)


def outcome(each):
    """Tell what became of an entry: a name that was admitted, or the code of an error."""
    (kind,) = each
    return each["admission"]["participant"]["display_name"] if kind == "admission" else each["error"]["code"]


def names_in(http, room_id, key):
    return [each["display_name"] for each in http.get(people(room_id), headers=key).json["data"]]


def test_each_is_admitted_or_refused_by_itself(http, room_id, key):
    """
    CONTRACT 3: the answer tells of each in order: an admission, as if it had come alone, or an error with its field.
    """
    gone = admitted(http, room_id, key, external_user_id="gone", display_name="Gone")["participant"]["id"]
    assert http.delete(people(room_id, gone), json={"ban": True}, headers=key).status_code == 200
    entries = [
        {"display_name": "Ada", "role": "host", "external_user_id": "1"},
        {"display_name": ""},
        {"display_name": "Eve", "external_user_id": "gone"},
        None,
        {"display_name": "Eve", "role": "viewer", "scope": "participants:read"},
        {"display_name": "Eve", "expires_in": 3601},
        {"display_name": "Bob", "scope": "rooms:read", "expires_in": 60},
    ]

    answer = bulk(http, room_id, key, entries)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    wrong = "VALIDATION_ERROR"
    assert [outcome(each) for each in answer.json["data"]] == ["Ada", wrong, "FORBIDDEN", wrong, wrong, wrong, "Bob"]
    errors = [each["error"] for each in answer.json["data"] if "error" in each]
    fields = [error["details"][0]["field"] for error in errors if error["code"] == wrong]
    assert fields == ["display_name", "body", "scope", "expires_in"]
    ada, bob = answer.json["data"][0]["admission"], answer.json["data"][6]["admission"]
    assert set(ada) == set(admitted(http, room_id, key))
    assert (bob["scope"], bob["expires_in"]) == ("rooms:read", 60)
    for pair in (ada, bob):
        assert reads(http, room_id, pair["access_token"]) == 200
        assert refreshed(http, pair["refresh_token"]).status_code == 200


def test_those_who_find_no_place_are_told_so_in_their_order(http, tenant, room_id, key):
    """
    CONTRACT 3: the first are admitted, the others get ROOM_FULL each, and who is there already takes no place.
    """
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"max_participants_per_room": 2}, headers=key)
    entries = [{"display_name": name, "external_user_id": known} for name, known in zip("ABCD", "1213", strict=True)]

    answer = bulk(http, room_id, key, entries)

    assert [outcome(each) for each in answer.json["data"]] == ["A", "B", "C", "ROOM_FULL"]
    first, _, again, _ = (each.get("admission") for each in answer.json["data"])
    assert first["participant"]["id"] == again["participant"]["id"]
    assert names_in(http, room_id, key) == ["C", "B"]


def test_a_host_that_removes_its_own_rights_stops_there(http, room_id, key):
    """
    B10: a host that makes itself a viewer in the first entry may not admit the second.
    """
    host = admitted(http, room_id, key, role="host", external_user_id="me")
    entries = [{"display_name": "Ada", "external_user_id": "me", "role": "viewer"}, {"display_name": "Eve"}]

    answer = bulk(http, room_id, bearer(host["access_token"]), entries)

    assert [outcome(each) for each in answer.json["data"]] == ["Ada", "UNAUTHORIZED"]
    assert names_in(http, room_id, key) == ["Ada"]


def test_at_least_one_and_at_most_fifty_at_once(http, room_id, key):
    """
    CONTRACT 1: none, 51, or no list of them is refused as a whole, and nobody is admitted.
    """
    some = {"display_name": "A"}
    bodies: list[object] = [{"participants": each} for each in ([], [some] * 51, some, None)]
    bodies += [{}, {"participants": [some], "role": "host"}, [some]]

    answers = [http.post(people(room_id, "bulk"), json=body, headers=key) for body in bodies]

    assert {(answer.status_code, answer.json["error"]["code"]) for answer in answers} == {(400, "VALIDATION_ERROR")}
    assert names_in(http, room_id, key) == []


@pytest.mark.parametrize("entry", [b'{"display_name":"\xff"}', b'{"\xff":1}', b'{"display_name":"\xed\xa0\x80"}'])
def test_an_entry_that_is_no_unicode_is_wrong_by_itself(http, room_id, key, entry):
    """
    CONTRACT 3, A16: bytes that are no UTF-8 are an error of their entry, never a 500 that keeps from those before
    the tokens that they were given.
    """
    body = b'{"participants":[{"display_name":"Ada"},' + entry + b',{"display_name":"Bob"}]}'

    answer = http.post(people(room_id, "bulk"), data=body, content_type="application/json", headers=key)

    assert answer.status_code == 200
    assert [outcome(each) for each in answer.json["data"]] == ["Ada", "MALFORMED_JSON", "Bob"]
    assert answer.json["data"][1]["error"] == MALFORMED


@pytest.mark.parametrize("entry", [b"nul", b'{"display_name":"A"', b'{"display_name":"\\ud800"}', b'{"a":' * 9_000])
def test_what_is_no_json_is_refused_as_a_whole(http, room_id, key, entry):
    """
    CONTRACT 3, A16: a body that cannot be read to its end admits nobody.
    """
    body = b'{"participants":[{"display_name":"Ada"},' + entry + b"]}"

    answer = http.post(people(room_id, "bulk"), data=body, content_type="application/json", headers=key)

    assert (answer.status_code, answer.json["error"]) == (400, MALFORMED)
    assert names_in(http, room_id, key) == []
