"""One API key, replaced many times at once; and when exactly the old one stops working, on every worker."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refusals import InvalidApiKeyError
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from app.foundation.clock import rfc3339
from tests.adversary.races import Answer, at_once, lines_to
from tests.adversary.workers import a_line_to_each_worker, basic
from tests.builders import Tenant, a_tenant
from tests.clock import StillClock
from tests.named_keys import a_named_key, by, keys_of, name_of
from tests.servers import serve

WORKERS = 4
ROUNDS_OF_ALL = 10
AFTERWARDS = 1_000
SCOPES = "keys:write rooms:read"
GRACE = {"grace_period": 600}


@pytest.fixture(scope="module")
def server(database_url):
    """A server of four workers."""
    with serve(database_url, workers=WORKERS) as running:
        yield running


@pytest.fixture(scope="module")
def lines(server):
    """A line to each of them."""
    with a_line_to_each_worker(server, WORKERS) as opened:
        yield opened


@pytest.fixture(scope="module")
def callers(server):
    """As many lines to whichever of them, which go on when a worker hangs up."""
    with lines_to(server, WORKERS) as opened:
        yield opened


def itself(line, _tenant, key, body=None):
    return line.send("POST", f"/api/v1/tenants/{key.id}/rotate-key", body, headers=by(key.api_key))


def itself_compromised(caller, _tenant, key):
    # A worker hangs up on who sends a body with a key that is dead, as losers do here.
    return caller.send(f"/api/v1/tenants/{key.id}/rotate-key", {"reason": "compromised"}, headers=by(key.api_key))


def by_name(line, tenant, key, body=None):
    return line.send("POST", keys_of(tenant, name_of(key), "rotate"), body, headers=by(tenant.api_key))


def revoked(line, tenant, key):
    return line.send("DELETE", keys_of(tenant, name_of(key)), headers=by(tenant.api_key))


def read_rooms(line, key):
    return line.send("GET", "/api/v1/rooms", headers=by(key.api_key))


def exchange(line, key):
    return line.send("POST", "/api/v1/auth/token", {"api_key": key.api_key})


def client_credentials(line, key):
    form = {"grant_type": "client_credentials"}
    return line.send("POST", "/oauth/token", form=form, headers=basic(key.id, key.api_key))


DOORS = (read_rooms, exchange, client_credentials)


def refusal(answer):
    """Give the status and the code of a refusal in either dialect."""
    error = answer.body.get("error")
    return answer.status, error["code"] if isinstance(error, dict) else error


RACES: dict[str, tuple[Callable[..., Answer], int]] = {
    "rotate-key": (itself, 50),
    "rotate-key with a grace": (partial(itself, body=GRACE), 20),
    "rotate-key of a stolen key": (itself_compromised, 20),
    "by name": (by_name, 50),
    "by name with a grace": (partial(by_name, body=GRACE), 20),
    "by name of a stolen key": (partial(by_name, body={"reason": "compromised"}), 20),
}


@pytest.mark.parametrize("race", RACES)
def test_of_rotations_at_once_one_wins_and_the_others_are_told(lines, callers, tools, race):
    """
    B6: two workers replace a key at once, and then all four: it gets one successor, which is current and works; nobody
    else is given a key.
    """
    way, rounds = RACES[race]
    crowd = callers if way is itself_compromised else lines
    for number in range(rounds + ROUNDS_OF_ALL):
        tenant = a_tenant(tools)
        key = a_named_key(tools, tenant, SCOPES)
        pair = [crowd[number % WORKERS], crowd[(number + 1) % WORKERS]]

        answers = at_once([partial(way, line, tenant, key) for line in (pair if number < rounds else crowd)])

        (winner,) = [answer for answer in answers if answer.status in {200, 201}]
        told = {refusal(answer) for answer in answers if answer is not winner}
        # Who comes by a key that has just died is told no more than that.
        dead = {(401, "UNAUTHORIZED")} if way in {itself, itself_compromised} else set()
        assert told <= {(409, "KEY_NOT_ACTIVE")} | dead
        new = Tenant(tenant.id, winner.body["data"]["api_key"])
        assert_replaced(lines[number % WORKERS], tenant, key, new, grace="grace" in race)


def assert_replaced(line, tenant, old, new, *, grace):
    """Of the tenant's keys, the owner's and the new one are current, and no other; each says so and does so."""
    listed = line.send("GET", keys_of(tenant), headers=by(tenant.api_key)).body["data"]
    found = {key["id"]: (key["status"], key["replaces"], key["replaced_by"]) for key in listed}
    assert found == {
        name_of(tenant): ("active", None, None),
        name_of(old): ("rotating" if grace else "revoked", None, name_of(new)),
        name_of(new): ("active", name_of(old), None),
    }
    assert read_rooms(line, new).status == 200
    assert read_rooms(line, old).status == (200 if grace else 401)


@pytest.mark.parametrize("way", [itself, by_name, revoked], ids=["rotate-key", "by name", "revoked"])
def test_an_ended_key_is_dead_on_every_worker_at_the_next_request(lines, tools, way):
    """
    B5, I10: after the 200, none of 1,000 requests with the old key succeeds, over four workers and every door, all of
    which knew it well.
    """
    tenant = a_tenant(tools)
    key = a_named_key(tools, tenant, SCOPES)
    before = {door(line, key).status for line in lines for door in DOORS}

    def use_the_old_key(line):
        return [DOORS[number % len(DOORS)](line, key) for number in range(AFTERWARDS // WORKERS)]

    ended = way(lines[0], tenant, key)
    results = at_once([partial(use_the_old_key, line) for line in lines])

    answers = [refusal(answer) for result in results for answer in result]
    assert (before, ended.status) == ({200}, 201 if way is by_name else 200)
    assert len(answers) == AFTERWARDS
    assert set(answers) == {(401, "UNAUTHORIZED"), (401, "invalid_client")}
    if way is not revoked:
        new = Tenant(tenant.id, ended.body["data"]["api_key"])
        assert {door(line, new).status for line in lines for door in DOORS} == {200}


def test_a_key_in_its_grace_works_on_every_worker_and_says_so(lines, tools):
    """
    B5: with a grace, the old key works everywhere, and each answer tells until when.
    """
    tenant = a_tenant(tools)
    assert itself(lines[0], tenant, tenant, GRACE).status == 200

    answers = [door(line, tenant) for line in lines for door in DOORS]

    (listed, _) = lines[0].send("GET", keys_of(tenant), headers=by(tenant.api_key)).body["data"]
    assert {answer.status for answer in answers} == {200}
    told = {answer.headers.get("x-api-key-status") for answer in answers}
    assert told == {f'rotating; expires_at="{listed["grace_ends_at"]}"'}


def test_a_grace_ends_exactly_when_it_was_said_to(http, tools, clock):
    """
    B5: the old key works until the last microsecond of its grace, and from its end on never again.
    """
    tenant = a_tenant(tools)
    headers = {"X-API-Key": tenant.api_key}
    end = rfc3339(clock.now() + timedelta(seconds=60))
    rotated = http.post(f"/api/v1/tenants/{tenant.id}/rotate-key", headers=headers, json={"grace_period": 60})

    clock.step(seconds=60, microseconds=-1)
    at_last = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key})
    clock.step(microseconds=1)
    too_late = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key})

    assert rotated.status_code == 200
    assert "X-API-Key-Status" not in http.get(f"/api/v1/tenants/{tenant.id}", headers=headers).headers
    assert (at_last.status_code, at_last.headers["X-API-Key-Status"]) == (200, f'rotating; expires_at="{end}"')
    assert (too_late.status_code, "X-API-Key-Status" in too_late.headers) == (401, False)


@pytest.mark.parametrize("reason", ["routine", "compromised"])
def test_a_key_without_a_grace_is_dead_whatever_the_clock_says(tools, tenant, clock, reason):
    """
    I7, I10: neither a request that asked the time just before the rotation did, nor a slow host, revives the old key.
    """
    late = StillClock()
    late.step(seconds=-30)
    on_a_slow_host = dataclasses.replace(tools, clock=late)
    caller = authenticate_api_key(tenant.api_key, tools)

    rotate_api_key(caller, tenant.id, 0, reason, tools)

    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(tenant.api_key, on_a_slow_host)
    with pytest.raises(InvalidApiKeyError):
        exchange_api_key(Exchange(Credential(secret=tenant.api_key), offline=True), on_a_slow_host)
