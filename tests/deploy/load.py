"""Clients at work while something happens to the server: what each was told, when, and how soon."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.flows.results import TokenPair
from tests.deploy.edge import Answer, Edge

JSON = "Content-Type: application/json"
_ATTEMPTS = 60
_PATIENCE_SECONDS = 60
_REST_SECONDS = 0.025


@dataclass(frozen=True)
class Told:
    """An answer: to whom and of what, when it came, how long it took, and when to come back."""

    who: str
    what: str
    at: float
    seconds: float
    status: int
    retry_after: str | None


@dataclass
class Load:
    """Clients that go on until the end, and note what they are told."""

    edge: Edge
    told: list[Told] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _answered: threading.Condition = field(default_factory=threading.Condition)

    def refresh(self, pair: TokenPair, source: str) -> None:
        """Refresh one session over and over; what fails is repeated with the same token and the same key."""
        number, token = 0, pair.refresh_token
        # Slower than nginx lets one address be.
        while not self._ended.wait(_REST_SECONDS):
            number += 1
            key = f"Idempotency-Key: {source}-{number:016}"
            body = json.dumps({"refresh_token": token}).encode()
            answer = next((each for each in self._attempts(key, body, source) if _is_whole(each)), None)
            if answer is None:
                self.broken.append(source)
                return
            token = json.loads(answer.body)["data"]["refresh_token"]

    def look(self, what: str, ask: Callable[[], Answer], every_seconds: float = 0.05) -> None:
        """Ask for something over and over."""
        while not self._ended.wait(every_seconds):
            self._note(what, what, ask)

    def until(self, happened: Callable[[], bool], more: int = 30) -> list[Told]:
        """Wait until something happened and so many requests more were answered; give what was told meanwhile."""
        start, deadline, enough = len(self.told), time.monotonic() + _PATIENCE_SECONDS, sys.maxsize
        with self._answered:
            while len(self.told) < enough:
                if enough == sys.maxsize and happened():
                    enough = len(self.told) + more
                self._answered.wait(0.1)
                assert time.monotonic() < deadline, self.broken
        return self.told[start:]

    def _attempts(self, key: str, body: bytes, source: str) -> Iterator[Answer]:
        for _ in range(_ATTEMPTS):
            # A connection each: what is not answered was lost, and not on a connection that was just ending.
            ask = lambda: self.edge.ask("POST /api/v1/auth/refresh", JSON, key, body=body, source=source)  # noqa: E731
            answer = self._note(source, "refresh", ask)
            yield answer
            if self._ended.wait(float(answer.header("retry-after") or 0)):
                return

    def _note(self, who: str, what: str, ask: Callable[[], Answer]) -> Answer:
        began = time.monotonic()
        answer = ask()
        ended = time.monotonic()
        # A server that dies over its answer leaves half of it: to a client, there is none.
        status = 0 if answer.status == 200 and not _is_whole(answer) else answer.status
        with self._answered:
            self.told.append(Told(who, what, ended, ended - began, status, answer.header("retry-after")))
            self._answered.notify_all()
        return answer

    @contextlib.contextmanager
    def at_work(self, *clients: Callable[[], None]) -> Iterator["Load"]:
        """Let clients work until the block ends, each in a thread of its own."""
        threads: Sequence[threading.Thread] = [threading.Thread(target=each) for each in clients]
        for each in threads:
            each.start()
        try:
            yield self
        finally:
            self._ended.set()
            for each in threads:
                each.join()


def _is_whole(answer: Answer) -> bool:
    return answer.status == 200 and len(answer.body) == int(answer.header("content-length") or -1)
