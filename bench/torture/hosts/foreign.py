"""Somebody else's server: named on the command line, reached through our proxy, restarted by a command."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # it ships no types

from bench.torture.clients.target import Credential, Host, Target
from bench.torture.faults.nemesis import Fault, Struck
from bench.torture.faults.network import network_faults
from bench.torture.faults.ports import free_port
from bench.torture.faults.proxy import Proxy

_RESTART_SECONDS = 60
_AWAY = "foreign"


@dataclass(frozen=True)
class Foreign:
    """
    How to reach it, and what may be done to it.

    Args:
        restart: a command that ends the server and starts it again.
        worker_pids: a command that prints the process ids of its workers.
        tokens: a file of refresh tokens, one a line, to begin sessions with.
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str = "offline_access"
    revoke_url: str = ""
    introspect_url: str = ""
    jwks_url: str = ""
    restart: str = ""
    worker_pids: str = ""
    tokens: Path | None = None

    def restarted(self) -> None:
        """Run the command that restarts it."""
        subprocess.run(self.restart, shell=True, check=True, timeout=_RESTART_SECONDS)


@contextlib.contextmanager
def foreign(server: Foreign, seed: str) -> Iterator[tuple[Target, Mapping[str, Fault]]]:
    """Put our proxy in front of it until the block ends; gives the target, and the faults that are possible."""
    parts = urlsplit(server.token_url)
    address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    proxy = Proxy(free_port(), address, seed).start()
    try:
        yield _target(server, ("127.0.0.1", proxy.port)), _faults(server, proxy)
    finally:
        proxy.stop()


def _target(server: Foreign, via: tuple[str, int]) -> Target:
    host = Host(_AWAY, server.token_url, server.revoke_url, server.introspect_url, server.jwks_url, via=via)
    starts = server.tokens.read_text(encoding="utf-8").split() if server.tokens else []
    fields = {"grant_type": "client_credentials", "scope": server.scope}
    return Target([host], Credential("steady", server.client_id, server.client_secret), fields, starts)


def _faults(server: Foreign, proxy: Proxy) -> dict[str, Fault]:
    faults = dict(network_faults([proxy], "between clients and server", "", answers=True))
    if server.restart:
        faults["restart"] = lambda _draw: _restart(server)
    if server.worker_pids:
        faults["kill -9 of a worker"] = lambda draw: _signal(server, draw, stop=False)
        faults["SIGSTOP of a worker"] = lambda draw: _signal(server, draw, stop=True)
    return faults


def _restart(server: Foreign) -> Struck:
    server.restarted()
    return Struck("(by its command)", _AWAY, lambda: None)


def _signal(server: Foreign, draw: float, *, stop: bool) -> Struck:
    told = subprocess.run(server.worker_pids, shell=True, check=True, capture_output=True, text=True)
    pids: Sequence[int] = [int(pid) for pid in told.stdout.split()]
    worker = psutil.Process(pids[int(draw * len(pids))])
    worker.suspend() if stop else worker.kill()

    def heal() -> None:
        with contextlib.suppress(psutil.Error):
            if stop:
                worker.resume()

    return Struck(f"(pid {worker.pid})", _AWAY, heal)
