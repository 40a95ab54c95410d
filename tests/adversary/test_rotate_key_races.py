"""One API key, replaced many times at once; and when exactly the old one stops working, on every worker."""

import dataclasses
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from app.domain.api_keys.tables import ApiKeyRow
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refusals import InvalidApiKeyError
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from app.foundation.clock import rfc3339
from app.foundation.identifiers import parse_id
from tests.adversary.races import at_once, racers
from tests.builders import a_tenant
from tests.clock import StillClock

LINES = 16
ROUNDS = 25
AFTERWARDS = 200


@pytest.fixture(scope="module", params=["threads", "processes"])
def lines(request, database_url, make_app):
    with racers(request.param, LINES, database_url, make_app) as opened:
        yield opened


def rotate(line, tenant, **body):
    return line.send(f"/api/v1/tenants/{tenant.id}/rotate-key", body, headers={"X-API-Key": tenant.api_key})


def read_tenant(line, tenant, key):
    return line.send(f"/api/v1/tenants/{tenant.id}", headers={"X-API-Key": key})


def exchange(line, key):
    return line.send("/api/v1/auth/token", {"api_key": key})


def keys_of(tenant, tools):
    statement = select(ApiKeyRow.__table__).where(ApiKeyRow.tenant_id == parse_id("tenant", tenant.id))
    with tools.database.reading() as connection:
        return connection.execute(statement).all()


@pytest.mark.parametrize("contenders", [2, LINES])
@pytest.mark.parametrize("body", [{}, {"grace_period": 600}, {"reason": "compromised"}], ids=str)
def test_of_many_rotations_at_once_one_wins_and_the_others_are_told(lines, tools, contenders, body):
    """
    B6: however many replace a key at once, it gets one successor, which works; nobody else is given a key.
    """
    for _ in range(ROUNDS):
        tenant = a_tenant(tools)

        answers = at_once([partial(rotate, line, tenant, **body) for line in lines[:contenders]])

        (winner,) = [answer for answer in answers if answer.status == 200]
        losers = {(answer.status, answer.code) for answer in answers if answer is not winner}
        assert losers <= {(409, "KEY_NOT_ACTIVE"), (401, "UNAUTHORIZED")}
        old, new = sorted(keys_of(tenant, tools), key=lambda row: row.replaces is not None)
        assert new.replaces == old.id
        assert read_tenant(lines[0], tenant, winner.body["data"]["api_key"]).status == 200
        assert read_tenant(lines[0], tenant, tenant.api_key).status == (200 if "grace_period" in body else 401)


def test_a_replaced_key_is_dead_on_every_worker_at_the_next_request(lines, tools):
    """
    B5, I10: after the 200 of a rotation, none of 200 requests with the old key succeeds, over whatever line.
    """
    tenant = a_tenant(tools)
    everywhere = [read_tenant(line, tenant, tenant.api_key).status for line in lines]
    answer = rotate(lines[0], tenant)

    def use_the_old_key(line):
        requests = range(AFTERWARDS // LINES // 2 + 1)
        return [(read_tenant(line, tenant, tenant.api_key), exchange(line, tenant.api_key)) for _ in requests]

    results = at_once([partial(use_the_old_key, line) for line in lines])

    answers = [one for result in results for pair in result for one in pair]
    assert set(everywhere) == {200}
    assert answer.status == 200
    assert len(answers) >= AFTERWARDS
    assert {(one.status, one.code) for one in answers} == {(401, "UNAUTHORIZED")}
    assert {exchange(line, answer.body["data"]["api_key"]).status for line in lines} == {200}


def test_a_key_in_its_grace_works_on_every_worker_and_says_so(lines, tools):
    """
    B5: with a grace, the old key works everywhere, and each answer tells until when.
    """
    tenant = a_tenant(tools)
    assert rotate(lines[0], tenant, grace_period=600).status == 200

    answers = at_once([partial(read_tenant, line, tenant, tenant.api_key) for line in lines])
    answers += at_once([partial(exchange, line, tenant.api_key) for line in lines])

    (end,) = {row.grace_ends_at for row in keys_of(tenant, tools) if row.grace_ends_at}
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers.get("x-api-key-status") for answer in answers} == {f'rotating; expires_at="{rfc3339(end)}"'}


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
