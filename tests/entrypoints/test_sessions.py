"""/sessions: a tenant sees its living sessions and ends them, one by one or all at once."""

import pytest

from app.foundation.clock import rfc3339
from tests.builders import ALL_SCOPES, a_key_holding, a_pair, a_room, a_tenant
from tests.forgery import claims_of

SESSIONS, ROOMS, REFRESH = "/api/v1/sessions", "/api/v1/rooms", "/api/v1/auth/refresh"
NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}


def by(api_key):
    return {"X-API-Key": api_key}


def listed(http, tenant, **asked):
    answer = http.get(SESSIONS, query_string=asked, headers=by(tenant.api_key))
    assert answer.status_code == 200
    return [session["id"] for session in answer.json["data"]]


def sid(pair):
    return claims_of(pair.access_token)["sid"]


def works(http, pair):
    bearer = http.get(ROOMS, headers={"Authorization": f"Bearer {pair.access_token}"}).status_code
    return bearer, http.post(REFRESH, json={"refresh_token": pair.refresh_token}).status_code


def test_a_session_says_what_it_is(http, tenant, tools, clock):
    """
    CONTRACT 3: for whom, by which key, in which room, how often it was refreshed, and when it ends; and no token.
    """
    room_id = a_room(tools, tenant)
    began, pair = clock.now(), a_pair(tools, tenant, room_id)
    clock.step(minutes=5)
    agent = {"User-Agent": "Chalk client é1"}
    assert http.post(REFRESH, json={"refresh_token": pair.refresh_token}, headers=agent).status_code == 200

    answer = http.get(SESSIONS, headers=by(tenant.api_key))

    (session,) = answer.json["data"]
    rotated, expires = session.pop("last_rotated_at"), session.pop("expires_at")
    assert session == {
        "id": sid(pair),
        "tenant_id": tenant.id,
        "mode": "live",
        "subject": tenant.id,
        "scope": ALL_SCOPES,
        "audience": "http://127.0.0.1:8000",
        "key_id": f"key_{tenant.api_key[8:16]}",
        "room_id": room_id,
        "participant_id": None,
        "generation": 2,
        "last_address": "127.0.0.1",
        "last_agent": "Chalk client ?1",
        "created_at": rfc3339(began),
    }
    assert rotated == rfc3339(clock.now())
    assert expires > rotated
    assert answer.json["pagination"] == {"next_cursor": None, "has_more": False}


def test_only_living_sessions_are_listed_page_by_page(http, tenant, tools, clock):
    """
    Sessions that expired or were ended are not listed; the others come once each, in order, over any number of pages.
    """
    gone = a_pair(tools, tenant)
    clock.step(days=31)
    pairs = [a_pair(tools, tenant) for _ in range(5)]
    assert http.delete(f"{SESSIONS}/{sid(pairs[2])}", headers=by(tenant.api_key)).status_code == 200

    found, cursor = [], None
    for _ in range(2):
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = http.get(SESSIONS, query_string=asked, headers=by(tenant.api_key)).json
        cursor = page["pagination"]["next_cursor"]
        found += [session["id"] for session in page["data"]]

    assert found == [sid(pairs[number]) for number in (0, 1, 3, 4)]
    assert cursor is None
    assert sid(gone) not in found


def test_sessions_are_filtered_by_room_and_by_key(http, tenant, tools):
    """
    Each filter alone and both together; a cursor is of the list that it was made for.
    """
    other = a_key_holding("rooms:read sessions:read", tenant, tools)
    room_id = a_room(tools, tenant)
    free, bound = a_pair(tools, tenant), a_pair(tools, tenant, room_id)
    others, both = a_pair(tools, other), a_pair(tools, other, room_id)
    key_id = f"key_{other.api_key[8:16]}"

    assert listed(http, tenant) == [sid(pair) for pair in (free, bound, others, both)]
    assert listed(http, tenant, room_id=room_id) == [sid(bound), sid(both)]
    assert listed(http, tenant, key_id=key_id) == [sid(others), sid(both)]
    assert listed(http, tenant, room_id=room_id, key_id=key_id) == [sid(both)]
    assert listed(http, tenant, key_id="key_00000000") == []

    first = http.get(SESSIONS, query_string={"limit": 1, "room_id": room_id}, headers=by(tenant.api_key))
    cursor = first.json["pagination"]["next_cursor"]
    assert listed(http, tenant, room_id=room_id, cursor=cursor) == [sid(both)]
    elsewhere = http.get(SESSIONS, query_string={"cursor": cursor}, headers=by(tenant.api_key))
    assert elsewhere.status_code == 400


@pytest.mark.parametrize(
    "asked", [{"room_id": "x"}, {"key_id": "x"}, {"room_id": ""}, [("room_id", "a"), ("room_id", "b")], {"limit": "0"}]
)
def test_a_filter_that_is_no_id_is_refused(http, tenant, asked):
    """
    A typing error must not look like a tenant without sessions.
    """
    answer = http.get(SESSIONS, query_string=asked, headers=by(tenant.api_key))

    assert (answer.status_code, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_an_ended_session_is_dead_at_once(http, tenant, tools):
    """
    G7: its access token and its refresh token are refused at the next request; the others live; it ends but once.
    """
    pair, other = a_pair(tools, tenant), a_pair(tools, tenant)
    path = f"{SESSIONS}/{sid(pair)}"

    ended = http.delete(path, headers=by(tenant.api_key))

    assert (ended.status_code, ended.json) == (200, {"data": {"id": sid(pair), "deleted": True}})
    assert (works(http, pair), works(http, other)) == ((401, 401), (200, 200))
    again = http.delete(path, headers=by(tenant.api_key))
    assert (again.status_code, again.json) == (404, NOT_FOUND)


def test_all_sessions_of_a_tenant_end_at_once(http, tenant, tools, admin_key):
    """
    C15: by its own key or an operator's, and says how many; its key opens new ones, and a neighbour's go on.
    """
    neighbour = a_pair(tools, a_tenant(tools, "Neighbour"))
    path = f"/api/v1/tenants/{tenant.id}/revoke-sessions"
    for key in (tenant.api_key, admin_key):
        pairs = [a_pair(tools, tenant) for _ in range(3)]

        ended = http.post(path, headers=by(key))

        assert (ended.status_code, ended.json) == (200, {"data": {"revoked": 3}})
        assert [works(http, pair) for pair in pairs] == [(401, 401)] * 3
    assert listed(http, tenant) == []
    assert works(http, a_pair(tools, tenant)) == (200, 200)
    assert works(http, neighbour) == (200, 200)


def test_sessions_are_the_tenants_own(http, tenant, tools, admin_key):
    """
    B8: a neighbour neither sees nor ends them; an operator has none; without the scope, or without a key, nothing.
    """
    pair, neighbour = a_pair(tools, tenant), a_tenant(tools, "Neighbour")
    bare = a_key_holding("rooms:read", tenant, tools)
    one, every = f"{SESSIONS}/{sid(pair)}", f"/api/v1/tenants/{tenant.id}/revoke-sessions"
    bearer = {"Authorization": f"Bearer {pair.access_token}"}

    assert listed(http, neighbour) == []
    for headers, statuses in (
        (by(neighbour.api_key), (200, 404, 404)),
        (by(bare.api_key), (403, 403, 403)),
        (bearer, (401, 401, 401)),
        ({}, (401, 401, 401)),
    ):
        answers = [http.get(SESSIONS, headers=headers), http.delete(one, headers=headers)]
        answers.append(http.post(every, headers=headers))
        assert tuple(answer.status_code for answer in answers) == statuses
    assert http.get(SESSIONS, headers=by(admin_key)).status_code == 403
    assert http.delete(f"{SESSIONS}/nonsense", headers=by(tenant.api_key)).status_code == 404
    assert works(http, pair) == (200, 200)
