"""What is done to a tenant, its keys and its rooms stands in its audit log: once, with who did it."""

import pytest

from tests.assertions import a_key
from tests.participants import by

OF_TENANT = "/api/v1/tenants"


@pytest.fixture
def opened(http, admin_key):
    """A tenant that an operator has just opened, as the answer says."""
    return http.post(OF_TENANT, json={"name": "Acme"}, headers=by(admin_key)).json["data"]


def log_of(http, tenant_id, key):
    """Give type, actor and data of every event, the first that happened first."""
    answer = http.get(f"{OF_TENANT}/{tenant_id}/events", query_string={"limit": 100}, headers=by(key))
    assert answer.status_code == 200
    return [(each["type"], each["actor"], each["data"]) for each in reversed(answer.json["data"])]


def name_of(key):
    return f"key_{key[8:16]}"


def test_what_is_done_to_a_tenant_is_told(http, admin_key, opened):
    """
    CONTRACT 3: opened, changed, its client's keys registered, suspended, resumed, closed: each once, and nothing for
    what changes nothing; an operator reads on when it is closed.
    """
    path, operator, own = f"{OF_TENANT}/{opened['id']}", by(admin_key), by(opened["api_key"])
    for key, change in (
        (own, {"name": "Acme Ltd"}),
        (own, {"name": "Acme Ltd"}),
        (own, {"max_concurrent_rooms": 3}),
        (own, {"jwks": {"keys": [a_key().jwk]}}),
        (operator, {"status": "suspended"}),
        (operator, {"status": "active"}),
    ):
        assert http.patch(path, json=change, headers=key).status_code == 200
    assert http.delete(path, headers=operator).status_code == 200

    by_owner, by_operator = name_of(opened["api_key"]), name_of(admin_key)
    assert log_of(http, opened["id"], admin_key) == [
        ("tenant.opened", by_operator, {"key_id": by_owner}),
        ("tenant.changed", by_owner, {}),
        ("tenant.changed", by_owner, {}),
        ("tenant.client_keys_changed", by_owner, {}),
        ("tenant.suspended", by_operator, {}),
        ("tenant.resumed", by_operator, {}),
        ("tenant.closed", by_operator, {}),
    ]
    assert http.get(f"{path}/events", headers=own).status_code == 401


def test_what_is_done_to_rooms_is_told(http, admin_key, opened):
    """
    CONTRACT 3: opened, renamed, ended, deleted: each once; what is refused is no event.
    """
    key = by(opened["api_key"])
    room = http.post("/api/v1/rooms", json={"name": "Lobby"}, headers=key).json["data"]["id"]
    path = f"/api/v1/rooms/{room}"
    for ask in (
        lambda: http.patch(path, json={"name": "Hall"}, headers=key),
        lambda: http.post(f"{path}/end", headers=key),
        lambda: http.post(f"{path}/end", headers=key),
        lambda: http.patch(path, json={"name": "Late"}, headers=key),
        lambda: http.delete(path, headers=key),
        lambda: http.delete(path, headers=key),
    ):
        ask()

    actor = name_of(opened["api_key"])
    kinds = ["room.opened", "room.renamed", "room.ended", "room.deleted"]
    assert log_of(http, opened["id"], admin_key)[1:] == [(kind, actor, {"room_id": room}) for kind in kinds]
