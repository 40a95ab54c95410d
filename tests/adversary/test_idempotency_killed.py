"""The answer to a request that made a secret is lost: the line is cut, the worker or the whole server is killed."""

import json
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from app.domain.api_keys.tables import ApiKeyRow
from app.domain.idempotency.tables import ReplyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.tools import Tools
from bench.torture.faults.ports import free_port
from tests import servers
from tests.adversary import killed_before_the_answer
from tests.adversary.races import PATIENCE_SECONDS, Answer, WireLine, at_once
from tests.adversary.test_database_dump import assert_nowhere, dumped
from tests.builders import Tenant
from tests.conftest import environment
from tests.deeds import API, DEEDS, REPLAYED, Scene, a_scene
from tests.forgery import claims_of
from tests.named_keys import details, works

LINES = 16
# Made faster, and no part of what is tested here.
ALGORITHM = "ES256"


@dataclass(frozen=True)
class Request:
    """A request with an Idempotency-Key of its own, and a way to tell that it was done."""

    scene: Scene
    name: str

    @property
    def key(self) -> str:
        """Give its Idempotency-Key."""
        return f"{self.name.replace(' ', '-')}-of-{self.scene.tenant.id}"

    @property
    def headers(self) -> dict[str, str]:
        """Give its headers."""
        return {"X-API-Key": self.scene.tenant.api_key, "Idempotency-Key": self.key}

    @property
    def path(self) -> str:
        """Give its path."""
        return API + self.scene.told(DEEDS[self.name].path)

    def send(self, port: int, **more: str) -> Answer:
        """Send it over a line of its own."""
        line = WireLine(port)
        try:
            return line.send(self.path, DEEDS[self.name].body or {}, headers=self.headers | more)
        finally:
            line.close()

    def send_and_hang_up(self, port: int, tools: Tools) -> None:
        """Send it, and cut the line when it is done, without reading the answer."""
        before = replies(tools)
        body = json.dumps(DEEDS[self.name].body or {})
        head = [
            f"POST {self.path} HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as wire:
            wire.sendall("\r\n".join([*head, "", body]).encode())
            until(lambda: replies(tools) == before + 1)


def until(ask: Callable[[], Any]) -> Any:
    """Ask again and again, as a client does, until there is an answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = ask()
        except OSError:
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, "nobody answers"


def keys_of(tools: Tools) -> int:
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(ApiKeyRow)).scalar_one()


def replies(tools: Tools) -> int:
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(ReplyRow)).scalar_one()


def secrets_of(answer: Answer) -> list[str]:
    """Give every secret of an answer, and the parts of it that are secret by themselves."""
    data = answer.body["data"]
    whole = [data[name] for name in ("api_key", "access_token", "refresh_token") if name in data]
    return whole + [each[17:49] if "k_live_" in each else each.rpartition(".")[2] for each in whole]


@pytest.fixture
def tools(own_database):
    """What stories reach for, on a database of the test's own."""
    tools = wiring_of(create_app(environment(own_database, SIGNING_ALGORITHM=ALGORITHM))).tools
    yield tools
    tools.database.close()


def test_whatever_dies_the_secret_comes_back_and_is_nowhere_in_the_database(own_database, tools):
    """
    CONTRACT 3, B1, B6: the line is cut, the worker or the server is killed after the commit: retries get one secret,
    which works; and neither that, nor the rest of the reply, nor the Idempotency-Key, stands in the dump.
    """
    cut, killed, first = ([Request(a_scene(tools), name) for name in ("key", "admit", "rotate")] for _ in range(3))
    port, begun = free_port(), replies(tools)
    command = [sys.executable, "-m", killed_before_the_answer.__name__, "serve", "--port", str(port), "--workers", "1"]

    with servers.running(command, port, own_database, SIGNING_ALGORITHM=ALGORITHM) as server:
        for request in cut:
            request.send_and_hang_up(port, tools)
        after_the_cut = [request.send(port) for request in cut]
        at_ease = [request.send(port) for request in first]
        with pytest.raises(ConnectionError):
            killed[0].send(port, **{killed_before_the_answer.HEADER: "worker"})
        until(partial(killed[0].send, port))
        until(partial(killed[1].send, port))
        with pytest.raises(ConnectionError):
            killed[2].send(port, **{killed_before_the_answer.HEADER: "server"})
        server.process.wait(PATIENCE_SECONDS)
    made = (replies(tools), keys_of(tools))
    requests, seen = [*cut, *first, *killed], [*after_the_cut, *at_ease]
    with servers.serve(own_database, workers=2, SIGNING_ALGORITHM=ALGORITHM) as another:
        answers = [until(partial(request.send, another.port)) for request in requests]
        assert made == (begun + 9, keys_of(tools))
        raced = at_once([partial(Request(a_scene(tools), "rotate").send, another.port)] * LINES)

    assert {each.status // 100 for each in [*seen, *answers, *raced]} == {2}
    assert {each.headers.get(REPLAYED.lower()) for each in [*after_the_cut, *answers]} == {"true"}
    assert [each.body for each in answers[:6]] == [each.body for each in seen]
    assert len({str(each.body) for each in raced}) == 1
    for request, answer in zip(requests, answers, strict=True):
        holds(tools, request, answer)
    parts = [secret for answer in [*answers, raced[0]] for secret in secrets_of(answer)]
    replied = [json.dumps(answer.body, separators=(",", ":"))[:40] for answer in answers]
    assert_nowhere([*parts, *replied, *(each.key for each in requests)], dumped(own_database, tools))


def holds(tools: Tools, request: Request, answer: Answer) -> None:
    """Assert that what a request made is there, and works."""
    data, old = answer.body["data"], request.scene.tenant
    if request.name == "admit":
        assert claims_of(data["access_token"])["participant_id"] == data["participant"]["id"]
        return
    new = Tenant(old.id, data["api_key"])
    assert works(tools, new)
    if request.name == "rotate":
        assert not works(tools, old)
        assert details(tools, new, old).replaced_by == new.api_key[8:16]
