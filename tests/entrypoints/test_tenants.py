"""/tenants: opened and suspended by operators, read and changed by their own keys, and never seen by a neighbour."""

import re

import pytest

from tests.builders import a_pair, a_room, a_tenant

TENANTS = "/api/v1/tenants"
LIMITS = {"max_concurrent_rooms": 100, "max_participants_per_room": 10, "max_recording_duration_minutes": 120}
NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
FORBIDDEN = {"error": {"code": "FORBIDDEN", "message": "This credential may not do this"}}
INVALID_API_KEY = {"error": {"code": "UNAUTHORIZED", "message": "Invalid API key"}}
SUSPENDED = {"error": {"code": "TENANT_SUSPENDED", "message": "The tenant is suspended"}}
NOT_ACTIVE = {"error": {"code": "KEY_NOT_ACTIVE", "message": "The API key has already been rotated"}}


def by(api_key):
    return {"X-API-Key": api_key}


def read(http, tenant, api_key=None):
    return http.get(f"{TENANTS}/{tenant.id}", headers=by(api_key or tenant.api_key))


def change(http, tenant, api_key=None, **changes):
    return http.patch(f"{TENANTS}/{tenant.id}", json=changes, headers=by(api_key or tenant.api_key))


def rotate(http, tenant, **asked):
    return http.post(f"{TENANTS}/{tenant.id}/rotate-key", json=asked, headers=by(tenant.api_key))


def refresh(http, token):
    return http.post("/api/v1/auth/refresh", json={"refresh_token": token})


def wrong_field(answer):
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "VALIDATION_ERROR"
    (detail,) = answer.json["error"]["details"]
    assert list(detail) == ["field", "message"]
    return detail["field"]


def test_an_operator_opens_a_tenant_and_sees_its_key_once(http, admin_key, clock):
    """
    CONTRACT 3: 201 with exactly the contract's fields and default limits, no-store, and a key that never shows again.
    """
    answer = http.post(TENANTS, json={"name": "Acme"}, headers=by(admin_key))

    made = answer.json["data"]
    created_at = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    golden = {"id": made["id"], "name": "Acme", "api_key": made["api_key"], **LIMITS, "created_at": created_at}
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {"data": golden}
    assert re.fullmatch(r"tenant_[0-7][0-9a-hjkmnp-tv-z]{25}", made["id"])
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}", made["api_key"])

    del golden["api_key"]
    later = http.get(f"{TENANTS}/{made['id']}", headers=by(made["api_key"]))
    assert later.json["data"] == {**golden, "status": "active", "jwks": None, "jwks_uri": None, "on_leak": "revoke"}


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "100", None, 10**6 + 1])
def test_a_limit_is_a_whole_number_in_its_range(http, admin_key, tenant, value):
    """
    CONTRACT 3: limits that are no positive whole numbers are 400 with the field's name, at opening and at changing.
    """
    for field in LIMITS:
        body = {"name": "Acme", field: value}
        assert wrong_field(http.post(TENANTS, json=body, headers=by(admin_key))) == field
        assert wrong_field(change(http, tenant, **{field: value})) == field


@pytest.mark.parametrize("value", ["", "x" * 201, "a\0", "line\n", "\x1b[31m", 5, None])
def test_a_name_is_a_line_of_text(http, admin_key, tenant, value):
    """
    CONTRACT 3: a name of no or too many characters, or with control characters, is 400 and names the field.
    """
    assert wrong_field(http.post(TENANTS, json={"name": value}, headers=by(admin_key))) == "name"
    assert wrong_field(change(http, tenant, name=value)) == "name"


def test_a_tenant_changes_itself_field_by_field(http, tenant):
    """
    CONTRACT 3: what PATCH leaves out stays as it is; an unknown field is refused and changes nothing.
    """
    before = read(http, tenant).json["data"]
    assert change(http, tenant).json["data"] == before

    changed = change(http, tenant, name="Ännchen 🎈", max_concurrent_rooms=7)
    assert changed.json["data"] == {**before, "name": "Ännchen 🎈", "max_concurrent_rooms": 7}
    assert wrong_field(change(http, tenant, name="Other", plan="gold")) == "plan"
    assert read(http, tenant).json["data"] == changed.json["data"]


def test_only_operators_open_list_suspend_and_resume(http, tenant):
    """
    CONTRACT 3: a tenant's own key is 403 FORBIDDEN wherever an operator's is wanted.
    """
    for answer in (
        http.post(TENANTS, json={"name": "Mine"}, headers=by(tenant.api_key)),
        http.get(TENANTS, headers=by(tenant.api_key)),
        change(http, tenant, status="suspended"),
        change(http, tenant, status="active"),
    ):
        assert (answer.status_code, answer.json) == (403, FORBIDDEN)


def test_an_operator_acts_for_no_tenant(http, admin_key, tenant):
    """
    CONTRACT 2: an operator's key replaces no tenant's key and opens no room.
    """
    for path, body in ((f"{TENANTS}/{tenant.id}/rotate-key", {}), ("/api/v1/rooms", {"name": "Lobby"})):
        answer = http.post(path, json=body, headers=by(admin_key))
        assert (answer.status_code, answer.json) == (403, FORBIDDEN)


def test_a_list_is_walked_to_its_end_without_gaps(http, tools, admin_key):
    """
    CONTRACT 3: pages of `limit` follow each other by cursor; each tenant stands in exactly one of them.
    """
    made = [a_tenant(tools).id for _ in range(5)]

    seen: list[str] = []
    asked = {"limit": "2"}
    while "limit" in asked:
        page = http.get(TENANTS, query_string=asked, headers=by(admin_key)).json
        cursor = page["pagination"]["next_cursor"]
        assert page == {"data": page["data"], "pagination": {"next_cursor": cursor, "has_more": cursor is not None}}
        seen += [each["id"] for each in page["data"]]
        asked = {"limit": "2", "cursor": cursor} if cursor else {}

    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in made] == made


def test_a_neighbour_is_as_missing_as_nobody(http, tools, tenant):
    """
    B8: read, change, delete and rotate answer a foreign and a missing tenant with the same 404.
    """
    neighbour = a_tenant(tools)
    for other in (neighbour.id, "tenant_" + "0" * 26, "tenant_x", neighbour.id.upper(), "x" * 5000):
        path = f"{TENANTS}/{other}"
        for answer in (
            http.get(path, headers=by(tenant.api_key)),
            http.patch(path, json={"name": "Mine"}, headers=by(tenant.api_key)),
            http.patch(path, json={"status": "suspended"}, headers=by(tenant.api_key)),
            http.delete(path, headers=by(tenant.api_key)),
            http.post(f"{path}/rotate-key", headers=by(tenant.api_key)),
        ):
            assert (answer.status_code, answer.json) == (404, NOT_FOUND)

    assert read(http, neighbour).json["data"]["name"] == "Acme"


def test_a_suspended_tenant_is_paused_and_comes_back_without_its_sessions(http, tools, admin_key, tenant):
    """
    B10: suspension is 403 for its keys and ends its sessions; resuming brings the keys back, not the sessions.
    """
    room_id, pair = a_room(tools, tenant), a_pair(tools, tenant)
    assert change(http, tenant, admin_key, status="suspended").json["data"]["status"] == "suspended"

    exchanged = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key})
    bearer = {"Authorization": f"Bearer {pair.access_token}"}
    for answer in (read(http, tenant), exchanged, change(http, tenant, name="Still here"), rotate(http, tenant)):
        assert (answer.status_code, answer.json) == (403, SUSPENDED)
    assert refresh(http, pair.refresh_token).status_code == 401
    assert http.get(f"/api/v1/rooms/{room_id}", headers=bearer).status_code == 401

    assert change(http, tenant, admin_key, status="active").json["data"]["status"] == "active"
    assert read(http, tenant).status_code == 200
    assert refresh(http, pair.refresh_token).status_code == 401


@pytest.mark.parametrize("by_operator", [True, False])
def test_a_deleted_tenant_is_gone(http, tools, admin_key, tenant, by_operator):
    """
    B10: deletion answers the contract's body; then its key is 401, its sessions are over, and nobody finds it.
    """
    pair = a_pair(tools, tenant)

    answer = http.delete(f"{TENANTS}/{tenant.id}", headers=by(admin_key if by_operator else tenant.api_key))

    assert (answer.status_code, answer.json) == (200, {"data": {"id": tenant.id, "deleted": True}})
    assert (read(http, tenant).status_code, read(http, tenant).json) == (401, INVALID_API_KEY)
    assert refresh(http, pair.refresh_token).status_code == 401
    for gone in (
        read(http, tenant, admin_key),
        change(http, tenant, admin_key, status="active"),
        http.delete(f"{TENANTS}/{tenant.id}", headers=by(admin_key)),
    ):
        assert (gone.status_code, gone.json) == (404, NOT_FOUND)


def test_a_rotation_replaces_the_calling_key_at_once(http, tools, tenant):
    """
    B5: without a grace period the old key is dead after the 200; sessions that it opened live on.
    """
    pair = a_pair(tools, tenant)

    answer = http.post(f"{TENANTS}/{tenant.id}/rotate-key", headers=by(tenant.api_key))

    successor = answer.json["data"]["api_key"]
    assert answer.json == {"data": {"api_key": successor}}
    assert answer.headers["Cache-Control"] == "no-store"
    assert (read(http, tenant).status_code, read(http, tenant).json) == (401, INVALID_API_KEY)
    assert read(http, tenant, successor).status_code == 200
    assert refresh(http, pair.refresh_token).status_code == 200


def test_a_key_in_its_grace_works_to_the_moment_and_rotates_no_more(http, tenant, clock):
    """
    B5, B6: a replaced key works until exactly its grace end, says so, and cannot be rotated again (409).
    """
    assert rotate(http, tenant, grace_period=2_592_000, reason="routine").status_code == 200

    assert read(http, tenant).headers["X-API-Key-Status"].startswith('rotating; expires_at="')
    again = rotate(http, tenant)
    assert (again.status_code, again.json) == (409, NOT_ACTIVE)
    clock.step(days=30, microseconds=-1)
    assert read(http, tenant).status_code == 200
    clock.step(microseconds=1)
    assert read(http, tenant).json == INVALID_API_KEY


def test_a_compromised_key_dies_at_once_with_its_sessions(http, tools, tenant):
    """
    CONTRACT 3, B10: `compromised` forces the grace to 0 and revokes every session that the key opened, and no other.
    """
    theirs = a_pair(tools, tenant)

    successor = rotate(http, tenant, grace_period=600, reason="compromised").json["data"]["api_key"]

    assert read(http, tenant).json == INVALID_API_KEY
    assert refresh(http, theirs.refresh_token).status_code == 401
    assert http.post("/api/v1/auth/token", json={"api_key": successor}).status_code == 200


@pytest.mark.parametrize("value", [True, False, 1.0, 1.5, -1, 2_592_001, "60", None, [], 10**400])
def test_a_grace_period_is_a_number_of_seconds(http, tenant, value):
    """
    CONTRACT 3: anything but a whole number from 0 to 2,592,000 is 400, names `grace_period`, and rotates nothing.
    """
    assert wrong_field(rotate(http, tenant, grace_period=value)) == "grace_period"
    assert wrong_field(rotate(http, tenant, reason=value)) == "reason"
    assert wrong_field(rotate(http, tenant, grace=60)) == "grace"
    assert read(http, tenant).status_code == 200
