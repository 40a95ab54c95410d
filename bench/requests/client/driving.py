"""Keep a few connections busy with one kind of request, for a while."""

import contextlib
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.requests.client.answers import Answer, AnswerError
from bench.requests.client.lines import Line, Way

_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """
    A request as it is sent.

    Args:
        content: all bytes of it.
        look: takes its answer, keeps what later requests need, and raises AnswerError when it is wrong.
    """

    content: bytes
    look: Callable[[Answer], None]


class Work(Protocol):
    """A kind of request."""

    def next(self, host: str) -> Request:
        """Give the next one, for a server of this name."""
        ...


@dataclass(frozen=True)
class Driven:
    """Requests that were answered, the seconds that it took, and the seconds that each of them took."""

    requests: int
    seconds: float
    latencies: Sequence[float]


@contextlib.contextmanager
def lines(way: Way, many: int) -> Iterator[Sequence[Line]]:
    """Hold so many connections until the block ends."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Line(way))) for _ in range(many)]


def drive(held: Sequence[Line], host: str, work: Work, seconds: float, most: int = sys.maxsize) -> Driven:
    """Have one request under way on each connection for so long or so many times, and wait for the last answers."""
    latencies: list[float] = []
    begun = time.perf_counter()
    under_way = {line: _sent(line, work.next(host)) for line in held}
    while under_way:
        for line in _ready(under_way):
            answer = line.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            sent_at, request = under_way.pop(line)
            latencies.append(now - sent_at)
            request.look(answer)
            if now - begun < seconds and len(latencies) + len(under_way) < most:
                under_way[line] = _sent(line, work.next(host))
    return Driven(len(latencies), time.perf_counter() - begun, latencies)


def _sent(line: Line, request: Request) -> tuple[float, Request]:
    at = time.perf_counter()
    line.send(request.content)
    return at, request


def _ready(waiting: Iterable[Line]) -> Sequence[Line]:
    ready = select.select(list(waiting), [], [], _PATIENCE_SECONDS)[0]
    if not ready:
        raise AnswerError(f"no answer within {_PATIENCE_SECONDS} seconds")
    return ready
