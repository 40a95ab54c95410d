"""
The server as `chalk-auth serve` runs it, except that the clock of each worker can be stepped.

Run as `python -m bench.torture.hosts.clocked serve`, with the options of `chalk-auth serve`. The folder named by
TORTURE_CLOCKS holds a file for each worker, by its process id, with the seconds by which its clock is off.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask

from app import factory
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher
from app.foundation.clock import SystemClock

FOLDER = "TORTURE_CLOCKS"


class SteppedClock:
    """The machine's clock, off by what the file of this process says at the moment."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / str(os.getpid())
        self._true = SystemClock()

    def now(self) -> datetime:
        """Tell what this worker believes to be the present moment."""
        try:
            off = float(self._file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            off = 0.0
        return self._true.now() + timedelta(seconds=off)


def create_app() -> Flask:
    """Build the application of one worker."""
    return factory.create_app(clock=SteppedClock(Path(os.environ[FOLDER])))


def _open_ready() -> Flask:
    return factory.create_app()


if __name__ == "__main__":
    cli.run(Launcher(_open_ready, _open_ready, migrations="", target="bench.torture.hosts.clocked:create_app"))
