"""A store of limits that dies and comes back under two workers: good keys notice nothing, guessers gain little."""

import logging

import pytest

from app.entrypoints.wiring import wiring_of
from tests.builders import Tenant, a_tenant
from tests.guessers import DOORS, Secrets, refresh
from tests.stores import a_store

GUESSER, OWNER = "192.0.2.1", "198.51.100.1"
LIMITS = {"GUESSES_PER_SOURCE": "6", "GUESSES_PER_CREDENTIAL": "1000", "REQUESTS_PER_KEY": "10"}
ROOMS, EXCHANGE = DOORS["rooms"], DOORS["exchange"]


@pytest.fixture(scope="module")
def _running():
    with a_store() as store:
        yield store


@pytest.fixture
def store(_running):
    """A store with nothing in it, which answers."""
    _running.kill()
    _running.start()
    return _running


@pytest.fixture
def apps(start, store):
    """Two workers on one database and one store, with limits that few requests reach."""
    return [start(LIMITS_URL=store.url, **LIMITS) for _ in range(2)]


@pytest.fixture
def workers(apps):
    """A client of each."""
    return [app.test_client() for app in apps]


@pytest.fixture
def tools(apps):
    """What the stories of one of them reach for."""
    return wiring_of(apps[0]).tools


def in_turn(workers, times):
    """Give so many clients, the workers in turn."""
    return [workers[number % len(workers)] for number in range(times)]


def told(caplog):
    """Give what was logged of the store."""
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("limits.")]


def minute_over(store, clock):
    """Let a minute go by, here and in the store."""
    clock.step(seconds=61)
    store.forget()


def test_two_workers_have_one_limit(workers, tools, store, clock):
    """
    A17: a key's ten requests and a source's six guesses are counted over both, and said by either; then both refuse.
    """
    tenant = a_tenant(tools)

    answers = [ROOMS(http, tenant, OWNER) for http in in_turn(workers, 12)]
    guesses = [ROOMS(http, Tenant("", "nonsense"), GUESSER) for http in in_turn(workers, 10)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == [
        *(f"r={number}" for number in range(9, -1, -1)),
        *["r=0"] * 2,
    ]
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers[10:])
    assert [answer.status_code for answer in guesses] == [401] * 6 + [429] * 4
    minute_over(store, clock)
    assert {ROOMS(http, tenant, OWNER).status_code for http in workers} == {200}


def test_good_keys_go_on_and_guesses_stay_bounded_without_the_store(workers, tools, store, clock, caplog):
    """
    A17: while the store is away a right key is 200 at every worker, also one that shares the guesser's address; guesses
    are bounded by each worker; it is told once by each, and so is that it came back.
    """
    caplog.set_level(logging.INFO)
    tenant, fresh, neighbour = (a_tenant(tools) for _ in range(3))
    wrong = Secrets(tools, tenant)
    refresh_token = EXCHANGE(workers[0], tenant, OWNER).json["data"]["refresh_token"]
    assert ROOMS(workers[0], neighbour, GUESSER).status_code == 200
    assert [ROOMS(http, wrong.named(), GUESSER).status_code for http in in_turn(workers, 8)] == [401] * 6 + [429] * 2
    assert ROOMS(workers[1], neighbour, GUESSER).status_code == 200

    store.kill()

    for key in (tenant, fresh):
        for http in in_turn(workers, 6):
            clock.step(seconds=1)
            assert ROOMS(http, key, OWNER).status_code == 200
    assert {ROOMS(http, neighbour, GUESSER).status_code for http in workers} == {200}
    assert refresh(workers[1], refresh_token, OWNER).status_code == 200
    assert {ROOMS(http, wrong.named(), GUESSER).status_code for http in in_turn(workers, 8)} == {429}
    heard = [ROOMS(http, wrong.named(), "203.0.113.1").status_code for http in in_turn(workers, 40)]
    assert heard.count(401) == 12
    assert told(caplog) == ["limits.away"] * 2

    store.start()
    clock.step(seconds=5)
    for http in in_turn(workers, 4):
        assert ROOMS(http, fresh, OWNER).status_code == 200
    assert told(caplog) == ["limits.away"] * 2 + ["limits.back"] * 2
    assert [ROOMS(http, wrong.named(), "203.0.113.2").status_code for http in in_turn(workers, 8)] == [401] * 6 + [
        429
    ] * 2


def test_a_worker_begins_without_the_store(start, store, clock, caplog):
    """
    A17: to be away at the start is an outage like any other.
    """
    caplog.set_level(logging.INFO)
    store.kill()

    app = start(LIMITS_URL=store.url, **LIMITS)
    http, tenant = app.test_client(), a_tenant(wiring_of(app).tools)

    assert ROOMS(http, tenant, OWNER).status_code == 200
    assert [ROOMS(http, Tenant("", "nonsense"), GUESSER).status_code for _ in range(8)] == [401] * 6 + [429] * 2
    assert told(caplog) == ["limits.away"]
    shared = wiring_of(app).tools.shared_limits
    assert shared is not None
    assert shared.away
    scraped = app.test_client().get("/metrics").text
    assert "chalk_limits_store_away 1.0" in scraped
    assert f"chalk_limits_store_failures_total {float(shared.failures)}" in scraped
