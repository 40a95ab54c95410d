"""/rooms: by API key or by access token, within one tenant, and page by page."""

import base64

import pytest

from tests.builders import a_pair, a_room, a_tenant

ROOMS = "/api/v1/rooms"
FORM_TOKEN = "/oauth/token"
NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
INVALID_ACCESS_TOKEN = {"error": {"code": "UNAUTHORIZED", "message": "Invalid access token"}}
BAD_CURSOR = {
    "error": {
        "code": "VALIDATION_ERROR",
        "message": "The request is invalid",
        "details": [{"field": "cursor", "message": "must be a next_cursor of this list"}],
    }
}


def by(api_key):
    return {"X-API-Key": api_key}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(params=["key", "token"])
def caller(request, tools, tenant):
    """The headers of a caller who may do everything in the tenant, by either credential."""
    return by(tenant.api_key) if request.param == "key" else bearer(a_pair(tools, tenant).access_token)


def scoped(http, tenant, scope):
    form = {"grant_type": "client_credentials", "scope": scope}
    return bearer(http.post(FORM_TOKEN, data=form, auth=(tenant.id, tenant.api_key)).json["access_token"])


def walk(http, caller, limit):
    found, asked = [], {"limit": limit}
    while asked:
        page = http.get(ROOMS, query_string=asked, headers=caller).json
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"] == {"next_cursor": cursor, "has_more": cursor is not None}
        found.append([room["id"] for room in page["data"]])
        asked = {"limit": limit, "cursor": cursor} if cursor else {}
    return found


def test_a_room_is_opened_read_and_ended(http, tenant, caller, clock):
    """
    CONTRACT 3: a room has the same body at every door, by key and by token; ended, it stays readable and ends but once.
    """
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    opened = http.post(ROOMS, json={"name": "Lobby"}, headers=caller)

    room_id = opened.json["data"]["id"]
    room = {
        "id": room_id,
        "tenant_id": tenant.id,
        "name": "Lobby",
        "mode": "live",
        "status": "active",
        "created_at": now,
        "ended_at": None,
    }
    assert (opened.status_code, opened.json) == (201, {"data": room})
    assert http.get(f"{ROOMS}/{room_id}", headers=caller).json == {"data": room}

    ended = http.post(f"{ROOMS}/{room_id}/end", headers=caller)
    assert (ended.status_code, ended.json) == (200, {"data": {**room, "status": "ended", "ended_at": now}})
    assert http.get(f"{ROOMS}/{room_id}", headers=caller).json == ended.json
    again = http.post(f"{ROOMS}/{room_id}/end", headers=caller)
    assert (again.status_code, again.json["error"]["code"]) == (409, "ROOM_ENDED")


def test_an_ended_room_takes_its_sessions_with_it(http, tools, tenant):
    """
    B10: when a room ends, the tokens bound to it are dead at once; those of the rest of the tenant are not.
    """
    room_id = a_room(tools, tenant)
    bound, free = a_pair(tools, tenant, room_id), a_pair(tools, tenant)

    assert http.post(f"{ROOMS}/{room_id}/end", headers=bearer(bound.access_token)).status_code == 200

    after = http.get(f"{ROOMS}/{room_id}", headers=bearer(bound.access_token))
    assert (after.status_code, after.json) == (401, INVALID_ACCESS_TOKEN)
    for pair, status in ((bound, 401), (free, 200)):
        assert http.post("/api/v1/auth/refresh", json={"refresh_token": pair.refresh_token}).status_code == status


def test_a_token_does_what_its_scope_says(http, tools, tenant):
    """
    CONTRACT 3, M: reading wants rooms:read, opening and ending want rooms:write; the other is 403 insufficient_scope.
    """
    room_id = a_room(tools, tenant)
    reads, writes = scoped(http, tenant, "rooms:read"), scoped(http, tenant, "rooms:write")

    def attempt(caller):
        return [
            http.get(ROOMS, headers=caller),
            http.get(f"{ROOMS}/{room_id}", headers=caller),
            http.post(ROOMS, json={"name": "More"}, headers=caller),
            http.post(f"{ROOMS}/{room_id}/end", headers=caller),
        ]

    assert [answer.status_code for answer in attempt(reads)] == [200, 200, 403, 403]
    assert [answer.status_code for answer in attempt(writes)] == [403, 403, 201, 200]
    refused = http.get(ROOMS, headers=writes)
    assert refused.json["error"]["code"] == "FORBIDDEN"
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert 'scope="rooms:read"' in refused.headers["WWW-Authenticate"]


def test_a_list_is_walked_in_pages_of_any_size(http, tools, tenant, caller):
    """
    CONTRACT 3: 20 a page unless asked; every room stands in exactly one page, in the order of creation, also while
    rooms are added.
    """
    assert walk(http, caller, 5) == [[]]
    made = [a_room(tools, tenant) for _ in range(23)]

    assert walk(http, caller, 100) == [made]
    assert walk(http, caller, 23) == [made]
    assert [len(page) for page in walk(http, caller, 22)] == [22, 1]
    assert [each for page in walk(http, caller, 4) for each in page] == made
    first = http.get(ROOMS, headers=caller).json
    assert [room["id"] for room in first["data"]] == made[:20]

    made.append(a_room(tools, tenant))
    rest = http.get(ROOMS, query_string={"cursor": first["pagination"]["next_cursor"]}, headers=caller).json
    assert [room["id"] for room in rest["data"]] == made[20:]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "", "1.0", "1e1", "٣", "five", "1" * 400, " 5", "0x10"])
def test_a_page_has_1_to_100_items(http, tenant, limit):
    """
    CONTRACT 3: any other limit is 400 VALIDATION_ERROR and names the field.
    """
    answer = http.get(ROOMS, query_string={"limit": limit}, headers=by(tenant.api_key))

    assert answer.status_code == 400
    assert answer.json["error"]["details"] == [{"field": "limit", "message": "must be a whole number from 1 to 100"}]


def cursor_of(http, path, caller):
    cursor = http.get(path, query_string={"limit": 1}, headers=caller).json["pagination"]["next_cursor"]
    assert cursor is not None
    return cursor


def test_a_cursor_is_good_for_its_own_list_only(http, tools, admin_key, tenant):
    """
    CONTRACT 3, B8: a cursor of another tenant, or of another list, is 400, and tells nothing.
    """
    neighbour = a_tenant(tools)
    for owner in (tenant, tenant, neighbour, neighbour):
        a_room(tools, owner)
    foreign = cursor_of(http, ROOMS, by(neighbour.api_key))
    of_tenants = cursor_of(http, "/api/v1/tenants", by(admin_key))

    for path, cursor, caller in (
        (ROOMS, foreign, tenant.api_key),
        (ROOMS, of_tenants, tenant.api_key),
        ("/api/v1/tenants", foreign, admin_key),
    ):
        answer = http.get(path, query_string={"cursor": cursor}, headers=by(caller))
        assert (answer.status_code, answer.json) == (400, BAD_CURSOR)


def test_a_forged_cursor_is_refused(http, tools, tenant):
    """
    CONTRACT 3: a cursor with any bit changed, cut, lengthened or made up is 400.
    """
    for _ in range(2):
        a_room(tools, tenant)
    cursor = cursor_of(http, ROOMS, by(tenant.api_key))
    raw = base64.urlsafe_b64decode(cursor)
    flipped = [raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :] for i in range(len(raw))]
    forged = [base64.urlsafe_b64encode(each).decode() for each in (*flipped, raw[:-1], raw + b"\0", raw[:16], b"")]

    for each in [*forged, "A" * 43 + "=", "not a cursor", "\0", "é", "%ff", cursor + "\n", cursor.swapcase()]:
        answer = http.get(ROOMS, query_string={"cursor": each}, headers=by(tenant.api_key))
        assert (answer.status_code, answer.json) == (400, BAD_CURSOR)


def test_a_neighbours_room_is_as_missing_as_none(http, tools, tenant, caller):
    """
    B8: foreign, missing and unreadable ids are the same 404, whether a room is read or ended.
    """
    foreign = a_room(tools, a_tenant(tools))
    own = a_room(tools, tenant)
    ids = [foreign, "room_" + "0" * 26, "room_", "x", "%00", "%ff", own.upper(), own + "%20", own.replace("room", "p")]

    for each in ids:
        for answer in (http.get(f"{ROOMS}/{each}", headers=caller), http.post(f"{ROOMS}/{each}/end", headers=caller)):
            assert (answer.status_code, answer.json) == (404, NOT_FOUND)
    assert all(foreign not in page for page in walk(http, caller, 100))


def test_a_room_wants_a_name_and_nothing_else(http, caller):
    """
    CONTRACT 1: a missing, an empty and an unknown field are 400 and named.
    """
    for body, field in (({}, "name"), ({"name": ""}, "name"), ({"name": "Lobby", "size": 5}, "size")):
        answer = http.post(ROOMS, json=body, headers=caller)
        assert answer.status_code == 400
        assert [detail["field"] for detail in answer.json["error"]["details"]] == [field]


def test_a_room_is_renamed_and_deleted(http, tenant, tools, caller):
    """
    CONTRACT 3: PATCH answers the room, DELETE `{id, deleted: true}`; a second time, and in every list, it is not there.
    """
    room_id = a_room(tools, tenant)
    path = f"{ROOMS}/{room_id}"

    renamed = http.patch(path, json={"name": "Hall"}, headers=caller)
    deleted = http.delete(path, headers=caller)

    assert (renamed.status_code, renamed.json["data"]["name"], renamed.json["data"]["id"]) == (200, "Hall", room_id)
    assert (deleted.status_code, deleted.json) == (200, {"data": {"id": room_id, "deleted": True}})
    for again in (http.delete(path, headers=caller), http.get(path, headers=caller)):
        assert (again.status_code, again.json) == (404, NOT_FOUND)
    assert walk(http, caller, 100) == [[]]


def test_a_room_too_many_is_a_conflict(http, tenant, caller):
    """
    CONTRACT 3: beyond `max_concurrent_rooms`, opening a room is 409, and says why.
    """
    limit = http.patch(f"/api/v1/tenants/{tenant.id}", json={"max_concurrent_rooms": 1}, headers=by(tenant.api_key))
    first, second = (http.post(ROOMS, json={"name": "Lobby"}, headers=caller) for _ in range(2))

    assert (limit.status_code, first.status_code, second.status_code) == (200, 201, 409)
    message = "The tenant has as many open rooms as it may have"
    assert second.json == {"error": {"code": "CONFLICT", "message": message}}
