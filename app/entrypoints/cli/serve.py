"""`chalk-auth serve`: the production server (docs/decisions/0006-granian.md)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from granian.constants import Interfaces
from granian.log import LogLevels

from app import settings
from app.entrypoints.cli.supervision import Listen, Supervisor, must_be_free
from app.entrypoints.wiring import Launcher, wiring_of
from app.foundation import metrics
from app.foundation.environment import UNIX
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
    "lifetime_seconds",
    metavar="SECONDS",
    type=click.IntRange(1),
    help="Renew each worker after so long, one at a time; without it, never.",
)
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    help="Listen on a unix socket instead, for a proxy on this machine; CHALK_TRUSTED_PROXIES must say unix.",
)
@click.option(
    "--socket-mode",
    "mode",
    type=click.Choice(["0600", "0660", "0666"]),
    default="0660",
    show_default=True,
    callback=lambda _context, _option, mode: int(mode, 8),
    help="Who may connect to it.",
)
@click.pass_obj
def serve(launcher: Launcher, /, **where_and_how: Any) -> None:
    """Serve until interrupted. Run `chalk-auth db upgrade` first."""
    # What is wrong is said here, once and in a sentence, and not by every worker again and again.
    wiring = wiring_of(launcher.open_ready())
    wiring.tools.database.close()
    listen = Listen(**where_and_how)
    if listen.path is not None and UNIX not in wiring.trusted_proxies:
        raise ConfigurationError(
            "On a unix socket, nobody has an address but by a proxy: add unix to CHALK_TRUSTED_PROXIES."
        )
    must_be_free(listen)
    start(launcher, listen, lambda: None)


def start(launcher: Launcher, listen: Listen, announce: Callable[[], None]) -> None:
    """Serve until interrupted; `announce` is called as soon as connections are taken."""
    server = Supervisor(
        launcher.target,
        address=listen.host,
        port=listen.port,
        uds=listen.path,
        uds_permissions=listen.mode,
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
