"""Counters that workers share, in a real server: counted together, away, hung, and back."""

import functools
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.rate_limits import Guess, Guesses, Quotas, Shared
from app.domain.rate_limits.counters import Counters
from app.domain.rate_limits.limits import Window
from app.foundation.errors import ConfigurationError
from tests.clock import StillClock
from tests.stores import a_store

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"


@pytest.fixture(scope="module")
def _running():
    with a_store() as store:
        yield store


@pytest.fixture
def store(_running):
    """A store with nothing in it, which answers."""
    _running.go_on()
    _running.kill()
    _running.start()
    return _running


@pytest.fixture
def clock():
    """A clock of the test's own."""
    return StillClock()


@pytest.fixture
def worker(store, clock):
    """Make a worker's guesses: three wrong credentials a source, five a credential; all have one master key."""
    return lambda: Guesses(3, 5, clock, Shared(store.url, clock), lambda: b"k" * 32)


@pytest.fixture
def connect(store, clock):
    """Make a worker's connection to the store."""
    return lambda: Shared(store.url, clock)


@pytest.fixture
def user(connect, clock):
    """Make a worker that counts uses of keys, ten a minute."""
    return lambda: functools.partial(Quotas(10, 5, 3, clock, connect()).use_key, per_minute=None)


def events(caplog, *names):
    """Give the fields of the events of these names, in order."""
    return [(each.getMessage(), each.fields) for each in caplog.records if each.getMessage() in names]


def test_workers_count_guesses_together(store, worker):
    """
    A17: three wrong credentials, however they are spread over workers; a source is then unheard at all of them, for as
    long as the store says, and a credential's guessers are told so everywhere.
    """
    one, other = worker(), worker()

    counted = [each.was_wrong(Guess(HERE, "7Hq2Zt9B")) for each in (one, other, one)]

    assert [each.spent for each in counted] == [None] * 3
    assert [limit.policy for each in counted for limit in each.reached] == ["source"]
    assert [1 <= each.is_unheard(Guess(HERE)).retry_after_seconds <= 60 for each in (one, other)] == [True] * 2
    assert other.is_unheard(Guess(ELSEWHERE)) is None
    for number in range(2):
        assert other.was_wrong(Guess(f"203.0.113.{number}", "7Hq2Zt9B")).spent is None
    assert one.was_wrong(Guess(ELSEWHERE, "7Hq2Zt9B")).spent.limit.policy == "credential"
    assert all(0 < left <= 60_000 for left in store.names().values())
    assert set(store.names()) >= {"chalk/source/192.0.2.1", "chalk/credential/7Hq2Zt9B"}


def test_what_worked_at_one_worker_is_heard_at_the_others(store, worker, clock):
    """
    A17, B2: a neighbour of the guesser is heard at a worker that never saw them; once it is wrong it is heard nowhere.
    What is told is a code, for an hour, and no secret.
    """
    one, other = worker(), worker()
    right = Guess(HERE, "7Hq2Zt9B", "the secret")
    one.was_right(right)
    for _ in range(3):
        one.was_wrong(Guess(HERE))

    assert other.is_unheard(Guess(HERE, "7Hq2Zt9B", "another")) is not None
    assert other.is_unheard(right) is None
    (code,) = [name for name in store.names() if name.startswith("chalk/worked/")]
    assert 3_500_000 < store.names()[code] <= 3_600_000
    assert b"secret" not in b"".join(store.client.keys("*"))

    other.was_wrong(right)
    assert other.is_unheard(right) is not None
    assert worker().is_unheard(right) is not None

    # Told again after half an hour, since the others forget after one.
    store.forget()
    one.was_right(right)
    assert store.names() == {}
    clock.step(minutes=30)
    one.was_right(right)
    assert code in store.names()


def test_a_store_that_dies_is_told_once_and_guesses_stay_bounded(store, worker, clock, caplog):
    """
    A17: who had used up the limit has not got it back, others have one at each worker; nothing is counted nowhere.
    """
    caplog.set_level(logging.INFO)
    one, other = worker(), worker()
    for _ in range(3):
        one.was_wrong(Guess(HERE))
    assert other.is_unheard(Guess(HERE)) is not None
    for _ in range(2):
        other.was_wrong(Guess(ELSEWHERE))

    store.kill()

    assert all(each.is_unheard(Guess(HERE)) is not None for each in (one, other))
    assert other.was_wrong(Guess(ELSEWHERE)).spent is None
    assert other.was_wrong(Guess(ELSEWHERE)).spent is not None
    heard = [one.was_wrong(Guess("203.0.113.9")).spent is None for _ in range(6)]
    assert heard == [True] * 3 + [False] * 3
    away = events(caplog, "limits.away")
    assert len(away) == 2
    assert all("refused" in fields["reason"] for _, fields in away)

    clock.step(seconds=60)
    assert one.is_unheard(Guess(HERE)) is None
    assert len(events(caplog, "limits.away")) == 2


def test_an_outage_costs_one_wait_in_five_seconds(store, connect, clock, caplog):
    """
    A store that hangs is waited for once, for well under a second, and not asked again for five; then one asks, and
    finds it back. Each is counted.
    """
    caplog.set_level(logging.INFO)
    shared = connect()
    assert shared.hit("name", 60).count == 1
    store.hang()

    began = time.monotonic()
    assert [shared.hit("name", 60) for _ in range(200)] == [None] * 200
    assert 0.2 < time.monotonic() - began < 0.9
    assert (shared.away, shared.failures) == (True, 1)

    clock.step(seconds=5, microseconds=-1)
    assert shared.look("name") is None
    assert shared.failures == 1
    clock.step(microseconds=1)
    assert shared.look("name") is None
    assert shared.failures == 2

    store.go_on()
    assert shared.hit("name", 60) is None
    clock.step(seconds=5)
    assert shared.hit("name", 60).count >= 2
    assert (shared.away, shared.failures) == (False, 2)
    assert [name for name, _ in events(caplog, "limits.away", "limits.back")] == ["limits.away", "limits.back"]


def test_one_of_many_waits_for_a_store_that_is_away(store, connect, clock):
    """
    When it is time to ask again, one thread finds out for all; the others go on at once.
    """
    shared = connect()
    store.hang()
    shared.hit("name", 60)
    clock.step(seconds=5)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: shared.hit("name", 60), range(64)))

    assert answers == [None] * 64
    assert shared.failures == 2


def test_a_store_that_forgets_gives_nothing_back(store, worker):
    """
    A17: a source that a worker knows to be beyond its limit stays so for its minute, without another question.
    """
    guesser = worker()
    for _ in range(3):
        guesser.was_wrong(Guess(HERE))

    store.forget()

    assert guesser.is_unheard(Guess(HERE)) is not None
    assert store.names() == {}


def test_an_answer_that_comes_late_makes_nobody_forget(clock):
    """
    A17: of two answers of the store that change places, the higher count is kept; of another minute, the newer one.
    """
    counters = Counters(clock)
    counters.learn("name", Window(9, 30.0), 60)
    counters.learn("name", Window(8, 30.0), 60)
    assert counters.look("name") == Window(9, 30.0)

    clock.step(seconds=30)
    counters.learn("name", Window(1, 60.0), 60)
    assert counters.hit("name", 60) == Window(2, 60.0)


def test_a_store_that_was_begun_anew_needs_nobody(store, connect):
    """
    A connection that went stale, and scripts that are not known any more, cost nobody an answer.
    """
    shared = connect()
    assert [shared.hit("name", 60).count for _ in range(2)] == [1, 2]

    store.kill()
    store.start()

    assert [shared.hit("name", 60).count for _ in range(2)] == [1, 2]
    assert not shared.away


def test_a_store_that_refuses_is_away(store, connect, caplog):
    """
    A wrong password, a full memory or a name of another kind: whatever it does not count is counted in memory.
    """
    caplog.set_level(logging.INFO)
    shared = connect()
    store.client.rpush("chalk/name", "x")

    assert shared.hit("name", 60) is None

    assert "WRONGTYPE" in events(caplog, "limits.away")[0][1]["reason"]


def test_a_name_without_an_end_gets_one(store, connect):
    """
    A17: nobody is beyond a limit for good, whatever somebody left in the store.
    """
    store.client.set("chalk/name", 100)

    assert connect().hit("name", 60).count == 101

    assert 0 < store.names()["chalk/name"] <= 60_000


def test_quotas_are_counted_together_and_go_on_from_what_was_heard(store, user):
    """
    A17: of ten uses, workers have ten together. While the store is away a right key is refused by a worker that has
    seen it beyond its limit, and by no other.
    """
    one, other = user(), user()
    assert [each("7Hq2Zt9B").remaining for each in (one, other) * 4] == [9, 8, 7, 6, 5, 4, 3, 2]

    store.kill()

    assert [one("7Hq2Zt9B").spent is None for _ in range(4)] == [True] * 3 + [False]
    assert [other("7Hq2Zt9B").spent is None for _ in range(3)] == [True] * 2 + [False]
    assert one("another1").remaining == 9


def test_either_scheme_is_one_protocol(store, connect, clock):
    """
    `valkey://` reaches the same server, by the same client, as `redis://`.
    """
    connect().hit("name", 60)

    Shared(store.url.replace("redis", "valkey"), clock).hit("name", 60)

    assert store.client.get("chalk/name") == b"2"


def test_what_is_missing_is_said(clock, monkeypatch):
    """
    Without the client library, the start fails with what to install; no URL is repeated.
    """
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(ConfigurationError, match="pip install redis"):
        Shared("redis://hidden", clock)


def test_noise_leaves_nothing_but_for_a_minute(store, worker):
    """
    A17: names that nobody has are forgotten by the store itself.
    """
    guesses = worker()
    for number in range(1_000):
        guesses.was_wrong(Guess(f"2001:db8:{number:x}::1", f"{number:08}"))

    names = store.names()
    assert len(names) == 2_000
    assert all(0 < left <= 60_000 for left in names.values())
