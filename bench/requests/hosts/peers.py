"""The servers to compare with."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from joserfc.jwk import RSAKey

from bench.requests.client.driving import Work
from bench.requests.client.lines import plainly
from bench.requests.client.messages import Client, Freshness
from bench.requests.client.operations import OAuthIssue, OAuthRefresh, Sessions
from bench.requests.hosts.postgres import Postgres, postgres
from bench.requests.hosts.processes import ROOT, running
from bench.requests.hosts.system import POSTGRESQL, System
from bench.requests.peers import floor
from bench.requests.peers.places import AUTHLIB, NODE, Places
from bench.torture.faults.ports import free_port

FLOOR, AUTHLIB_NAME, OIDC_PROVIDER_NAME = "floor", "Authlib as documented", "node-oidc-provider"
ISSUE, REFRESH = "issue, OAuth", "refresh, OAuth"
_SESSIONS = 100


@contextlib.contextmanager
def the_floor(folder: Path) -> Iterator[System]:
    """Run the floor in a folder until the block ends."""
    with postgres() as database:
        client = Client("client", "secret")
        with psycopg.connect(database.url) as connection:
            connection.execute(floor.TABLES)
            connection.execute("INSERT INTO keys VALUES (%s, %s)", (client.id, floor.mac(client.secret.encode())))
            begun = "INSERT INTO families (key_id, generation) SELECT %s, 0 FROM generate_series(1, %s) RETURNING id"
            families = connection.execute(begun, (client.id, _SESSIONS)).fetchall()
        port = free_port()
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1"]
        command += ["--blocking-threads", "1", "--no-ws", "--log-level", "error", "--port", str(port)]
        command += ["bench.requests.peers.floor:create_app"]
        given = {"BENCH_DATABASE_URL": database.url, "PYTHONPATH": str(ROOT)}
        with running(command, port, given, folder / "server.log") as pid:
            clients = _Clients(client, [floor.refresh_token(str(family), 0) for (family,) in families])
            yield _system(FLOOR, port, _roots(pid, database), clients, _Paths())


@contextlib.contextmanager
def authlib(places: Places, folder: Path) -> Iterator[System]:
    """Run Authlib as documented in a folder until the block ends."""
    with postgres() as database:
        given = _given(database.url.replace("postgresql://", "postgresql+psycopg://"), folder)
        given["PYTHONPATH"] = str(AUTHLIB)
        binaries = places.authlib / "bin"
        clients = _prepared([str(binaries / "python"), str(AUTHLIB / "application.py"), str(_SESSIONS)], given)
        port = free_port()
        command = [str(binaries / "gunicorn"), "--workers", "1", "--bind", f"127.0.0.1:{port}"]
        command += ["application:create_app()"]
        with running(command, port, given, folder / "server.log") as pid:
            yield _system(AUTHLIB_NAME, port, _roots(pid, database), clients, _Paths())


@contextlib.contextmanager
def oidc_provider(places: Places, folder: Path) -> Iterator[System]:
    """Run node-oidc-provider in a folder until the block ends."""
    with postgres() as database:
        given = _given(database.url, folder) | {"NODE_ENV": "production"}
        program = [str(NODE), str(places.oidc_provider / "server.mjs")]
        clients = _prepared([*program, "prepare", str(_SESSIONS)], given)
        port = free_port()
        with running([*program, "serve", str(port)], port, given, folder / "server.log") as pid:
            yield _system(OIDC_PROVIDER_NAME, port, _roots(pid, database), clients, _Paths(token="/token"))


@dataclass(frozen=True)
class _Clients:
    """The one client of a peer, and its refresh tokens."""

    client: Client
    tokens: Sequence[str]


@dataclass(frozen=True)
class _Paths:
    """Where a peer is asked."""

    token: str = "/oauth/token"
    jwks: str = "/jwks"


def _given(url: str, folder: Path) -> dict[str, str]:
    file = folder / "key.json"
    key = RSAKey.generate_key(2048, auto_kid=True)
    file.write_text(json.dumps(key.as_dict(private=True)), encoding="ascii")
    return {"BENCH_DATABASE_URL": url, "BENCH_KEY_FILE": str(file)}


def _prepared(command: Sequence[str], given: Mapping[str, str]) -> _Clients:
    done = subprocess.run(command, env=dict(given), check=True, stdout=subprocess.PIPE, text=True)
    made = json.loads(done.stdout)
    return _Clients(Client(made["id"], made["secret"]), made["refresh_tokens"])


def _roots(pid: int, database: Postgres) -> dict[str, int]:
    return {"server": pid, "database": database.pid}


def _system(name: str, port: int, roots: Mapping[str, int], clients: _Clients, paths: _Paths) -> System:
    freshness = Freshness()
    sessions = Sessions([(token, clients.client) for token in clients.tokens], freshness)
    works: dict[str, Work] = {
        ISSUE: OAuthIssue([clients.client], freshness, paths.token, scope="rooms:read"),
        REFRESH: OAuthRefresh(sessions, paths.token, with_key=False),
    }
    return System(name, POSTGRESQL, [plainly(port)], roots, works, freshness, paths.jwks)
