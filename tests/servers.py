"""Real servers: the production entry point, in processes of its own."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from bench.torture.faults.ports import free_port
from tests import log_watch
from tests.conftest import MANY_GUESSES, MASTER_KEY, ROOT

COMMAND = str(Path(sys.executable).parent / "chalk-auth")


@dataclass(frozen=True)
class Manner:
    """How a server is run, when not as usual: with further options, and a file for what it says on standard error."""

    options: Sequence[str] = ()
    log: Path | None = None


USUAL = Manner()


@dataclass
class Server:
    """A running server; `process` is its main process, which has the workers as children."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        """Give its base URL."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serve(
    database_url: str, manner: Manner = USUAL, /, *, port: int | None = None, workers: int = 1, **settings: str | None
) -> Iterator[Server]:
    """Run `chalk-auth serve` on a migrated database until the block ends."""
    port = port or free_port()
    command = [COMMAND, "serve", "--port", str(port), "--workers", str(workers), *manner.options]
    with running(command, port, database_url, manner.log, workers=workers, **settings) as server:
        yield server


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    database_url: str,
    log: Path | None = None,
    /,
    *,
    workers: int = 1,
    **settings: str | None,
) -> Iterator[Server]:
    """
    Run a command that serves on a port; all its workers are ready when the block begins.

    At the end it is stopped by its pid, and so are workers that outlive it. What it says on standard error, at DEBUG,
    lies in the log, if one is given, and is looked through for secrets then, however it ended.
    """
    usual = {"DATABASE_URL": database_url, "MASTER_KEY": MASTER_KEY, "LOG_LEVEL": "DEBUG", **MANY_GUESSES}
    given = {name: value for name, value in {**usual, **settings}.items() if value is not None}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    with contextlib.ExitStack() as stack:
        if log is None:
            # Not a pipe: nobody would read it meanwhile, and a server whose pipe is full stands still.
            log = Path(stack.enter_context(tempfile.NamedTemporaryFile(prefix="chalk-log-")).name)
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=surroundings | {f"CHALK_{name}": value for name, value in given.items()},
            text=True,
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("a")),
        )
        try:
            _wait(process, workers, log)
            yield Server(port, process, log)
        finally:
            printed = _stop(process)
            log_watch.WATCH.look_at_lines(log.read_text(errors="replace"), "a server's log")
            # Other commands may print keys: that is what they are for.
            if "serve" in command:
                log_watch.WATCH.look(printed, "a server's output")


def at_work(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """List the workers of a main process that serve."""
    return [child for child in _children(process) if _serves(child)]


def _wait(process: subprocess.Popen[str], workers: int, log: Path) -> None:
    # Until the last worker serves, the others take all connections, and a race would be run in one process.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text(errors='replace')}")
        if len(at_work(process)) >= workers:
            return
    raise RuntimeError("the server did not begin to serve")


def _serves(child: psutil.Process) -> bool:
    # All have the socket from their birth. While a worker loads, it has the thread that does and the one that looks
    # whether the main process lives; when it serves, others besides.
    with contextlib.suppress(psutil.Error):
        return bool(child.num_threads() > 2)
    return False


def _children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return list(psutil.Process(process.pid).children())
    except psutil.Error:
        return []


def _stop(process: subprocess.Popen[str]) -> str:
    # Every worker has its standard output, also those that outlive their main process: it ends when all have.
    workers = _children(process)
    process.terminate()
    try:
        printed, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        for each in [process, *workers]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        printed, _ = process.communicate()
    return printed or ""
