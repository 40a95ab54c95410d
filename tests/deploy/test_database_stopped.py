"""PostgreSQL goes away under load, behind nginx, and comes back: what can be answered is, and nothing is lost."""

import contextlib
import functools
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from bench.torture.faults.ports import free_port
from bench.torture.hosts.postgres import Postgres, postgres
from tests.adversary.rounds import rounds
from tests.builders import a_pair, a_room, a_tenant
from tests.conftest import environment, migrate
from tests.deploy.conftest import AUDIENCES, ISSUER, served
from tests.deploy.edge import Answer, nginx
from tests.deploy.load import Load, Told
from tests.servers import Manner, Server, at_work

CLIENTS = 4
# With every round, as long as an operator needs to notice; docs/operations.md has what was measured.
AWAY_SECONDS = rounds(20)
RECOVERY_SECONDS = 3
# A worker notices within three seconds that it waits for nothing; with some more for a machine that is busy.
AT_ONCE_SECONDS, NOTICED_SECONDS = 2, 6


@dataclass(frozen=True)
class Scene:
    """A server and its database, and clients of it, each with a session of its own."""

    database: Postgres
    server: Server
    load: Load
    clients: list[Callable[[], None]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Iterator[Callable[[], Scene]]:
    """A PostgreSQL of its own, a server with two workers, and nginx in front; clients anew for each test."""
    with contextlib.ExitStack() as stack:
        # The database runs as a user of its own, which must reach the folder.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chalk-pg-")))
        database = stack.enter_context(postgres(folder))
        migrate(database.url)
        tools = wiring_of(create_app(environment(database.url, ISSUER=ISSUER, AUDIENCES=AUDIENCES))).tools
        stack.callback(tools.database.close)
        port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
        server = stack.enter_context(served(database.url, port, 2, Manner(log=log)))
        edge = stack.enter_context(nginx({"8000": port, "8001": free_port()}))

        def begin() -> Scene:
            load, tenant = Load(edge), a_tenant(tools)
            room, pairs = a_room(tools, tenant), [a_pair(tools, tenant) for _ in range(CLIENTS)]
            bearer = f"Bearer {pairs[0].access_token}"
            return Scene(
                database,
                server,
                load,
                [
                    *(functools.partial(load.refresh, p, f"127.0.2.{n}") for n, p in enumerate(pairs)),
                    looks(load, "JWKS", port, "/.well-known/jwks.json"),
                    looks(load, "metadata", port, "/.well-known/oauth-authorization-server"),
                    looks(load, "room", port, f"/api/v1/rooms/{room}", bearer),
                ],
            )

        yield begin


def looks(load: Load, what: str, port: int, path: str, authorization: str | None = None) -> Callable[[], None]:
    """Look at something over and over, at the server itself: nginx would keep documents."""

    def ask() -> Answer:
        headers = {} if authorization is None else {"Authorization": authorization}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            return Answer(answer.status, {name.lower(): [value] for name, value in answer.getheaders()}, answer.read())

    return functools.partial(load.look, what, ask)


@contextlib.contextmanager
def stopped(database: Postgres) -> Iterator[None]:
    """Nobody listens."""
    database.kill()
    try:
        yield
    finally:
        database.recover()


@contextlib.contextmanager
def hung(database: Postgres) -> Iterator[None]:
    """It takes connections and what is sent on them, and says nothing."""
    suspended = database.processes()
    for each in suspended:
        each.suspend()
    try:
        yield
    finally:
        for each in suspended:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


def of(told: list[Told], *what: str) -> list[Told]:
    """Choose what was told of these."""
    return [each for each in told if each.what in what]


@pytest.mark.parametrize(("away", "within_seconds"), [(stopped, AT_ONCE_SECONDS), (hung, NOTICED_SECONDS)])
def test_all_is_as_before_when_the_database_is_back(scene, away, within_seconds):
    """
    A21, E4, G9, I6: meanwhile what needs the database is 503 with Retry-After, sooner than a client loses patience, and
    JWKS and metadata are served. Within three seconds all goes on, each client with its session, and nothing was
    started again.
    """
    now = scene()
    workers = {each.pid for each in at_work(now.server.process)}
    with now.load.at_work(*now.clients):
        now.load.until(lambda: True)
        with away(now.database):
            until = time.monotonic() + AWAY_SECONDS
            meanwhile = now.load.until(lambda: time.monotonic() > until)
        back = time.monotonic()
        after = now.load.until(lambda: time.monotonic() > back + RECOVERY_SECONDS)

    assert {(each.status, each.retry_after) for each in meanwhile} == {(200, None), (503, "1")}
    assert {each.status for each in of(now.load.told, "JWKS", "metadata")} == {200}
    assert len(of(meanwhile, "JWKS")) > 3
    assert [each for each in of(meanwhile, "refresh", "room") if each.status == 503]
    assert [each for each in meanwhile if each.seconds > within_seconds] == []
    assert [each for each in now.load.told if each.at > back + RECOVERY_SECONDS and each.status != 200] == []
    assert {each.who for each in of(after, "refresh") if each.status == 200} == {f"127.0.2.{n}" for n in range(CLIENTS)}
    assert now.load.broken == []
    assert {each.pid for each in at_work(now.server.process)} == workers
