"""/tenants/{id}/api-keys: golden answers, what is refused and how, and a secret that shows once."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from app.foundation.clock import rfc3339
from tests.builders import a_tenant
from tests.named_keys import API, by, keys_of, name_of, post, posted

NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
NOT_ACTIVE = {"error": {"code": "KEY_NOT_ACTIVE", "message": "The API key has already been rotated"}}
LATER = "2100-01-01T00:00:00Z"
UNKNOWN = ("id", "mode", "api_key", "tenant_id", "status", "revoked_at", "note")
CIDRS: Sequence[Any] = (
    *([], [""], [5], ["10.0.0.1/8"], ["10.0.0.0/33"], ["host"], ["10.0.0"], {}, ["10.0.0.0/8"] * 51, "10.0.0.0/8"),
    *(["::1/129"], ["fe80::1%eth0"], ["fe80::1%a b"], ["10.0.0.0/8 ::1"], ["ä" * 9], ["1.2.3.4 "]),
    ["10.0.0.0/8", "x" * 51],
)
MOMENTS: Sequence[Any] = (
    *("2100-01-01T00:00:00", "2100-01-01", "2001-01-01T00:00:00Z", "soon", "", 5, [], True),
    *("9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"),
)
WRONG: dict[str, Sequence[Any]] = {
    "name": ("", "x" * 201, "line\n", "a\0", 5, None, []),
    "scopes": ([], [""], [5], [None], ["x" * 101], ["rooms:read"] * 51, "rooms:read", None, {}),
    "expires_at": MOMENTS,
    "allowed_cidrs": CIDRS,
    "metadata": ([], "{}", None, 5, {"a": "x" * 4089}, {"a": "é" * 2045}, {"a": "\0"}),
    "allow_browsers": (None, 1, "true", []),
    **dict.fromkeys(UNKNOWN, ("x",)),
}


def one(key):
    return keys_of(key, name_of(key))


def read(http, reader, key):
    answer = http.get(one(key), headers=by(reader.api_key))
    assert answer.status_code == 200
    return answer.json["data"]


def change(http, by_whom, key, **changes):
    return http.patch(one(key), json=changes, headers=by(by_whom.api_key))


def delete(http, by_whom, key):
    return http.delete(one(key), headers=by(by_whom.api_key))


def rotate(http, by_whom, key, **asked):
    return http.post(f"{one(key)}/rotate", json=asked, headers=by(by_whom.api_key))


def wrong_field(answer):
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR"), answer.text
    (detail,) = answer.json["error"]["details"]
    assert list(detail) == ["field", "message"]
    return detail["field"]


def test_a_key_is_created_and_shown_once(http, tenant, clock):
    """
    CONTRACT 2, 3: 201 with exactly these fields, the networks as they are usually written, no-store, and a key; later
    the same without the key.
    """
    asked = {
        "name": "Backup ä",
        "scopes": ["rooms:write", "rooms:read"],
        "expires_at": "2100-01-01T02:00:00+02:00",
        "allowed_cidrs": ["10.0.0.0/255.0.0.0", "2001:DB8::/32", "192.0.2.7", "::ffff:198.51.100.0/120"],
        "metadata": {"a": [1, None, {"b": "ü"}], "n": 10**30},
    }

    answer = post(http, tenant, **asked)

    made = answer.json["data"]
    lookup = made["id"].removeprefix("key_")
    golden = {
        **asked,
        "id": f"key_{lookup}",
        "tenant_id": tenant.id,
        "prefix": f"sk_live_{lookup}_...",
        "mode": "live",
        "scopes": ["rooms:read", "rooms:write"],
        "status": "active",
        "expires_at": LATER,
        "allowed_cidrs": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32", "198.51.100.0/24"],
        "created_at": rfc3339(clock.now()),
        **dict.fromkeys(["grace_ends_at", "revoked_at", "replaces", "replaced_by"]),
        **dict.fromkeys(["last_used_at", "last_used_ip", "safe_to_retire_at", "rate_limit_per_minute"]),
        "used_in_last_hour": False,
        "allow_browsers": False,
    }
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert answer.json == {"data": {**golden, "api_key": made["api_key"]}}
    assert re.fullmatch(f"sk_live_{lookup}_[0-9A-Za-z]{{38}}", made["api_key"])
    assert http.get(f"{keys_of(tenant)}/key_{lookup}", headers=by(tenant.api_key)).json == {"data": golden}


def test_a_rotation_answers_the_successor_with_its_secret(http, tenant, clock):
    """
    CONTRACT 3: 201, no-store, the fields of a key and the key; both name each other, and the old one says until when.
    """
    key = posted(http, tenant, name="Backup", allowed_cidrs=["127.0.0.0/8"])
    before = read(http, tenant, key)

    answer = rotate(http, tenant, key, grace_period=600)

    made = answer.json["data"]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    own = {"id": made["id"], "prefix": f"sk_live_{made['id'][4:]}_...", "replaces": name_of(key)}
    assert made == {**before, **own, "api_key": made["api_key"]}
    ends = rfc3339(clock.now() + timedelta(seconds=600))
    rotating = {"status": "rotating", "grace_ends_at": ends, "replaced_by": made["id"]}
    rotating["safe_to_retire_at"] = rfc3339(clock.now())
    assert read(http, tenant, key) == {**before, **rotating}
    old, new = (http.get(f"{API}/rooms", headers=by(each)) for each in (key.api_key, made["api_key"]))
    assert (old.status_code, new.status_code) == (200, 200)
    assert old.headers["X-API-Key-Status"] == f'rotating; expires_at="{ends}"'
    again = rotate(http, tenant, key)
    assert (again.status_code, again.json) == (409, NOT_ACTIVE)


def test_a_rotation_needs_no_body(http, tenant):
    """
    CONTRACT 3: without one the old key is dead at once.
    """
    key = posted(http, tenant)

    assert http.post(f"{one(key)}/rotate", headers=by(tenant.api_key)).status_code == 201

    assert http.get(f"{API}/rooms", headers=by(key.api_key)).status_code == 401
    assert change(http, tenant, key, name="Other").json == NOT_ACTIVE
    assert wrong_field(rotate(http, tenant, tenant, grace_period=2_592_001)) == "grace_period"


def test_no_answer_but_that_of_its_making_holds_the_secret(http, tenant):
    """
    B2: not to read, list, change or delete it, nor the events.
    """
    key = posted(http, tenant)
    new = rotate(http, tenant, key, grace_period=60).json["data"]["api_key"]

    answers = [
        http.get(keys_of(tenant), headers=by(tenant.api_key)),
        http.get(one(key), headers=by(tenant.api_key)),
        change(http, tenant, tenant, name="Mine"),
        http.get(f"{API}/tenants/{tenant.id}/events", headers=by(tenant.api_key)),
        delete(http, tenant, key),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    secrets = [text.split("_")[3] for text in (key.api_key, new, tenant.api_key)]
    assert not [secret for secret in secrets for answer in answers if secret in answer.text + str(answer.headers)]


def test_a_key_is_deleted_once(http, tenant):
    """
    CONTRACT 3: 200 with its id; a second time it is 404; a key may delete itself, and is 401 from then on.
    """
    key, own = posted(http, tenant), posted(http, tenant)

    deleted, again, by_itself = delete(http, tenant, key), delete(http, tenant, key), delete(http, own, own)

    assert (deleted.status_code, deleted.json) == (200, {"data": {"id": name_of(key), "deleted": True}})
    assert (again.status_code, again.json) == (404, NOT_FOUND)
    assert by_itself.status_code == 200
    assert delete(http, own, own).status_code == 401
    assert {read(http, tenant, each)["status"] for each in (key, own)} == {"revoked"}


def test_a_list_is_walked_from_the_oldest_key_to_the_youngest(http, tools, tenant, clock):
    """
    CONTRACT 3, B8: pages follow each other by cursor, also where keys are of one moment; dead ones are among them, a
    neighbour's are not, and a cursor is of no use to it.
    """
    made, neighbour = [name_of(tenant)], a_tenant(tools)
    for number in range(6):
        clock.step(seconds=number % 2)
        made.append(name_of(posted(http, tenant)))
        posted(http, neighbour)
    http.delete(keys_of(tenant, made[3]), headers=by(tenant.api_key))

    seen, asked = [], {"limit": "2"}
    while "limit" in asked:
        page = http.get(keys_of(tenant), query_string=asked, headers=by(tenant.api_key)).json
        cursor = page["pagination"]["next_cursor"]
        assert page == {"data": page["data"], "pagination": {"next_cursor": cursor, "has_more": cursor is not None}}
        seen += page["data"]
        asked = {"limit": "2", "cursor": cursor} if cursor else {}
        if cursor:
            foreign = http.get(keys_of(neighbour), query_string=asked, headers=by(neighbour.api_key))
            assert wrong_field(foreign) == "cursor"

    assert sorted(each["id"] for each in seen) == sorted(made)
    assert [each["created_at"] for each in seen] == sorted(each["created_at"] for each in seen)
    assert {each["status"] for each in seen if each["id"] == made[3]} == {"revoked"}
    assert wrong_field(http.get(f"{keys_of(tenant)}?cursor=x", headers=by(tenant.api_key))) == "cursor"


def test_a_neighbours_key_is_as_missing_as_nobodys(http, tools, tenant):
    """
    B8: read, change, delete and rotate are the same 404 for a foreign key, under either tenant, and for one that never
    was; so are the lists of other tenants.
    """
    neighbour, headers = a_tenant(tools), by(tenant.api_key)
    foreign, homes = posted(http, neighbour), (keys_of(tenant), keys_of(neighbour), f"{API}/tenants/x/api-keys")

    answers = [
        http.open(f"{home}/{name}{then}", method=method, json=body, headers=headers)
        for home in homes
        for name in (name_of(foreign), "key_00000000", "key_", "x" * 5000, foreign.api_key)
        for method, then, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "Mine"}),
            ("DELETE", "", None),
            ("POST", "/rotate", {}),
        )
    ]
    answers += [
        http.open(home, method=m, json={"name": "x"}, headers=headers) for home in homes[1:] for m in ("GET", "POST")
    ]

    assert {(answer.status_code, str(answer.json)) for answer in answers} == {(404, str(NOT_FOUND))}
    assert read(http, neighbour, foreign)["status"] == "active"


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_field_is_told_by_its_name_and_changes_nothing(http, tenant, field):
    """
    A9, CONTRACT 3: 400 with the name of the field, at creation and at change.
    """
    key = posted(http, tenant)
    before = read(http, tenant, key)

    for value in WRONG[field]:
        assert wrong_field(post(http, tenant, **{field: value})) == field, value
        assert wrong_field(change(http, tenant, key, **{"name": "Other", field: value})) == field, value

    assert read(http, tenant, key) == before


def test_too_wide_a_scope_is_told_as_the_field_that_it_stands_in(http, tenant):
    """
    A9: `scopes` at creation and at change; `scope` where that is the field.
    """
    key = posted(http, tenant, scopes=["rooms:read"])

    assert wrong_field(post(http, tenant, scopes=["rooms:none"])) == "scopes"
    assert wrong_field(change(http, tenant, key, scopes=["rooms:write"])) == "scopes"
    exchanged = http.post(f"{API}/auth/token", json={"api_key": key.api_key, "scope": "rooms:write"})
    assert wrong_field(exchanged) == "scope"


def test_a_nul_in_metadata_is_told_as_what_it_is(http, tenant):
    """
    A9: the character, also in a name and behind a backslash, and not its size; its six letters are as good as any.
    """
    messages = {
        post(http, tenant, metadata=each).json["error"]["details"][0]["message"]
        for each in ({"a": "\0"}, {"\0": 1}, {"a": ["\\\0"]})
    }
    letters = {"a": "\\u0000", "b": "\\\\u0000"}

    assert messages == {"must not hold the character U+0000"}
    assert post(http, tenant, metadata=letters).json["data"]["metadata"] == letters
