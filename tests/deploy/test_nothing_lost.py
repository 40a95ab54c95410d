"""Under load through nginx, an operator at work and a crash: what is lost is told to come back, and then is right."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.builders import a_pair
from tests.deploy.conftest import Site, served
from tests.deploy.edge import Answer

CLIENTS = 4
JSON = "Content-Type: application/json"


@dataclass
class Load:
    """Clients that refresh one after another, each its own session, and note what they are told."""

    site: Site
    seen: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    answered: threading.Condition = field(default_factory=threading.Condition)
    broken: list[str] = field(default_factory=list)

    def refresh_forever(self, token: str, source: str) -> None:
        """Refresh until the end; an attempt that fails is repeated with the same token and the same key."""
        number = 0
        while not self.ended.is_set():
            number += 1
            key = f"Idempotency-Key: {source}-{number:016}"
            body = json.dumps({"refresh_token": token}).encode()
            told = next((each for each in self.attempts(key, body, source) if each.status == 200), None)
            if told is None:
                self.broken.append(source)
                return
            token = json.loads(told.body)["data"]["refresh_token"]

    def attempts(self, key: str, body: bytes, source: str) -> Iterator[Answer]:
        """Send a request over and over, and note the answers."""
        for _ in range(10):
            # A connection each: what is not answered was lost, and not on a connection that was just ending.
            answer = self.site.edge.ask("POST /api/v1/auth/refresh", JSON, key, body=body, source=source)
            with self.answered:
                self.seen.append(answer.status)
                self.answered.notify_all()
            yield answer

    def until(self, happened: Callable[[], bool], more: int = 30) -> list[int]:
        """Wait until something happened and so many requests more were answered; give what was seen meanwhile."""
        start, deadline, enough = len(self.seen), time.monotonic() + 40, sys.maxsize
        with self.answered:
            while len(self.seen) < enough:
                if enough == sys.maxsize and happened():
                    enough = len(self.seen) + more
                self.answered.wait(1)
                assert time.monotonic() < deadline, self.broken
        return self.seen[start:]


@pytest.fixture
def load(site) -> Iterator[Load]:
    """Four clients at work."""
    clients = Load(site)
    tokens = [a_pair(site.tools, site.tenant).refresh_token for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=clients.refresh_forever, args=(token, f"127.0.2.{number + 1}"))
        for number, token in enumerate(tokens)
    ]
    for each in threads:
        each.start()
    yield clients
    clients.ended.set()
    for each in threads:
        each.join()


def workers(process):
    with contextlib.suppress(psutil.Error):
        return {each.pid for each in psutil.Process(process.pid).children(recursive=True)}
    return set()


def passed_on(site, *ports):
    """How many requests nginx has passed on to these servers, one after the other, so far."""
    asked = ", ".join(f"127.0.0.1:{port}" for port in ports)
    return (site.edge.folder / "log" / "access.log").read_text().count(f'"upstream":"{asked}"')


def test_no_request_is_lost_for_good(site, load):
    """
    N, I6: reloading nginx, renewing workers and ending one server of two loses nothing. A worker that is killed loses
    what it had at hand at most: 503, and repeated with the same key each gets its successor, and no session ends.
    """

    def at_work():
        """Both servers are asked, before one of them is touched."""
        before = passed_on(site, site.second_port)
        load.until(lambda: passed_on(site, site.second_port) > before + 5)

    with served(site.url, site.second_port) as second:
        old = workers(site.edge.process)
        os.kill(site.edge.process.pid, signal.SIGHUP)
        reloaded = load.until(lambda: not old <= workers(site.edge.process))

        # Before they are renewed: a worker that dies within seconds of that is taken for a crash loop.
        at_work()
        victim = min(workers(second.process))
        os.kill(victim, signal.SIGKILL)
        killed = load.until(lambda: victim not in workers(second.process))

        at_work()
        before = workers(second.process)
        os.kill(second.process.pid, signal.SIGHUP)
        renewed = load.until(lambda: bool(workers(second.process)) and not before & workers(second.process))

        at_work()
        turned_away = passed_on(site, site.second_port, site.server.port)
        second.process.terminate()
        stopped = load.until(lambda: passed_on(site, site.second_port, site.server.port) > turned_away)

    assert {*reloaded, *renewed, *stopped} == {200}
    assert set(killed) <= {200, 503}
    assert killed.count(503) <= CLIENTS
    assert load.broken == []
