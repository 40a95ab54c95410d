"""`chalk-auth serve`: the production server (docs/decisions/0006-granian.md)."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app import settings
from app.entrypoints.wiring import Launcher, wiring_of
from app.foundation import metrics
from app.foundation.errors import ConfigurationError

_KILL_SECONDS = 10


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--workers",
    default=os.cpu_count() or 1,
    envvar="CHALK_WORKERS",
    type=click.IntRange(1, 256),
    help="Processes; one a core.",
)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Requests that a worker takes at once; more than one where no proxy in front buffers slow bodies.",
)
@click.pass_obj
def serve(launcher: Launcher, host: str, port: int, workers: int, threads: int) -> None:
    """Serve until interrupted. Run `chalk-auth db upgrade` first."""
    # What is wrong is said here, once and in a sentence, and not by every worker again and again.
    wiring_of(launcher.open_ready()).tools.database.close()
    must_be_free(host, port)
    start(launcher, Listen(host, port, workers, threads), lambda: None)


@dataclass(frozen=True)
class Listen:
    """Where to listen, and with how many processes and threads in each."""

    host: str
    port: int
    workers: int
    threads: int


def start(launcher: Launcher, listen: Listen, announce: Callable[[], None]) -> None:
    """Serve until interrupted; `announce` is called as soon as connections are taken."""
    server = Granian(
        launcher.target,
        address=listen.host,
        port=listen.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=listen.workers,
        # Signing lets go of the interpreter, but waiting threads cost more than they win: one is the fastest.
        blocking_threads=listen.threads,
        websockets=False,
        respawn_failed_workers=True,
        # A worker that hangs must not keep the server from stopping.
        workers_kill_timeout=_KILL_SECONDS,
        log_level=LogLevels.error,
    )
    server.on_startup(announce)
    settings.tell_workers(listen.workers)
    with metrics.shared():
        server.serve()


def must_be_free(host: str, port: int) -> None:
    """
    Refuse a port that somebody listens on, before anything else is done.

    Raises:
        ConfigurationError: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"Cannot listen on {host} port {port}: {error.strerror}. Try --port.") from error
