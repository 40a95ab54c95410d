"""The server as it is meant to be run: `chalk-auth serve` behind nginx over TLS, with resource servers beside it."""

import base64
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.tools import Tools
from bench.torture.faults.ports import free_port
from tests.builders import Tenant, a_tenant
from tests.conftest import environment, migrate
from tests.deploy.edge import Edge, nginx
from tests.deploy.upstreams import Upstream, upstream
from tests.servers import USUAL, Manner, Server, serve

ISSUER = "https://auth.example.com"
FILES = "https://files.example.com"
AUDIENCES = f"{ISSUER},{FILES}"


@dataclass(frozen=True)
class Site:
    """What runs, a tenant of it, and what stories on its database reach for."""

    edge: Edge
    url: str
    server: Server
    second_port: int
    tenant: Tenant
    tools: Tools
    files: Upstream
    archive: Upstream


@pytest.fixture(scope="session")
def site(new_database: Callable[[str], str]) -> Iterator[Site]:
    """
    A server and two resource servers behind one nginx; what nginx does is the same on any database.

    Of the two ports that the shipped file names, one is served: the other is a server that is away, all the time.
    """
    url = new_database("sqlite")
    migrate(url)
    tools = wiring_of(create_app(environment(url, ISSUER=ISSUER, AUDIENCES=AUDIENCES))).tools
    key = issue_resource_server_key(FILES, tools)
    credential = base64.b64encode(f"{key.name}:{key.text}".encode()).decode()
    more = {
        "resource-server-jwt.conf": None,
        "resource-server-introspection.conf": None,
        "introspection-credential.conf": f'set $chalk_credential "Basic {credential}";',
    }
    second_port = free_port()
    with (
        served(url, free_port()) as server,
        upstream() as files,
        upstream() as archive,
        nginx({"8000": server.port, "8001": second_port, "9000": files.port, "9001": archive.port}, more) as edge,
    ):
        yield Site(edge, url, server, second_port, a_tenant(tools), tools, files, archive)
    tools.database.close()


def served(url: str, port: int, workers: int = 1, manner: Manner = USUAL) -> contextlib.AbstractContextManager[Server]:
    """Run a server of the site, which knows nginx as its proxy."""
    return serve(
        url,
        manner,
        port=port,
        workers=workers,
        ISSUER=ISSUER,
        AUDIENCES=AUDIENCES,
        KEYRING_MAX_AGE_SECONDS="1",
        TRUSTED_PROXIES="127.0.0.1",
        GUESSES_PER_SOURCE="5",
    )
