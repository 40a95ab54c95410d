"""Participants who are removed, banned or given another role: what becomes of their tokens, and how they come back."""

import pytest

from app.foundation.clock import rfc3339
from tests.builders import a_room
from tests.forgery import claims_of
from tests.participants import (
    HOST,
    PARTICIPANT,
    ROOMS,
    VIEWER,
    admitted,
    bearer,
    by,
    introspected,
    people,
    reads,
    refreshed,
)

NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
INVALID_ACCESS_TOKEN = {"error": {"code": "UNAUTHORIZED", "message": "Invalid access token"}}
INVALID_REFRESH_TOKEN = {"error": {"code": "INVALID_REFRESH_TOKEN", "message": "Refresh token is invalid or expired"}}
REMOVED = {"error": {"code": "CONFLICT", "message": "The participant was removed from the room"}}
BANNED = {"error": {"code": "FORBIDDEN", "message": "The participant is banned from the room"}}


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture
def key(tenant):
    """The headers of the tenant, by its key."""
    return by(tenant.api_key)


def assert_is_dead(http, tenant, pair):
    room_id = pair["participant"]["room_id"]
    read = http.get(f"{ROOMS}/{room_id}", headers=bearer(pair["access_token"]))
    fresh = refreshed(http, pair["refresh_token"])
    assert (read.status_code, read.json) == (401, INVALID_ACCESS_TOKEN)
    assert 'error="invalid_token"' in read.headers["WWW-Authenticate"]
    assert (fresh.status_code, fresh.json) == (401, INVALID_REFRESH_TOKEN)
    for name in ("access_token", "refresh_token"):
        assert introspected(http, tenant, pair[name]) == {"active": False}


def test_who_is_removed_has_no_token_that_works(http, tenant, room_id, key, clock):
    """
    B10, H2: removal ends every session of the participant at once, at our endpoints and at introspection, and none is
    minted for them; others are not touched.
    """
    first, other = admitted(http, room_id, key), admitted(http, room_id, key)
    one = people(room_id, first["participant"]["id"])
    second = http.post(f"{one}/token", headers=key).json["data"]

    removed = http.delete(one, headers=key)

    assert (removed.status_code, removed.json) == (200, {"data": {"id": first["participant"]["id"], "deleted": True}})
    for pair in (first, second):
        assert_is_dead(http, tenant, pair)
    minted = http.post(f"{one}/token", headers=key)
    assert (minted.status_code, minted.json) == (409, REMOVED)
    assert (reads(http, room_id, other["access_token"]), refreshed(http, other["refresh_token"]).status_code) == (
        200,
        200,
    )
    gone = {**first["participant"], "active": False, "removed_at": rfc3339(clock.now())}
    assert http.get(one, headers=key).json["data"] == gone


def test_who_is_removed_stays_removed_until_admitted_again(http, tenant, room_id, key):
    """
    CONTRACT 3, I3: a second removal is 404 and a change 409; the same `external_user_id` brings the same participant
    back, and of the tokens from before none.
    """
    first = admitted(http, room_id, key, external_user_id="42", role="host")
    one = people(room_id, first["participant"]["id"])
    assert http.delete(one, headers=key).status_code == 200

    again = http.delete(one, headers=key)
    changes = [http.patch(one, json=each, headers=key) for each in ({"role": "viewer"}, {"display_name": "Eve"})]
    back = admitted(http, room_id, key, external_user_id="42")

    assert (again.status_code, again.json) == (404, NOT_FOUND)
    assert [(each.status_code, each.json) for each in changes] == [(409, REMOVED)] * 2
    assert back["participant"] == {**first["participant"], "role": "participant"}
    assert reads(http, room_id, back["access_token"]) == 200
    assert_is_dead(http, tenant, first)


@pytest.mark.parametrize("removed_before", [False, True])
def test_who_is_banned_is_not_admitted_until_that_is_taken_back(http, tenant, room_id, key, removed_before):
    """
    CONTRACT 3: a ban removes, also whoever left before, and refuses re-admission with 403 until PATCH takes it back.
    """
    first = admitted(http, room_id, key, external_user_id="42")
    one, asked = people(room_id, first["participant"]["id"]), {"display_name": "Ada", "external_user_id": "42"}
    if removed_before:
        assert http.delete(one, headers=key).status_code == 200

    banned, again = (http.delete(one, json={"ban": True}, headers=key) for _ in range(2))
    refused = http.post(people(room_id), json=asked, headers=key)
    shown = http.get(one, headers=key).json["data"]
    unbanned = http.patch(one, json={"banned": False}, headers=key)
    back = http.post(people(room_id), json=asked, headers=key)

    assert (banned.status_code, again.status_code, again.json) == (200, 404, NOT_FOUND)
    assert_is_dead(http, tenant, first)
    assert (refused.status_code, refused.json) == (403, BANNED)
    assert (shown["active"], shown["banned"]) == (False, True)
    # Nobody is in the room for not being banned any more.
    assert (unbanned.json["data"]["active"], unbanned.json["data"]["banned"]) == (False, False)
    assert (back.status_code, back.json["data"]["participant"]) == (201, first["participant"])


def test_a_ban_is_set_by_delete_alone(http, room_id, key):
    """
    CONTRACT 1: PATCH takes a ban back and sets none; what is no boolean is refused, and nobody is removed by mistake.
    """
    person = admitted(http, room_id, key)
    one = people(room_id, person["participant"]["id"])

    bodies: list[object] = [{"ban": "yes"}, {"ban": None}, {"bann": True}, []]
    wrong = [http.patch(one, json={"banned": True}, headers=key)]
    wrong += [http.delete(one, json=body, headers=key) for body in bodies]

    assert [answer.status_code for answer in wrong] == [400] * 5
    assert [answer.json["error"]["details"][0]["field"] for answer in wrong] == ["banned", "ban", "ban", "bann", "body"]
    assert reads(http, room_id, person["access_token"]) == 200


@pytest.mark.parametrize("way", ["PATCH", "re-admission"])
def test_another_role_outdates_access_tokens_and_the_refresh_goes_on(http, tenant, room_id, key, way):
    """
    CONTRACT 3, B10: what was minted under the role of before is refused and inactive at once; every session of the
    participant refreshes into the new role and its scope, up and down.
    """
    person = admitted(http, room_id, key, external_user_id="42", role="viewer")
    path = people(room_id, person["participant"]["id"])
    pairs = [person, http.post(f"{path}/token", headers=key).json["data"]]

    for role, scope in (("host", HOST), ("participant", PARTICIPANT), ("viewer", VIEWER)):
        if way == "PATCH":
            assert http.patch(path, json={"role": role}, headers=key).json["data"]["role"] == role
        else:
            assert admitted(http, room_id, key, external_user_id="42", role=role)["scope"] == scope

        for pair in pairs:
            assert reads(http, room_id, pair["access_token"]) == 401
            assert introspected(http, tenant, pair["access_token"]) == {"active": False}
            assert introspected(http, tenant, pair["refresh_token"])["scope"] == scope
        pairs = [refreshed(http, pair["refresh_token"]).json["data"] for pair in pairs]
        for pair in pairs:
            claims = claims_of(pair["access_token"])
            assert (claims["role"], claims["scope"]) == (role, scope)
            assert reads(http, room_id, pair["access_token"]) == 200


def test_the_same_role_outdates_nothing(http, room_id, key, clock):
    """
    CONTRACT 3: a change that leaves the role as it is leaves the tokens as they are; without a role it stays.
    """
    person = admitted(http, room_id, key, external_user_id="42", role="host")
    path = people(room_id, person["participant"]["id"])
    clock.step(seconds=2)

    changed = [http.patch(path, json=body, headers=key) for body in ({"role": "host"}, {}, {"display_name": "Eve"})]
    again = admitted(http, room_id, key, external_user_id="42")

    assert [answer.status_code for answer in changed] == [200] * 3
    assert again["participant"]["role"] == "host"
    assert reads(http, room_id, person["access_token"]) == 200


def test_an_ended_room_admits_nobody_and_lets_people_go(http, room_id, key):
    """
    B10: it is 409 ROOM_ENDED to admit and to mint; who was there can still be seen, and removed.
    """
    path = people(room_id, admitted(http, room_id, key, external_user_id="42")["participant"]["id"])
    assert http.post(f"{ROOMS}/{room_id}/end", headers=key).status_code == 200

    refused = [
        http.post(people(room_id), json={"display_name": "Eve"}, headers=key),
        http.post(people(room_id), json={"display_name": "Ada", "external_user_id": "42"}, headers=key),
        http.post(people(room_id, "bulk"), json={"participants": [{"display_name": "Eve"}]}, headers=key),
        http.post(f"{path}/token", headers=key),
    ]

    assert [(answer.status_code, answer.json["error"]["code"]) for answer in refused] == [(409, "ROOM_ENDED")] * 4
    seen = [http.get(people(room_id), headers=key), http.get(path, headers=key), http.delete(path, headers=key)]
    assert [answer.status_code for answer in seen] == [200] * 3
