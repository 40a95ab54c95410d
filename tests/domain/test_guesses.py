"""Counters and guesses: quotas, windows, what is remembered, and how much of it."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.rate_limits import Guess, Guesses
from app.domain.rate_limits.counters import Counters
from app.domain.rate_limits.guesses import network_of
from tests.clock import StillClock

THREADS = 32
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def clock():
    """A clock of the test's own."""
    return StillClock()


@pytest.fixture
def guesses(clock):
    """Three wrong credentials a source, five a credential."""
    return Guesses(3, 5, clock)


def at_once(do):
    """Do something in many threads at the same moment, ten times in each, and give all that came of it."""
    gate = threading.Barrier(THREADS)

    def run(number):
        gate.wait()
        return [do(number) for _ in range(10)]

    usual = sys.getswitchinterval()
    # Threads take turns as often as they can, so that a step that is not one shows.
    sys.setswitchinterval(1e-9)
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            return [each for results in threads.map(run, range(THREADS)) for each in results]
    finally:
        sys.setswitchinterval(usual)


def spend(guesses, source=HERE, **more):
    """Use up the limit of a source."""
    for _ in range(3):
        assert guesses.was_wrong(Guess(source, **more)).spent is None


def test_of_many_at_once_exactly_the_quota_is_let_through(clock):
    """
    A17: 320 wrong credentials in 32 threads: a hundred within the limit, one of them told as the one that reached it.
    """
    guesses = Guesses(100, 1_000_000, clock)

    counted = at_once(lambda _: guesses.was_wrong(Guess(HERE)))

    assert len([each for each in counted if each.spent is None]) == 100
    assert [limit.policy for each in counted for limit in each.reached] == ["source"]


def test_no_hit_is_lost_between_threads(clock):
    """
    A17: however many hit one counter and others beside it, each is counted once.
    """
    counters = Counters(clock)

    counts = at_once(lambda number: (counters.hit("one", 60).count, counters.hit(f"own {number}", 60))[0])

    assert sorted(counts) == list(range(1, 10 * THREADS + 1))
    assert {counters.look(f"own {number}").count for number in range(THREADS)} == {10}


def test_a_window_ends_to_the_microsecond(clock, guesses):
    """
    A17: a source is unheard until a minute after its first guess, and heard from then on, with all of its quota.
    """
    guesses.was_wrong(Guess(HERE))
    clock.step(seconds=20, milliseconds=500)
    guesses.was_wrong(Guess(HERE))
    guesses.was_wrong(Guess(HERE))
    assert guesses.is_unheard(Guess(HERE)).retry_after_seconds == 40

    clock.step(seconds=39, milliseconds=500, microseconds=-1)
    assert guesses.is_unheard(Guess(HERE)).retry_after_seconds == 1
    clock.step(microseconds=1)

    assert guesses.is_unheard(Guess(HERE)) is None
    spend(guesses)


@pytest.mark.parametrize("back", [{"microseconds": 1}, {"hours": 1}, {"days": 400}])
def test_a_clock_put_back_locks_nobody_for_longer_than_a_window(clock, guesses, back):
    """
    A17: whatever happens to the clock, nobody is told to wait for more than a minute, nor has to.
    """
    spend(guesses)

    clock.step(**{unit: -number for unit, number in back.items()})

    spent = guesses.is_unheard(Guess(HERE)) or guesses.was_wrong(Guess(HERE)).spent
    assert spent is None or 1 <= spent.retry_after_seconds <= 60
    clock.step(seconds=60)
    assert guesses.is_unheard(Guess(HERE)) is None


def test_a_credential_that_everybody_guesses_locks_out_guessers_alone(clock, guesses):
    """
    A17: from the sixth wrong one on its guessers are told to wait, wherever they are; nobody is unheard for it.
    """
    spent = [guesses.was_wrong(Guess(f"192.0.2.{number}", "7Hq2Zt9B")).spent for number in range(8)]

    assert [each is None for each in spent] == [True] * 5 + [False] * 3
    assert {each.limit.policy for each in spent[5:]} == {"credential"}
    assert guesses.is_unheard(Guess("192.0.2.7", "7Hq2Zt9B")) is None
    assert guesses.was_wrong(Guess(ELSEWHERE, "another1")).spent is None


def test_what_worked_lately_is_heard_for_an_hour(clock, guesses):
    """
    A17: not a moment longer without working again, and not any more once it was wrong.
    """
    right = Guess(HERE, "name", "right")
    guesses.was_right(right)
    clock.step(hours=1, microseconds=-1)
    spend(guesses)
    assert guesses.is_unheard(right) is None
    assert guesses.is_unheard(Guess(HERE, "name", "wrong")) is not None

    clock.step(microseconds=1)
    assert guesses.is_unheard(right) is not None
    guesses.was_right(right)
    assert guesses.is_unheard(right) is None
    guesses.was_wrong(right)
    assert guesses.is_unheard(right) is not None


def test_a_neighbour_does_not_make_a_client_of_assertions_forgotten(clock, guesses):
    """
    A17: of what is shown once, name and source are remembered; that somebody there was wrong under it ends nothing.
    """
    client = Guess(HERE, "tenant_x")
    guesses.was_right(client)
    spend(guesses, name="tenant_x")

    assert guesses.is_unheard(client) is None
    assert guesses.is_unheard(Guess(HERE, "tenant_y")) is not None
    assert guesses.is_unheard(Guess(HERE, "tenant_x", "a secret")) is not None
    spend(guesses, ELSEWHERE)
    assert guesses.is_unheard(Guess(ELSEWHERE, "tenant_x")) is not None


def test_nothing_is_counted_that_comes_over_no_network(guesses):
    """
    A17: the command line is never throttled.
    """
    for _ in range(10):
        assert guesses.was_wrong(Guess(None, "7Hq2Zt9B")).spent is None
    assert guesses.is_unheard(Guess(None)) is None


def test_what_is_remembered_is_bounded_and_no_secret(clock, guesses):
    """
    A17, B2: 10,000 credentials that worked, the latest, as codes; 100,000 windows, the youngest.
    """
    for number in range(10_050):
        guesses.was_right(Guess(HERE, "name", f"secret {number}"))
    spend(guesses)

    assert guesses.is_unheard(Guess(HERE, "name", "secret 49")) is not None
    assert guesses.is_unheard(Guess(HERE, "name", "secret 50")) is None
    assert len(guesses._recognised) == 10_000
    assert "secret" not in repr(vars(guesses)) + repr(Guess(HERE, "name", "secret"))

    counters = Counters(clock)
    for number in range(100_005):
        counters.hit(f"source {number}", 60)
    assert [counters.look(f"source {number}").count for number in (4, 5)] == [0, 1]
    assert len(counters) == 100_000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::%anything", "fe80::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
        ("", ""),
    ],
)
def test_a_network_is_one_source(address, network):
    """
    A17: 64 bits of IPv6 belong to one customer; IPv4 inside IPv6 is the same host; the interface adds nothing.
    """
    assert network_of(address) == network
