"""Test keys over HTTP: who makes them, what they manage, and rooms that count by themselves."""

import pytest

from tests.builders import a_tenant, an_operator
from tests.named_keys import API, a_named_key, by, keys_of, name_of

ROOMS, SESSIONS = f"{API}/rooms", f"{API}/sessions"
NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
FORBIDDEN = {"error": {"code": "FORBIDDEN", "message": "This credential may not do this"}}


@pytest.fixture
def key(tools, tenant):
    """A test key of the tenant's."""
    return a_named_key(tools, tenant, mode="test")


def create(http, tenant, api_key, **asked):
    return http.post(keys_of(tenant), json={"name": "Spare", **asked}, headers=by(api_key))


def listed(http, path, api_key):
    return {each["id"]: each for each in http.get(path, headers=by(api_key)).json["data"]}


def session_of(http, key):
    """Open a session; give its id, and its refresh token."""
    pair = http.post(f"{API}/auth/token", json={"api_key": key.api_key}).json["data"]
    return next(reversed(listed(http, f"{SESSIONS}?key_id={name_of(key)}", key.api_key))), pair["refresh_token"]


def refreshes(http, token):
    return http.post(f"{API}/auth/refresh", json={"refresh_token": token}).status_code == 200


def test_a_key_is_of_the_mode_of_who_makes_it_or_less(http, tools, tenant, key):
    """
    CONTRACT 3: without `mode` a key is of its maker's; live keys and operators make both, a test key no live one. The
    key says its mode in its own text, and beside it.
    """
    callers = {"live": tenant.api_key, "test": key.api_key, "operator": an_operator(tools)}
    made = {
        (caller, asked): create(http, tenant, api_key, **({} if asked is None else {"mode": asked}))
        for caller, api_key in callers.items()
        for asked in (None, "live", "test")
    }

    refused = made.pop(("test", "live"))
    assert (refused.status_code, refused.json) == (403, FORBIDDEN)
    for (caller, asked), answer in made.items():
        mode = asked or ("test" if caller == "test" else "live")
        told = answer.json["data"]
        assert (answer.status_code, told["mode"], told["api_key"][:8]) == (201, mode, f"sk_{mode}_"), (caller, asked)
        assert told["prefix"].startswith(f"sk_{mode}_")
    for wrong in ("", "Test", "prod", None, 1, ["test"]):
        answer = create(http, tenant, tenant.api_key, mode=wrong)
        assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (400, "mode"), wrong


def test_a_test_key_manages_test_keys_alone(http, tools, tenant, key):
    """
    B8: live keys are missing to it, also the one that made it; of test keys it lists all, and changes, rotates and
    revokes any that has no more than itself. A live key does so with both.
    """
    spare, live = (a_named_key(tools, tenant, mode=mode) for mode in ("test", "live"))
    own = {name_of(key), name_of(spare)}
    assert listed(http, keys_of(tenant), key.api_key).keys() == own
    assert listed(http, keys_of(tenant), tenant.api_key).keys() == own | {name_of(tenant), name_of(live)}

    for target in (live, tenant):
        path = keys_of(tenant, name_of(target))
        for method, then, body in (
            *(("GET", "", None), ("PATCH", "", {"name": "x"})),
            *(("POST", "/rotate", {}), ("POST", "/rotate", {"reason": "compromised"}), ("DELETE", "", None)),
        ):
            answer = http.open(path + then, method=method, json=body, headers=by(key.api_key))
            assert (answer.status_code, answer.json) == (404, NOT_FOUND), (method, then)
        assert listed(http, keys_of(tenant), tenant.api_key)[name_of(target)]["status"] == "active"

    for api_key in (key.api_key, tenant.api_key):
        path = keys_of(tenant, name_of(a_named_key(tools, tenant, mode="test")))
        assert http.get(path, headers=by(api_key)).json["data"]["mode"] == "test"
        assert http.patch(path, json={"name": "x"}, headers=by(api_key)).json["data"]["mode"] == "test"
        rotated = http.post(f"{path}/rotate", headers=by(api_key)).json["data"]
        assert (rotated["mode"], rotated["api_key"][:8]) == ("test", "sk_test_")
        assert http.delete(keys_of(tenant, rotated["id"]), headers=by(api_key)).status_code == 200


def test_a_key_that_rotates_itself_keeps_its_mode(http, tenant, key):
    """
    CONTRACT 3: `rotate-key` of a test key gives a test key, for whatever reason, and sessions live on in their mode.
    """
    session, _ = session_of(http, key)
    path, api_key = f"{API}/tenants/{tenant.id}/rotate-key", key.api_key

    for reason in ("routine", "routine", "compromised"):
        api_key = http.post(path, json={"reason": reason}, headers=by(api_key)).json["data"]["api_key"]
        assert api_key.startswith("sk_test_")
        assert listed(http, SESSIONS, api_key)[session]["mode"] == "test"


def test_a_test_key_ends_test_sessions_alone(http, tenant, key):
    """
    CONTRACT 3, B8: a session says its mode. A test key sees and ends those of its mode, a live one both; to end a live
    one by a test key is to end nothing.
    """
    (live, token), (test, _) = session_of(http, tenant), session_of(http, key)

    assert {each["mode"] for each in listed(http, SESSIONS, key.api_key).values()} == {"test"}
    both = listed(http, SESSIONS, tenant.api_key)
    assert (both[live]["mode"], both[test]["mode"]) == ("live", "test")
    for filters in (f"key_id={name_of(tenant)}", f"key_id={name_of(key)}&room_id=room_{'0' * 26}"):
        assert listed(http, f"{SESSIONS}?{filters}", key.api_key) == {}

    refused = http.delete(f"{SESSIONS}/{live}", headers=by(key.api_key))
    assert (refused.status_code, refused.json) == (404, NOT_FOUND)
    assert refreshes(http, token)
    for api_key in (key.api_key, tenant.api_key):
        session, token = session_of(http, key)
        assert http.delete(f"{SESSIONS}/{session}", headers=by(api_key)).status_code == 200
        assert not refreshes(http, token)


def test_rooms_of_each_mode_count_by_themselves(http, tools):
    """
    CONTRACT 3: a tenant whose tests have opened all the rooms it may have still opens as many live ones, and the other
    way round; ending one makes place in its own mode.
    """
    tenant = a_tenant(tools)
    assert (
        http.patch(f"{API}/tenants/{tenant.id}", json={"max_concurrent_rooms": 2}, headers=by(tenant.api_key)).json[
            "data"
        ]["max_concurrent_rooms"]
        == 2
    )
    keys = {"test": a_named_key(tools, tenant, mode="test").api_key, "live": tenant.api_key}

    opened = {mode: [open_room(http, key) for _ in range(3)] for mode, key in keys.items()}

    for mode, answers in opened.items():
        assert [answer.status_code for answer in answers] == [201, 201, 409]
        assert {answer.json["data"]["mode"] for answer in answers[:2]} == {mode}
    room_id = opened["test"][0].json["data"]["id"]
    assert http.post(f"{ROOMS}/{room_id}/end", headers=by(keys["test"])).json["data"]["mode"] == "test"
    assert [open_room(http, keys[mode]).status_code for mode in ("live", "test", "test")] == [409, 201, 409]


def open_room(http, api_key):
    return http.post(ROOMS, json={"name": "Lobby"}, headers=by(api_key))


def test_a_test_key_leaves_its_tenant_as_it_is(http, tenant, key):
    """
    B8: it reads its tenant; to change or close it, to end all its sessions and to read what was done in its name is
    403, also with nothing in the request, and of another tenant it learns no more than any key.
    """
    path = f"{API}/tenants/{tenant.id}"
    assert http.get(path, headers=by(key.api_key)).json == http.get(path, headers=by(tenant.api_key)).json

    for where, expected in ((path, 403), (f"{API}/tenants/tenant_{'0' * 26}", 404)):
        for method, then, body in (
            *(("PATCH", "", {}), ("PATCH", "", {"name": "Mine"}), ("PATCH", "", {"jwks": None}), ("DELETE", "", None)),
            *(("POST", "/revoke-sessions", None), ("GET", "/events", None)),
        ):
            answer = http.open(where + then, method=method, json=body, headers=by(key.api_key))
            assert answer.status_code == expected, (method, then)
    assert http.get(path, headers=by(tenant.api_key)).json["data"]["name"] == "Acme"
