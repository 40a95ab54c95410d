"""Somebody guesses at a real server of four workers behind a proxy, in its usual settings, and harms nobody else."""

import time
from functools import partial

import pytest

from app.domain.api_keys.format import compose
from app.foundation.opaque import random_base62
from tests.adversary.races import at_once
from tests.adversary.workers import a_line_to_each_worker, basic
from tests.builders import Tenant, a_tenant
from tests.guessers import id_of
from tests.servers import serve

WORKERS, WRONG_KEYS = 4, 200
# It takes some two seconds; a machine that is busy otherwise may take longer, within the minute that is counted.
MINUTE = 60
# What a worker hears of the 60 and the 20 that all of them may hear together.
PER_SOURCE, PER_KEY = 60 // WORKERS, 20 // WORKERS
GUESSER, OWNER = "203.0.113.9", "192.0.2.1"


@pytest.fixture(scope="module")
def server(database_url):
    """A server that has its usual limits, and believes what a proxy on this machine says."""
    usual = {"GUESSES_PER_SOURCE": None, "GUESSES_PER_CREDENTIAL": None}
    with serve(database_url, workers=WORKERS, TRUSTED_PROXIES="127.0.0.1", **usual) as running:
        yield running


@pytest.fixture(scope="module")
def lines(server):
    """A line to each worker."""
    with a_line_to_each_worker(server, WORKERS) as opened:
        yield opened


def from_(source):
    return {"X-Forwarded-For": source}


def read_rooms(line, key, source):
    return line.send("GET", "/api/v1/rooms", headers={"X-API-Key": key.api_key, **from_(source)})


def exchange(line, key, source):
    return line.send("POST", "/api/v1/auth/token", {"api_key": key.api_key}, headers=from_(source))


def client_credentials(line, key, source):
    headers = basic(key.id, key.api_key) | from_(source)
    return line.send("POST", "/oauth/token", form={"grant_type": "client_credentials"}, headers=headers)


DOORS = (read_rooms, exchange, client_credentials)


def a_guess(tenant, key_id=None):
    """Make up a key, by the id of one that there is or by any."""
    return Tenant(tenant.id, compose("sk", "live", key_id or random_base62(8), random_base62(32)))


def guess_beside_others(line, others, make_guess, source_of, begin=0):
    """
    Send a worker's share of wrong keys, and after each one the right key of all others, who begin after so many; give
    what each was told.
    """
    told: dict[str, list[int]] = {name: [] for name in ("guesser", *others)}
    for number in range(WRONG_KEYS // WORKERS):
        door = DOORS[number % len(DOORS)]
        answer = door(line, make_guess(), source_of(number))
        assert answer.status != 429 or 1 <= int(answer.headers["retry-after"]) <= 60
        told["guesser"].append(answer.status)
        for name, (key, source) in others.items() if number >= begin else ():
            told[name].append(door(line, key, source).status)
    return told


def raced(lines, *arguments):
    began = time.monotonic()
    told = at_once([partial(guess_beside_others, line, *arguments) for line in lines])
    return told, time.monotonic() - began


def test_who_guesses_is_stopped_and_no_right_key_is(lines, tools):
    """
    A17: of 200 wrong keys in ten seconds from one source, each worker hears as many as the limit says, and all others
    are 429; right keys from another source are 200 throughout, and so is one that worked before behind the guesser's
    own address. One that nobody knows there has to come from elsewhere.
    """
    owner, neighbour, late = (a_tenant(tools) for _ in range(3))
    others = {"owner": (owner, OWNER), "neighbour": (neighbour, GUESSER)}
    assert {read_rooms(line, neighbour, GUESSER).status for line in lines} == {200}

    told, seconds = raced(lines, others, lambda: a_guess(owner), lambda _: GUESSER)

    heard, refused = [401] * PER_SOURCE, [429] * (WRONG_KEYS // WORKERS - PER_SOURCE)
    assert [each["guesser"] for each in told] == [heard + refused] * WORKERS
    assert [each[name] for each in told for name in others] == [[200] * (WRONG_KEYS // WORKERS)] * 2 * WORKERS
    assert seconds < MINUTE
    for line in lines:
        assert [read_rooms(line, late, source).status for source in (GUESSER, OWNER)] == [429, 200]


def test_who_guesses_at_one_key_from_everywhere_is_stopped_and_its_owner_is_not(lines, tools):
    """
    A17: 200 wrong secrets for one key, each from another source: the key's limit stops them, and its owner, who comes
    after that and whom no worker ever saw, goes in at once and throughout.
    """
    tenant = a_tenant(tools)
    guesses = partial(a_guess, tenant, id_of(tenant))

    owner = {"owner": (tenant, OWNER)}
    told, seconds = raced(lines, owner, guesses, lambda number: f"198.51.100.{number}", PER_KEY + 1)

    heard, refused = [401] * PER_KEY, [429] * (WRONG_KEYS // WORKERS - PER_KEY)
    assert [each["guesser"] for each in told] == [heard + refused] * WORKERS
    assert [each["owner"] for each in told] == [[200] * (len(refused) - 1)] * WORKERS
    assert seconds < MINUTE
