"""/tenants/{id}/api-keys: how a key stands as time goes by, what is asked in vain, and what the events tell of it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.builders import Tenant
from tests.guessers import DOORS, SOURCE, Secrets, told
from tests.named_keys import API, by, keys_of, name_of, post, posted

DOORS_OF_KEYS = {name: ask for name, ask in DOORS.items() if "assertion" not in name}
FORBIDDEN = {"error": {"code": "FORBIDDEN", "message": "This credential may not do this"}}


def one(key):
    return keys_of(key, name_of(key))


def read(http, reader, key):
    return http.get(one(key), headers=by(reader.api_key)).json["data"]


def test_a_name_is_all_that_a_key_needs(http, tenant):
    """
    CONTRACT 3: without an end it lives until it is revoked, without networks it works from everywhere; so does null.
    """
    keys = [posted(http, tenant), posted(http, tenant, expires_at=None, allowed_cidrs=None)]

    for key in keys:
        found = read(http, tenant, key)
        assert (found["expires_at"], found["allowed_cidrs"], found["metadata"]) == (None, None, {})
        assert http.get(f"{API}/rooms", headers=by(key.api_key)).status_code == 200


@pytest.mark.parametrize("name", DOORS_OF_KEYS)
def test_an_expired_key_answers_like_an_unknown_one(http, tools, tenant, clock, name):
    """
    B3: at every door: status, body and headers are those of a key that never was; a moment before, it works.
    """
    key = posted(http, tenant, expires_at=(clock.now() + timedelta(seconds=60)).isoformat())
    ask, unknown = DOORS_OF_KEYS[name], Secrets(tools, tenant).wrong[2]

    clock.step(seconds=60, microseconds=-1)
    assert ask(http, key, SOURCE).status_code == 200
    clock.step(microseconds=1)

    assert told(ask(http, key, SOURCE)) == told(ask(http, unknown, SOURCE))
    assert ask(http, key, SOURCE).status_code == 401


def test_a_key_says_how_it_stands(http, tenant, clock):
    """
    CONTRACT 3: active; rotating until its grace is over, revoked then; expired from its end on; revoked if it was.
    """
    end = (clock.now() + timedelta(seconds=120)).isoformat()
    replaced, ending, dead = posted(http, tenant), posted(http, tenant, expires_at=end), posted(http, tenant)
    assert {read(http, tenant, key)["status"] for key in (replaced, ending, dead)} == {"active"}
    http.post(f"{one(replaced)}/rotate", json={"grace_period": 60}, headers=by(tenant.api_key))
    http.delete(one(dead), headers=by(tenant.api_key))

    stands = []
    for seconds in (0, 59, 1, 59, 1):
        clock.step(seconds=seconds)
        stands.append([read(http, tenant, key)["status"] for key in (replaced, ending, dead)])

    assert stands == [
        ["rotating", "active", "revoked"],
        ["rotating", "active", "revoked"],
        ["revoked", "active", "revoked"],
        ["revoked", "active", "revoked"],
        ["revoked", "expired", "revoked"],
    ]


def test_a_key_is_changed_and_answers_how_it_is_now(http, tenant):
    """
    CONTRACT 3: PATCH changes what it names, null lifts the networks and nothing else, and metadata of 4 KiB are kept.
    """
    key = posted(http, tenant, allowed_cidrs=["192.0.2.0/24"], metadata={"old": 1})
    before = read(http, tenant, key)

    changes: dict[str, Any] = {
        "name": "Other",
        "scopes": ["rooms:read"],
        "expires_at": "2100-01-01T00:00:00Z",
        "allowed_cidrs": None,
    }
    changes["metadata"] = {"a": "é" * 2044}
    answer = http.patch(one(key), json=changes, headers=by(tenant.api_key))

    assert (answer.status_code, answer.json) == (200, {"data": {**before, **changes}})
    assert read(http, tenant, key) == {**before, **changes}
    for field in ("name", "scopes", "expires_at", "metadata"):
        refused = http.patch(one(key), json={field: None}, headers=by(tenant.api_key))
        assert (refused.status_code, refused.json["error"]["details"][0]["field"]) == (400, field)


def test_metadata_come_back_however_deep_they_are(http, tenant):
    """
    A16: whatever was taken is listed; what is deeper than the server reads is refused, and nothing fails.
    """
    statuses, headers = set(), by(tenant.api_key)
    for depth in (1, 100, *range(930, 1000, 3), 2040):
        body = '{"name":"Deep","metadata":{"a":' + "[" * depth + "]" * depth + "}}"
        made = http.post(keys_of(tenant), data=body, content_type="application/json", headers=headers)
        statuses.add(made.status_code)
        assert http.get(f"{keys_of(tenant)}?limit=100", headers=headers).status_code == 200, depth

    assert statuses == {201, 400}


def test_a_key_that_may_only_read_keys_reads_them_and_no_more(http, tenant):
    """
    A14: `keys:read` reads and lists, `keys:write` does the rest, and neither does what the other is for.
    """
    reader, writer = posted(http, tenant, scopes=["keys:read"]), posted(http, tenant, scopes=["keys:write"])
    asks: list[tuple[str, str, Any]] = [
        ("GET", keys_of(tenant), None),
        ("GET", one(reader), None),
        ("POST", keys_of(tenant), {"name": "x"}),
    ]
    asks += [("PATCH", one(writer), {"name": "x"}), ("POST", f"{one(writer)}/rotate", {"grace_period": 60})]
    asks += [("DELETE", one(writer), None)]

    def statuses(key):
        return [http.open(path, method=m, json=body, headers=by(key.api_key)).status_code for m, path, body in asks]

    assert statuses(reader) == [200, 200, 403, 403, 403, 403]
    assert statuses(writer) == [403, 403, 201, 200, 201, 200]


def test_a_key_with_an_end_is_shown_no_successor_that_outlives_it(http, tenant, clock):
    """
    B5: 403, and the other key stays as it is.
    """
    short = posted(http, tenant, expires_at=(clock.now() + timedelta(seconds=60)).isoformat())
    other = posted(http, tenant)

    answer = http.post(f"{one(other)}/rotate", headers=by(short.api_key))

    assert (answer.status_code, answer.json) == (403, FORBIDDEN)
    assert read(http, tenant, other)["status"] == "active"


def test_what_was_done_to_keys_stands_in_the_events(http, tenant, admin_key):
    """
    CONTRACT 3: created, changed, rotated, revoked, each once, by whom; what was refused or only read is none.
    """
    key = posted(http, tenant, scopes=["rooms:read", "keys:write"])
    operator = Tenant(tenant.id, admin_key)
    by_operator = posted(http, operator, scopes=["rooms:read"])
    http.patch(one(by_operator), json={"name": "Other"}, headers=by(key.api_key))
    made = http.post(f"{one(by_operator)}/rotate", json={"grace_period": 60}, headers=by(key.api_key)).json["data"]
    for _ in range(2):
        http.delete(one(by_operator), headers=by(tenant.api_key))
    http.delete(one(key), headers=by(key.api_key))
    post(http, tenant, scopes=["nonsense"])
    http.patch(one(key), json={"name": "Other"}, headers=by(tenant.api_key))
    read(http, tenant, key)

    answer = http.get(f"{API}/tenants/{tenant.id}/events", headers=by(tenant.api_key))

    told_of = [(each["type"], each["actor"], each["data"]) for each in reversed(answer.json["data"])][1:]
    theirs, own = name_of(by_operator), name_of(key)
    assert told_of == [
        ("api_key.created", name_of(tenant), {"key_id": own, "scope": "keys:write rooms:read"}),
        ("api_key.created", name_of(operator), {"key_id": theirs, "scope": "rooms:read"}),
        ("api_key.changed", own, {"key_id": theirs}),
        ("api_key.rotated", own, {"key_id": theirs, "successor_id": made["id"], "reason": "routine"}),
        ("api_key.revoked", name_of(tenant), {"key_id": theirs}),
        ("api_key.revoked", own, {"key_id": own}),
    ]
