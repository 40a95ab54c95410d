"""Chalk Auth on SQLite with four workers, or on PostgreSQL with two hosts of two: started, and described to clients."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import flask_migrate

from app import settings
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.issue_operator_key import issue_operator_key
from app.flows.open_room import open_room
from app.flows.open_tenant import open_tenant
from app.flows.results import Limits
from app.flows.tools import Tools
from app.foundation.identifiers import print_id
from bench.torture.clients.target import Credential, Host, Target
from bench.torture.faults.ports import free_port
from bench.torture.faults.proxy import Proxy
from bench.torture.hosts.clocked import FOLDER
from bench.torture.hosts.disks import Disk, disk
from bench.torture.hosts.postgres import Postgres, postgres
from bench.torture.hosts.processes import Process
from bench.torture.hosts.steering import ChalkSteering

_ROOT = Path(__file__).resolve().parents[3]
_DISK_MEGABYTES = {"sqlite": 48, "postgresql": 400}
_METADATA = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True)
class Chalk:
    """A running system of ours: its servers, the proxies around them, and what lies at rest."""

    target: Target
    processes: Sequence[Process]
    front: Sequence[Proxy]
    back: Sequence[Proxy]
    database: Postgres | None
    disk: Disk
    clocks: Path
    environment: dict[str, str]
    root: Path = _ROOT

    def surroundings(self) -> dict[str, str]:
        """Give the environment in which a command of ours finds the database, past all proxies."""
        return {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")} | self.environment

    def restart(self) -> None:
        """End every server, and start it again."""
        for each in self.processes:
            each.restart()


@contextlib.contextmanager
def chalk(backend: str, folder: Path, seed: str, *, workers: int, retry_seconds: int = 0) -> Iterator[Chalk]:
    """Run it in a folder until the block ends: one host on `sqlite`, two on `postgresql`."""
    hosts = 1 if backend == "sqlite" else 2
    clocks = folder / "clocks"
    clocks.mkdir()
    with contextlib.ExitStack() as stack:
        room = stack.enter_context(disk(folder / "disk", _DISK_MEGABYTES[backend]))
        database = None if backend == "sqlite" else stack.enter_context(postgres(room.folder))
        url = f"sqlite:///{room.folder / 'chalk.db'}" if database is None else database.url
        keys = [folder / f"keys-{number}" for number in range(hosts)]
        ports, front_ports = [free_port() for _ in keys], [free_port() for _ in keys]
        issuer = f"http://127.0.0.1:{front_ports[0]}"
        common = {
            "CHALK_ISSUER": issuer,
            "CHALK_REFRESH_RETRY_SECONDS": str(retry_seconds),
            "CHALK_LOG_LEVEL": "WARNING",
            # Those who try dead keys all come from one address.
            "CHALK_GUESSES_PER_SOURCE": "1000000",
            "CHALK_GUESSES_PER_CREDENTIAL": "1000000",
        }
        own = common | {"CHALK_DATABASE_URL": url, "CHALK_KEYS_DIRECTORY": str(keys[0])}
        prepared = _prepare(own)
        back = [Proxy(free_port(), database.socket, f"{seed}/back") for _ in keys] if database else []
        front = [Proxy(front_ports[n], ("127.0.0.1", ports[n]), f"{seed}/front-{n}") for n in range(hosts)]
        for proxy in [*back, *front]:
            stack.callback(proxy.start().stop)
        processes = []
        for number, each in enumerate(keys):
            if number:
                shutil.copytree(keys[0], each)
            through = database.through(back[number].port) if database else url
            given = common | {"CHALK_DATABASE_URL": through, "CHALK_KEYS_DIRECTORY": str(each), FOLDER: str(clocks)}
            process = Process(ports[number], workers, given, folder / f"host-{number + 1}.log")
            stack.callback(process.stop)
            process.start()
            processes.append(process)
        yield Chalk(prepared.target(ports, front), processes, front, back, database, room, clocks, own)


@dataclass(frozen=True)
class _Prepared:
    """Who may enter: three tenants, and an operator."""

    admin_key: str
    tenants: Mapping[str, Credential]
    room: str

    def target(self, ports: Sequence[int], front: Sequence[Proxy]) -> Target:
        hosts = [self._host(number, port, front[number].port) for number, port in enumerate(ports)]
        fields = {"grant_type": "client_credentials", "scope": "offline_access rooms:read"}
        steering = ChalkSteering(self.tenants["rotating"], self.tenants["ending"], self.admin_key)
        return Target(hosts, self.tenants["steady"], fields, steering=steering)

    def _host(self, number: int, port: int, front: int) -> Host:
        url = f"http://127.0.0.1:{port}"
        return Host(
            name=f"host-{number + 1}",
            token=f"{url}/oauth/token",
            revoke=f"{url}/oauth/revoke",
            introspect=f"{url}/oauth/introspect",
            jwks=f"{url}/.well-known/jwks.json",
            documents=(f"{url}{_METADATA}",),
            resource=f"{url}/api/v1/rooms/{self.room}",
            via=("127.0.0.1", front),
        )


def _prepare(environment: Mapping[str, str]) -> _Prepared:
    app = create_app(settings.read(environment), warm=False)
    with app.app_context():
        flask_migrate.upgrade(directory=str(_ROOT / "migrations"))
    tools = wiring_of(app).tools
    tenants = {name: _open(name, tools) for name in ("steady", "rotating", "ending")}
    room = open_room(authenticate_api_key(tenants["steady"].secret, tools), "A room", tools)
    prepared = _Prepared(issue_operator_key(tools).text, tenants, print_id("room", room.id))
    tools.database.close()
    return prepared


def _open(name: str, tools: Tools) -> Credential:
    opened = open_tenant(None, name, Limits(), tools)
    return Credential(name, print_id("tenant", opened.tenant.id), opened.key.text)
