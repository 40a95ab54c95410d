"""Chalk Auth as it is shipped: `chalk-auth serve` with one worker, on PostgreSQL or SQLite, and nginx before it."""

import base64
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import flask_migrate

from app import settings
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.open_room import open_room
from app.flows.open_tenant import open_tenant
from app.flows.results import Limits
from app.flows.steps import Credential
from app.flows.tools import Tools
from app.foundation.identifiers import print_id
from bench.requests.client.driving import Work
from bench.requests.client.lines import plainly
from bench.requests.client.messages import Client, Freshness
from bench.requests.client.operations import (
    Introspect,
    JsonIssue,
    JsonRefresh,
    Jwks,
    OAuthIssue,
    OAuthRefresh,
    RoomRead,
    Sessions,
)
from bench.requests.hosts.nginx import ISSUER, through_nginx
from bench.requests.hosts.postgres import postgres
from bench.requests.hosts.processes import ROOT, running
from bench.requests.hosts.system import POSTGRESQL, System
from bench.torture.faults.ports import free_port

NAME = "Chalk Auth"
WORKS = ("issue, JSON", "issue, OAuth", "refresh, JSON", "refresh, OAuth", "room, Bearer", "introspection", "JWKS")
# So many that none of them meets a limit as it is delivered.
_TENANTS = 20
_SESSIONS_A_TENANT = 20

_COMMAND = str(Path(sys.executable).parent / "chalk-auth")


@contextlib.contextmanager
def chalk(database: str, folder: Path) -> Iterator[System]:
    """Run it in a folder until the block ends; it is reached directly and through nginx."""
    with contextlib.ExitStack() as stack:
        roots: dict[str, int] = {}
        url = f"sqlite:///{folder / 'chalk.db'}"
        if database == POSTGRESQL:
            server = stack.enter_context(postgres())
            url, roots["database"] = server.url, server.pid
        given = {
            "CHALK_DATABASE_URL": url,
            "CHALK_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            "CHALK_ISSUER": ISSUER,
            "CHALK_TRUSTED_PROXIES": "127.0.0.1",
        }
        works, freshness = _prepare(given)
        port = free_port()
        command = [_COMMAND, "serve", "--port", str(port), "--workers", "1"]
        pid = stack.enter_context(running(command, port, given, folder / "server.log"))
        way, edge = stack.enter_context(through_nginx(port))
        yield System(NAME, database, [plainly(port), way], {"server": pid, **roots, "nginx": edge}, works, freshness)


@dataclass(frozen=True)
class _Open:
    """A session that was opened."""

    client: Client
    access: str
    refresh: str


def _prepare(environment: Mapping[str, str]) -> tuple[dict[str, Work], Freshness]:
    app = create_app(settings.read(environment), warm=False)
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
    tools = wiring_of(app).tools
    clients = [_client(f"Tenant {number}", tools) for number in range(_TENANTS)]
    opened = [_open(client, tools) for client in clients * _SESSIONS_A_TENANT]
    tools.database.close()
    freshness = Freshness()
    return _works(clients, opened, freshness), freshness


def _works(clients: Sequence[Client], opened: Sequence[_Open], freshness: Freshness) -> dict[str, Work]:
    def sessions(some: Sequence[_Open]) -> Sessions:
        return Sessions([(each.refresh, each.client) for each in some], freshness)

    half = len(opened) // 2
    works: list[Work] = [
        JsonIssue(clients, freshness),
        OAuthIssue(clients, freshness),
        JsonRefresh(sessions(opened[:half])),
        OAuthRefresh(sessions(opened[half:])),
        RoomRead([(each.client.room, each.access) for each in opened[:_TENANTS]]),
        Introspect([(each.access, each.client) for each in opened[:_TENANTS]]),
        Jwks(),
    ]
    return dict(zip(WORKS, works, strict=True))


def _client(name: str, tools: Tools) -> Client:
    opened = open_tenant(None, name, Limits(), tools)
    room = open_room(authenticate_api_key(opened.key.text, tools), "A room", tools)
    return Client(print_id("tenant", opened.tenant.id), opened.key.text, print_id("room", room.id))


def _open(client: Client, tools: Tools) -> _Open:
    pair = exchange_api_key(Exchange(Credential(secret=client.secret), offline=True), tools)
    return _Open(client, pair.access_token, pair.refresh_token or "")
