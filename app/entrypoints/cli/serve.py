"""`chalk-auth serve`: the production server (docs/decisions/0006-granian.md)."""

import os
from collections.abc import Callable

import click
from granian.constants import Interfaces
from granian.log import LogLevels

from app import settings
from app.entrypoints.cli.supervision import Listen, Supervisor, must_be_free
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
@click.option(
    "--worker-lifetime",
    metavar="SECONDS",
    type=click.IntRange(1),
    help="Renew each worker after so long, one at a time; without it, never.",
)
@click.pass_obj
def serve(launcher: Launcher, host: str, port: int, workers: int, threads: int, *, worker_lifetime: int | None) -> None:
    """Serve until interrupted. Run `chalk-auth db upgrade` first."""
    # What is wrong is said here, once and in a sentence, and not by every worker again and again.
    wiring_of(launcher.open_ready()).tools.database.close()
    must_be_free(host, port)
    start(launcher, Listen(host, port, workers, threads, worker_lifetime), lambda: None)


def start(launcher: Launcher, listen: Listen, announce: Callable[[], None]) -> None:
    """Serve until interrupted; `announce` is called as soon as connections are taken."""
    server = Supervisor(
        launcher.target,
        address=listen.host,
        port=listen.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=listen.workers,
        # Signing lets go of the interpreter, but waiting threads cost more than they win: one is the fastest.
        blocking_threads=listen.threads,
        websockets=False,
        # A worker that hangs must not keep the server from stopping.
        kill_seconds=_KILL_SECONDS,
        lifetime_seconds=listen.lifetime_seconds,
        log_level=LogLevels.error,
    )
    server.on_startup(announce)
    settings.tell_workers(listen.workers)
    with metrics.shared():
        server.serve()
    if server.reason_to_end is not None:
        raise ConfigurationError(f"{server.reason_to_end} The server ends; the lines above say how they died.")
