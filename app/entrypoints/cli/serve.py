"""`chalk-auth serve`: the production server (docs/decisions/0006-granian.md)."""

import os
import socket
from collections.abc import Callable

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app.entrypoints.wiring import Launcher, wiring_of
from app.foundation.errors import ConfigurationError

_RESPAWN_SECONDS = 0.1


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=os.cpu_count() or 1, type=click.IntRange(1, 256), help="Processes; one a core.")
@click.pass_obj
def serve(launcher: Launcher, host: str, port: int, workers: int) -> None:
    """Serve until interrupted. Run `chalk-auth db upgrade` first."""
    # What is wrong is said here, once and in a sentence, and not by every worker again and again.
    wiring_of(launcher.open_ready()).tools.database.close()
    start(launcher, host, port, workers, lambda: None)


def start(launcher: Launcher, host: str, port: int, workers: int, announce: Callable[[], None]) -> None:
    """Serve until interrupted; `announce` is called as soon as connections are taken."""
    _must_be_free(host, port)
    server = Granian(
        launcher.target,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=workers,
        # Signing lets go of the interpreter, but waiting threads cost more than they win: one a worker.
        blocking_threads=1,
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=_RESPAWN_SECONDS,
        log_level=LogLevels.warning,
    )
    server.on_startup(announce)
    server.serve()


def _must_be_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"Cannot listen on {host} port {port}: {error.strerror}. Try --port.") from error
