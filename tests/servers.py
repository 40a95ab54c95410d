"""Real servers: the production entry point, in processes of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from tests import log_watch
from tests.conftest import MANY_GUESSES, MASTER_KEY, ROOT

COMMAND = str(Path(sys.executable).parent / "chalk-auth")


@dataclass
class Server:
    """A running server; `process` is its main process, which has the workers as children."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """Give its base URL."""
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """Find a port below the ephemeral range that nobody listens on; processes that run tests at once search apart."""
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    for port in range(20_000 + 3_000 * own + os.getpid() % 2_000, 32_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@contextlib.contextmanager
def serve(database_url: str, *, port: int | None = None, workers: int = 1, **settings: str | None) -> Iterator[Server]:
    """Run `chalk-auth serve` on a migrated database until the block ends."""
    port = port or free_port()
    command = [COMMAND, "serve", "--port", str(port), "--workers", str(workers)]
    with running(command, port, database_url, workers=workers, **settings) as server:
        yield server


@contextlib.contextmanager
def running(
    command: list[str], port: int, database_url: str, *, workers: int = 1, **settings: str | None
) -> Iterator[Server]:
    """
    Run a command that serves on a port; all its workers are ready when the block begins.

    At the end it is stopped by its pid, and so are workers that outlive it.
    """
    usual = {"DATABASE_URL": database_url, "MASTER_KEY": MASTER_KEY, "LOG_LEVEL": "WARNING", **MANY_GUESSES}
    given = {name: value for name, value in {**usual, **settings}.items() if value is not None}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=surroundings | {f"CHALK_{name}": value for name, value in given.items()},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        _wait(process, port, workers)
        yield Server(port, process)
    finally:
        _stop(process)


def _wait(process: subprocess.Popen[str], port: int, workers: int) -> None:
    # Until the last worker listens, the others take all connections, and a race would be run in one process.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {process.communicate()[1]}")
        if sum(_listens(child, port) for child in _children(process)) >= workers:
            return
    raise RuntimeError("the server did not begin to listen")


def _listens(child: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in child.net_connections())
    return False


def _children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return list(psutil.Process(process.pid).children())
    except psutil.Error:
        return []


def _stop(process: subprocess.Popen[str]) -> None:
    workers = _children(process)
    process.terminate()
    try:
        _, said = process.communicate(timeout=20)
        log_watch.WATCH.look(said or "", "a server")
    except subprocess.TimeoutExpired:
        for each in [process, *workers]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate()
