"""What a thief learns from being refused: nothing, neither from the answer nor from the work behind it."""

import contextlib

import pytest
from sqlalchemy import Engine, event

from app.domain.api_keys.format import checksum
from tests.builders import a_pair, a_room, a_tenant, an_operator

EXCHANGE, REFRESH, TOKEN, ROOMS = "/api/v1/auth/token", "/api/v1/auth/refresh", "/oauth/token", "/api/v1/rooms"


def spelt(body):
    """Complete a key with a right checksum, which anyone can compute."""
    return body + checksum(body)


def rotated(http, tenant, **asked):
    path, caller = f"/api/v1/tenants/{tenant.id}/rotate-key", {"X-API-Key": tenant.api_key}
    return http.post(path, json=asked, headers=caller).json["data"]["api_key"]


@contextlib.contextmanager
def statements():
    """Collect the SQL of every statement that any engine executes."""
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# The doors where a key is presented.
DOORS = {
    "header": lambda http, key, tenant: http.get(ROOMS, headers={"X-API-Key": key}),
    "management": lambda http, key, tenant: http.get(f"/api/v1/tenants/{tenant.id}", headers={"X-API-Key": key}),
    "exchange": lambda http, key, tenant: http.post(EXCHANGE, json={"api_key": key}),
    "basic": lambda http, key, tenant: http.post(
        TOKEN, data={"grant_type": "client_credentials"}, auth=(tenant.id, key)
    ),
    "post": lambda http, key, tenant: http.post(
        TOKEN, data={"grant_type": "client_credentials", "client_id": tenant.id, "client_secret": key}
    ),
    "refresh": lambda http, key, tenant: http.post(
        TOKEN, data={"grant_type": "refresh_token", "refresh_token": "x"}, auth=(tenant.id, key)
    ),
}


def observed(answer):
    """All that a caller can tell two answers apart by."""
    told = {name: value for name, value in answer.headers.items() if name not in {"X-Request-Id", "Date"}}
    return answer.status_code, answer.data, told


@pytest.fixture
def dead_keys(http, tools, clock):
    """Keys that do not work, by the reason; each has a right checksum."""
    gone, compromised, waning, living, closed = (a_tenant(tools) for _ in range(5))
    rotated(http, gone)
    rotated(http, compromised, reason="compromised")
    rotated(http, waning, grace_period=60)
    http.delete(f"/api/v1/tenants/{closed.id}", headers={"X-API-Key": closed.api_key})
    clock.step(seconds=60)
    return {
        "unknown": spelt("sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV"),
        "wrong secret": spelt(living.api_key[:17] + "0" * 32),
        "wrong mode": spelt("sk_test_" + living.api_key[8:49]),
        "wrong type": spelt("ak_live_" + living.api_key[8:49]),
        "rotated": gone.api_key,
        "compromised": compromised.api_key,
        "after its grace": waning.api_key,
        "of a closed tenant": closed.api_key,
    }


@pytest.mark.parametrize("door", DOORS)
def test_a_dead_key_and_an_unknown_one_are_refused_alike(http, tenant, dead_keys, door):
    """
    B3: unknown, wrong, revoked and expired: the same status, body, headers and SQL; malformed: the same answer.
    """
    answers, work = {}, {}
    http.get("/.well-known/jwks.json")  # whoever comes first after a pause makes the worker read its signing keys
    for reason, key in dead_keys.items():
        with statements() as seen:
            answers[reason] = observed(DOORS[door](http, key, tenant))
        work[reason] = list(seen)

    assert answers["unknown"][0] == 401
    assert all(answer == answers["unknown"] for answer in answers.values()), answers
    assert len([each for each in work["unknown"] if "api_keys" in each]) == 1
    assert all(statement == work["unknown"] for statement in work.values()), work
    for malformed in ("", "x", "sk_live_" + "x" * 47, dead_keys["rotated"][:-1]):
        assert observed(DOORS[door](http, malformed, tenant)) == answers["unknown"]


@pytest.mark.parametrize("door", ["basic", "post", "refresh"])
def test_the_wrong_client_is_refused_like_the_wrong_secret(http, tools, tenant, dead_keys, door):
    """
    B3, A7: a right key under another client's id, or under one that does not exist, looks like an unknown key.
    """
    unknown = observed(DOORS[door](http, dead_keys["unknown"], tenant))

    for client_id in (a_tenant(tools).id, "tenant_" + "0" * 26, "nobody"):
        assert observed(DOORS[door](http, tenant.api_key, type(tenant)(client_id, ""))) == unknown


@pytest.mark.parametrize("door", DOORS)
def test_suspension_shows_itself_to_the_right_key_alone(http, tools, tenant, dead_keys, door):
    """
    B3: with a wrong key, a suspended tenant looks like any other.
    """
    unknown = observed(DOORS[door](http, dead_keys["unknown"], tenant))
    caller = {"X-API-Key": an_operator(tools)}
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"status": "suspended"}, headers=caller)

    assert observed(DOORS[door](http, spelt(tenant.api_key[:17] + "0" * 32), tenant)) == unknown
    assert observed(DOORS[door](http, tenant.api_key, tenant)) != unknown


HOSTILE = [
    "sk_live_\0_x",
    "sk_live_\0\0\0\0\0\0\0\0_" + "x" * 32,
    "sk_live_" + "9" * 5000 + "_x",
    "sk_live_äöü_x",
    "___",
    "sk_live__",
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:16]))
def test_a_hostile_key_with_a_right_checksum_is_an_unknown_key(http, tenant, body):
    """
    B3, A6: NULs, endless ids and foreign letters are refused like any unknown key, on every database; never 500.
    """
    for door in ("exchange", "basic", "post", "refresh"):
        assert observed(DOORS[door](http, spelt(body), tenant)) == observed(DOORS[door](http, "x", tenant))


def test_a_dead_refresh_token_does_not_say_why(http, tools, tenant, clock):
    """
    B3, CONTRACT 3: forged, spent, revoked, idle, and of a gone tenant: one answer, in either dialect.
    """
    other = a_tenant(tools)
    idle, spent, revoked, orphaned = (
        str(a_pair(tools, each).refresh_token) for each in (tenant, tenant, tenant, other)
    )
    http.delete(f"/api/v1/tenants/{other.id}", headers={"X-API-Key": other.api_key})
    clock.step(days=29)
    http.post(REFRESH, json={"refresh_token": spent})
    http.post("/api/v1/auth/revoke", json={"refresh_token": revoked})
    clock.step(days=1)

    dead = [idle, spent, revoked, orphaned, idle[:-2] + "AA", "x", ""]
    chalk = [observed(http.post(REFRESH, json={"refresh_token": token})) for token in dead]
    form = [{"grant_type": "refresh_token", "refresh_token": token} for token in dead if token]
    oauth = [observed(http.post(TOKEN, data=each, auth=(tenant.id, tenant.api_key))) for each in form]

    assert chalk[0][0] == 401
    assert oauth[0][0] == 400
    assert all(answer == chalk[0] for answer in chalk)
    assert all(answer == oauth[0] for answer in oauth)


def test_a_foreign_object_is_a_missing_one(http, tools, tenant):
    """
    B8: over every endpoint that takes an id, someone else's and no one's: the same status, body, headers and SQL.
    """
    neighbour = a_tenant(tools)
    room = a_room(tools, neighbour)
    key, bearer = {"X-API-Key": tenant.api_key}, {"Authorization": f"Bearer {a_pair(tools, tenant).access_token}"}
    none_room, none_tenant = "room_" + room[5:9] + "0" * 22, "tenant_" + neighbour.id[7:11] + "0" * 22

    def attempts(tenant_id, room_id):
        yield from (
            http.open(f"/api/v1/tenants/{tenant_id}", method=method, headers=key) for method in ("GET", "DELETE")
        )
        yield http.patch(f"/api/v1/tenants/{tenant_id}", json={"name": "Mine"}, headers=key)
        yield http.post(f"/api/v1/tenants/{tenant_id}/rotate-key", headers=key)
        for caller in (key, bearer):
            yield http.get(f"{ROOMS}/{room_id}", headers=caller)
            yield http.post(f"{ROOMS}/{room_id}/end", headers=caller)
        yield http.post(EXCHANGE, json={"api_key": tenant.api_key, "room_id": room_id})

    http.get("/.well-known/jwks.json")  # as above
    with statements() as foreign_work:
        foreign = [observed(answer) for answer in attempts(neighbour.id, room)]
    with statements() as missing_work:
        missing = [observed(answer) for answer in attempts(none_tenant, none_room)]

    assert {answer[0] for answer in foreign} == {404}
    assert foreign == missing
    assert foreign_work == missing_work
    assert http.get(f"{ROOMS}/{room}", headers={"X-API-Key": neighbour.api_key}).json["data"]["status"] == "active"
