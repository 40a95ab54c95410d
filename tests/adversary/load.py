"""Clients at work in the background, and a test that waits for what becomes of it."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import pytest

PATIENCE_SECONDS = 60


class Worker(Protocol):
    """Whatever works until it is over, and keeps what goes wrong."""

    over: threading.Event
    problems: list[str]

    def run(self) -> None:
        """Go on until it is over."""


AnyWorker = TypeVar("AnyWorker", bound=Worker)


@contextlib.contextmanager
def at_work(workers: Sequence[AnyWorker]) -> Iterator[Sequence[AnyWorker]]:
    """Let them work until the block ends."""
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.over.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def until(condition: Callable[..., object], workers: Sequence[Worker]) -> None:
    """Look until it is so, or until something went wrong, which the test is about to see."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and not any(worker.problems for worker in workers):
        if time.monotonic() > deadline:
            pytest.fail("it never came to pass")
        threading.Event().wait(0.05)
