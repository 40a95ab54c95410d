"""Work that requests are the occasion for: now and then, one at a time, and no request ever notices."""

import logging
import threading
from datetime import timedelta

import pytest

from app.foundation.background import Occasionally, Soon
from app.foundation.errors import ConfigurationError, DatabaseAwayError
from tests.adversary.races import at_once

PATIENCE_SECONDS = 30


class Work:
    """Work that counts itself, takes as long as it is told, and fails when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_work = 0
        self.most_at_work = 0
        self.failure: BaseException | None = None
        self.may_end = threading.Event()
        self.may_end.set()
        self.threads: set[str] = set()

    def __call__(self) -> None:
        """Do it."""
        self.begun += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.threads.add(threading.current_thread().name)
        self.may_end.wait(PATIENCE_SECONDS)
        self.at_work -= 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def work():
    """Work to be done; whatever waits is let go at the end."""
    made = Work()
    yield made
    made.may_end.set()
    wait()


@pytest.fixture
def keeper(work, clock):
    """Someone who does it every five seconds."""
    return Occasionally(work, timedelta(seconds=5), clock)


def wait():
    """Wait for what was begun, if it is not over."""
    for thread in threading.enumerate():
        if thread.name == "occasionally":
            thread.join(PATIENCE_SECONDS)


def nudge(keeper):
    """Nudge, and wait for what was begun."""
    keeper.nudge()
    wait()


def test_nothing_is_done_without_an_occasion(work, keeper, clock):
    """
    There is no daemon: time alone begins nothing.
    """
    clock.step(days=1)
    wait()
    assert work.begun == 0


def test_work_is_done_at_most_every_so_often(work, keeper, clock):
    """
    At the first occasion, then at the first one after five seconds, and at none in between.
    """
    begun = []
    for seconds in (0, 0, 4.999999, 0.000001, 0, 4, 60, 0):
        clock.step(seconds=seconds)
        nudge(keeper)
        begun.append(work.begun)
    assert begun == [1, 1, 1, 2, 2, 2, 3, 3]


def test_a_clock_that_was_put_back_does_not_stop_the_work(work, keeper, clock):
    """
    Otherwise nothing would be done until the old time came again.
    """
    nudge(keeper)
    clock.step(days=-1)
    nudge(keeper)
    nudge(keeper)
    assert work.begun == 2


def test_no_request_waits_for_it_and_it_is_done_by_one(work, keeper, clock):
    """
    Work that takes long goes on in a thread of its own, while requests come and go, and is not begun a second time.
    """
    work.may_end.clear()
    for _ in range(5):
        clock.step(seconds=60)
        at_once([keeper.nudge] * 8)
    assert (work.begun, work.at_work) == (1, 1)

    work.may_end.set()
    wait()
    clock.step(seconds=60)
    at_once([keeper.nudge] * 8)
    wait()

    assert (work.begun, work.most_at_work, work.threads) == (2, 1, {"occasionally"})


def test_many_occasions_in_one_moment_are_one(work, keeper, clock):
    """
    However short the work is, and however the threads meet.
    """
    for expected in range(1, 101):
        clock.step(seconds=5)
        at_once([keeper.nudge] * 4)
        wait()
        assert work.begun == expected


@pytest.mark.parametrize(
    "failure", [DatabaseAwayError(), ConfigurationError("the key does not open"), ZeroDivisionError("a bug")]
)
def test_a_failure_is_logged_and_the_next_occasion_tries_again(work, keeper, clock, caplog, failure):
    """
    Nothing that goes wrong reaches a request, stops the work for good, or goes unseen.
    """
    work.failure, level = failure, logging.ERROR if isinstance(failure, ArithmeticError) else logging.WARNING
    for _ in range(3):
        nudge(keeper)
        clock.step(seconds=5)

    told = [record for record in caplog.records if record.name == "app.foundation.background"]
    assert (work.begun, [record.levelno for record in told]) == (3, [level] * 3)
    assert str(failure) in caplog.text


def test_a_machine_without_threads_left_harms_no_request(work, clock, monkeypatch, caplog):
    """
    When no thread can be started, the request goes on, it is logged, and the next occasion tries again.
    """
    keeper = Occasionally(work, timedelta(seconds=5), clock)

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        keeper.nudge()
    clock.step(seconds=5)
    nudge(keeper)

    assert work.begun == 1
    (told,) = [record for record in caplog.records if record.name == "app.foundation.background"]
    assert "thread" in told.getMessage()


def test_what_many_requests_ask_for_is_done_once_and_soon(work):
    """
    However many give occasion to it, it is done once for all of them, also when none comes after; what comes while it
    is done, is for the next time.
    """
    done = threading.Semaphore(0)

    def work_and_say_so():
        work()
        done.release()

    soon = Soon(work_and_say_so, 0.02)
    work.may_end.clear()

    for _ in range(100):
        soon.nudge()
    while not work.begun:
        threading.Event().wait(0.005)
    soon.nudge()
    work.may_end.set()

    assert done.acquire(timeout=PATIENCE_SECONDS)
    assert done.acquire(timeout=PATIENCE_SECONDS)
    assert not done.acquire(timeout=0.1)
    assert work.begun == 2


def test_soon_also_goes_on_after_a_failure(work, caplog):
    """
    A failure is logged, and the next occasion tries again.
    """
    soon = Soon(work, 0.01)
    work.failure = DatabaseAwayError()

    for times in (1, 2):
        soon.nudge()
        while len([each for each in caplog.records if "failed" in each.message]) < times:
            threading.Event().wait(0.005)

    assert work.begun == 2
