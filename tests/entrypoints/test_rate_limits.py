"""How much a key may ask, what every answer says of it, and who sets it."""

import dataclasses
import re

import pytest

from app.domain.rate_limits import Quotas
from app.entrypoints.wiring import wiring_of
from app.flows import steps
from tests.builders import Tenant, a_room, a_tenant, an_operator
from tests.guessers import DOORS, Secrets, at
from tests.named_keys import by, keys_of, name_of, post, posted

HOME, ELSEWHERE = "10.0.0.1", "192.0.2.1"
ROOMS = DOORS["rooms"]


@pytest.fixture(scope="module")
def limited(make_app):
    """An application with six requests a minute for a key; its client is a proxy of ours."""
    return make_app(REQUESTS_PER_KEY="6", TOKENS_PER_TENANT="100", TRUSTED_PROXIES="127.0.0.1")


@pytest.fixture
def http(limited, clock):
    """A client of it."""
    return limited.test_client()


@pytest.fixture
def tools(limited):
    """What its stories reach for."""
    return wiring_of(limited).tools


@pytest.fixture
def tenant(tools):
    """A tenant of the test's own."""
    return a_tenant(tools)


def left(answer):
    """Give what a success says that is left, and after how many seconds all is; its policy is the key's."""
    assert answer.status_code < 300, answer.text
    quota = re.fullmatch(r'"key";q=(\d+);w=60', answer.headers["RateLimit-Policy"])
    said = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert quota
    assert said
    return int(quota[1]), int(said[1]), int(said[2])


def test_a_key_has_one_limit_at_all_doors(http, tenant, clock):
    """
    A17: six uses a minute, wherever; each says what is left. Then every door refuses in its own words, says when to
    come back, and hears the key at that second, not one earlier.
    """
    doors = [door for name, door in DOORS.items() if "assertion" not in name][:6]
    for number, door in enumerate(doors):
        assert left(door(http, tenant, HOME)) == (6, 5 - number, 60 - number)
        clock.step(seconds=1)

    answers = {name: door(http, tenant, HOME) for name, door in DOORS.items() if "assertion" not in name}

    for name, answer in answers.items():
        assert answer.status_code == 429, name
        if name.startswith("/oauth"):
            assert answer.json == {"error": "temporarily_unavailable", "error_description": "Too many requests"}
        else:
            assert answer.json == {"error": {"code": "RATE_LIMITED", "message": "Too many requests"}}
        assert answer.headers["RateLimit-Policy"] == '"key";q=6;w=60'
        assert answer.headers["RateLimit"] == '"key";r=0;t=54'
        assert answer.headers["Retry-After"] == "54"
    clock.step(seconds=53)
    assert ROOMS(http, tenant, HOME).status_code == 429
    clock.step(seconds=1)
    assert left(ROOMS(http, tenant, HOME)) == (6, 5, 60)


def test_nobody_else_uses_up_what_a_key_has(http, tools, tenant):
    """
    A17: not who knows its id, not who has it and is elsewhere; and a source that guesses costs its owner nothing.
    """
    confined = posted(http, tenant, allowed_cidrs=["10.0.0.0/8"])
    wrong = Secrets(tools, confined)
    for _ in range(8):
        assert ROOMS(http, wrong.named(), ELSEWHERE).status_code == 401
        assert ROOMS(http, confined, ELSEWHERE).status_code == 403

    assert left(ROOMS(http, confined, HOME))[:2] == (6, 5)


def test_a_paused_tenant_uses_up_nothing(http, tools, tenant):
    """
    A17: requests that are refused since the tenant is suspended do not count.
    """
    operator = by(an_operator(tools))
    path = f"/api/v1/tenants/{tenant.id}"
    http.patch(path, json={"status": "suspended"}, headers=operator)
    assert {ROOMS(http, tenant, HOME).status_code for _ in range(8)} == {403}

    http.patch(path, json={"status": "active"}, headers=operator)

    assert left(ROOMS(http, tenant, HOME))[:2] == (6, 5)


def test_what_is_told_is_the_limit_nearest_to_its_end(make_app, clock):
    """
    An exchange counts for the key and for the tenant; a refresh for both limits of sessions. What was counted against
    none, and what was refused, says nothing.
    """
    app = make_app(REQUESTS_PER_KEY="60", TOKENS_PER_TENANT="50", TOKENS_PER_SESSION="40")
    http, tools = app.test_client(), wiring_of(app).tools
    tenant = a_tenant(tools)

    exchanged = DOORS["exchange"](http, tenant, HOME)
    refreshed = http.post("/api/v1/auth/refresh", json={"refresh_token": exchanged.json["data"]["refresh_token"]})
    token = {"Authorization": f"Bearer {exchanged.json['data']['access_token']}"}
    silent = [http.get("/api/v1/rooms", headers=token), http.get("/healthz"), http.get("/api/v1/x", headers=token)]
    silent += [http.get("/api/v1/rooms/room_x", headers=by(tenant.api_key))]

    assert [answer.headers["RateLimit"] for answer in (exchanged, refreshed)] == [
        '"tenant";r=49;t=60',
        '"session";r=39;t=60',
    ]
    assert refreshed.headers["RateLimit-Policy"] == '"session";q=40;w=60'
    assert not any("RateLimit" in answer.headers for answer in silent)


def test_many_admissions_count_each(make_app, clock):
    """
    A17: of a bulk, as many are admitted as there are tokens left; the others are refused one by one.
    """
    app = make_app(TOKENS_PER_TENANT="3")
    http, tools = app.test_client(), wiring_of(app).tools
    tenant = a_tenant(tools)
    path = f"/api/v1/rooms/{a_room(tools, tenant)}/participants"
    guests = [{"display_name": f"Guest {number}"} for number in range(5)]

    answer = http.post(f"{path}/bulk", json={"participants": guests}, headers=by(tenant.api_key))

    assert [each.get("error") for each in answer.json["data"]] == [None] * 3 + [
        {"code": "RATE_LIMITED", "message": "Too many requests"}
    ] * 2
    assert answer.headers["RateLimit"] == '"tenant";r=0;t=60'
    assert len(http.get(path, headers=by(tenant.api_key)).json["data"]) == 3


def test_a_key_may_have_a_limit_of_its_own(http, tools, tenant, clock):
    """
    CONTRACT 3: it is asked for, shown, and holds; its successor has it too, with a count of its own; null is the usual
    one.
    """
    answer = post(http, tenant, rate_limit_per_minute=2)
    key = Tenant(tenant.id, answer.json["data"]["api_key"])
    assert answer.json["data"]["rate_limit_per_minute"] == 2

    assert left(ROOMS(http, key, HOME)) == (2, 1, 60)
    assert left(ROOMS(http, key, HOME)) == (2, 0, 60)
    assert ROOMS(http, key, HOME).headers["RateLimit-Policy"] == '"key";q=2;w=60'

    path = keys_of(tenant, name_of(key))
    rotated = http.post(f"{path}/rotate", headers=by(tenant.api_key)).json["data"]
    successor = Tenant(tenant.id, rotated["api_key"])
    assert (rotated["rate_limit_per_minute"], left(ROOMS(http, successor, HOME))) == (2, (2, 1, 60))
    changed = [
        http.patch(keys_of(tenant, rotated["id"]), json=body, headers=by(tenant.api_key)).json["data"]
        for body in ({"rate_limit_per_minute": 5}, {"name": "CI"}, {"rate_limit_per_minute": None})
    ]
    assert [each["rate_limit_per_minute"] for each in changed] == [5, 5, None]
    clock.step(seconds=60)
    assert left(ROOMS(http, successor, HOME)) == (6, 5, 60)
    read = http.get(keys_of(tenant, rotated["id"]), headers=by(tenant.api_key)).json["data"]
    assert (read["name"], read["rate_limit_per_minute"]) == ("CI", None)


@pytest.mark.parametrize("bad", [0, -1, 1_000_001, 1.5, "5", True])
def test_a_limit_is_a_whole_number(http, tenant, bad):
    """
    CONTRACT 3: of at least one; a key that may do nothing is revoked instead.
    """
    answer = post(http, tenant, rate_limit_per_minute=bad)

    assert answer.status_code == 400
    assert answer.json["error"]["details"][0]["field"] == "rate_limit_per_minute"


def test_no_key_gives_more_than_it_has(http, tools, tenant, clock):
    """
    I10: not to a new key, to another or to itself, not by null, and not by rotating one that has more; an operator may.
    """
    small = posted(http, tenant, rate_limit_per_minute=3)
    own = keys_of(tenant, name_of(small))

    refusals = [
        post(http, small, rate_limit_per_minute=4),
        http.patch(own, json={"rate_limit_per_minute": 4}, headers=by(small.api_key)),
        http.patch(own, json={"rate_limit_per_minute": None}, headers=by(small.api_key)),
    ]
    clock.step(seconds=60)
    rotation = http.post(keys_of(tenant, name_of(tenant), "rotate"), headers=by(small.api_key))

    for answer in [*refusals, post(http, tenant, rate_limit_per_minute=7)]:
        assert answer.status_code == 400
        assert answer.json["error"]["details"] == [
            {"field": "rate_limit_per_minute", "message": "must be at most that of the calling key"}
        ]
    assert rotation.status_code == 403
    clock.step(seconds=60)
    assert post(http, small).json["data"]["rate_limit_per_minute"] == 3
    assert post(http, small, rate_limit_per_minute=2).status_code == 201
    lowered = http.patch(own, json={"rate_limit_per_minute": 1}, headers=by(small.api_key))
    assert lowered.json["data"]["rate_limit_per_minute"] == 1
    assert ROOMS(http, small, HOME).status_code == 429

    operator = by(an_operator(tools))
    raised = http.patch(own, json={"rate_limit_per_minute": 1000}, headers=operator)
    assert raised.json["data"]["rate_limit_per_minute"] == 1000
    assert left(ROOMS(http, small, HOME))[0] == 1000


def test_without_a_usual_limit_a_limited_key_gives_limited_ones(tools, clock):
    """
    I10: where there is no usual limit, null gives more than any number.
    """
    unlimited = dataclasses.replace(tools, quotas=Quotas(0, 0, 0, clock))
    small, free = (steps.Rights("keys:write", by_key=True, requests_per_minute=each) for each in (3, None))

    assert [steps.allows(small, each, unlimited) for each in (None, 4, 3)] == [False, False, True]
    assert [steps.allows(free, each, unlimited) for each in (None, 1_000_000)] == [True, True]


def test_operators_have_no_limit(http, tools, tenant):
    """
    A17: whoever mends what has gone wrong is not held up; nothing is counted for them.
    """
    operator = by(an_operator(tools))

    answers = [http.get(f"/api/v1/tenants/{tenant.id}", headers=operator, **at(HOME)) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("RateLimit" in answer.headers for answer in answers)
