"""What rotations are worth while a backlog is forgotten beside them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.forget_expired import forget_expired
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.steps import Credential
from app.foundation.errors import ServiceError
from bench.families.filling import Filled

BACKLOG = 200_000
# Alone and beside the work in turn, so that what disturbs this machine disturbs both alike.
_TURNS = 10
_SECONDS_A_TURN = 2
_CLIENTS = 2
_SESSIONS_A_CLIENT = 4000
_ISSUE_EVERY = 10


@dataclass(frozen=True)
class Beside:
    """Rotations a second, alone and beside the work; how often they failed; what became of the backlog."""

    alone: float
    beside: float
    errors: int
    forgotten: int
    forgotten_a_second: float
    left: int


@dataclass
class _Spans:
    """Stretches of time, and how often something happened in them."""

    seconds: float = 0.0
    times: int = 0

    @property
    def rate(self) -> float:
        return self.times / self.seconds


class _Clients:
    """Threads that rotate, and now and then begin a session, until they are told to end."""

    def __init__(self, database: Filled) -> None:
        self._database = database
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._rotated = 0
        self.errors: list[ServiceError] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        tokens = self._database.tokens(_CLIENTS * _SESSIONS_A_CLIENT)
        with ThreadPoolExecutor(_CLIENTS) as threads:
            shares = [deque(tokens[number::_CLIENTS]) for number in range(_CLIENTS)]
            running = [threads.submit(self._work, share) for share in shares]
            try:
                yield
            finally:
                self._end.set()
        for each in running:
            each.result()

    @contextmanager
    def counted(self, spans: _Spans) -> Iterator[None]:
        begun, before = time.perf_counter(), self._rotated
        yield
        spans.seconds += time.perf_counter() - begun
        spans.times += self._rotated - before

    def _work(self, tokens: deque[str]) -> None:
        while not self._end.is_set():
            for _ in range(_ISSUE_EVERY):
                self._try(tokens, self._rotate)
            self._try(tokens, self._issue)

    def _try(self, tokens: deque[str], do: Callable[[deque[str]], None]) -> None:
        try:
            do(tokens)
        except ServiceError as error:
            self.errors.append(error)

    def _rotate(self, tokens: deque[str]) -> None:
        pair = refresh_access(Refresh(tokens.popleft()), self._database.tools)
        with self._lock:
            self._rotated += 1
        tokens.append(pair.refresh_token or "")

    def _issue(self, tokens: deque[str]) -> None:
        wanted = Exchange(Credential(secret=self._database.api_key), offline=True)
        tokens.append(exchange_api_key(wanted, self._database.tools).refresh_token or "")


def forget_beside(database: Filled) -> Beside:
    """Rotate and issue, in turn alone and beside a thread that forgets a part of the backlog without a pause."""
    database.add_over(BACKLOG)
    database.tidy()
    clients, alone, beside = _Clients(database), _Spans(), _Spans()
    forgotten = 0
    with clients.at_work():
        for turn in range(1, _TURNS + 1):
            with clients.counted(alone):
                time.sleep(_SECONDS_A_TURN)
            with clients.counted(beside):
                while forgotten < BACKLOG * turn / _TURNS and (some := forget_expired(database.tools)):
                    forgotten += some

    return Beside(
        alone=alone.rate,
        beside=beside.rate,
        errors=len(clients.errors),
        forgotten=forgotten,
        forgotten_a_second=forgotten / beside.seconds,
        left=forget_expired(database.tools),
    )
