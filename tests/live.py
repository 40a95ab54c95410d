"""A real server that is its own issuer, beside the stories that prepare what it serves."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.tools import Tools
from bench.torture.faults.ports import free_port
from tests.conftest import environment, migrate
from tests.servers import serve

OTHER_AUDIENCE = "https://files.example"


@dataclass(frozen=True)
class Live:
    """Where it listens, and what stories on its database reach for."""

    url: str
    tools: Tools


@contextlib.contextmanager
def live_server(database_url: str) -> Iterator[Live]:
    """
    Run `chalk-auth serve` on an empty database until the block ends.

    Its own URL is its issuer and its first audience; `OTHER_AUDIENCE` is the second.
    """
    migrate(database_url)
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    audiences = f"{issuer},{OTHER_AUDIENCE}"
    with serve(database_url, port=port, ISSUER=issuer, AUDIENCES=audiences) as server:
        tools = wiring_of(create_app(environment(database_url, ISSUER=issuer, AUDIENCES=audiences))).tools
        try:
            yield Live(server.url, tools)
        finally:
            tools.database.close()
