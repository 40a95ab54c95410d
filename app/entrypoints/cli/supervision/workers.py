"""What runs in a worker before it serves: it loads the application, tells how far it got, and outlives nobody."""

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from wsgiref.types import WSGIApplication

from flask import Flask

from app.entrypoints.wiring import wiring_of
from app.foundation.errors import ConfigurationError

_LOG = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 1.0
# Tells a worker to accept nothing more; SIGTERM, a moment later, to finish what it has, and end.
DEAFEN = signal.SIGUSR1


class Stage(IntEnum):
    """How far a worker got."""

    BORN = 0
    STARTED = 1
    READY = 2


class Report:
    """
    What a worker tells its main process.

    One byte of memory that they share and no lock: a worker may be killed at any moment, and would keep it locked.
    """

    def __init__(self) -> None:
        self._stage = multiprocessing.RawValue(ctypes.c_byte, Stage.BORN)

    @property
    def stage(self) -> Stage:
        """Give how far the worker got; it stays known when it has died."""
        return Stage(self._stage.value)

    @stage.setter
    def stage(self, reached: Stage) -> None:
        self._stage.value = reached


class Loader:
    """
    Loads the application in a worker, and reports.

    Args:
        load: builds the application, or one that is wrapped around it.
        report: where to tell that it did.
        listening: the socket that all workers accept from.
    """

    def __init__(self, load: Callable[[], WSGIApplication], report: Report, listening: socket.socket) -> None:
        self._load = load
        self._listening = listening
        self._report = report
        self._parent = os.getpid()

    def __call__(self) -> WSGIApplication:
        """Build the application; what keeps it from starting is said in a sentence, and ends the worker."""
        signal.signal(DEAFEN, self._deafen)
        threading.Thread(target=_end_with, args=(self._parent,), name="parent", daemon=True).start()
        try:
            app = self._load()
        except ConfigurationError as error:
            _LOG.error("a worker cannot start: %s", error)
            sys.exit(1)
        # Whoever never saw the database cannot take the place of one who did, and has the keys in memory.
        # Of an application that is wrapped into another, nobody can tell.
        has_keys = not isinstance(app, Flask) or wiring_of(app).tools.keyring.signer is not None
        self._report.stage = Stage.READY if has_keys else Stage.STARTED
        return app

    def _deafen(self, *_signal: object) -> None:
        # granian stops to accept and to read in one: a connection whose request has not arrived yet is closed, and to
        # a proxy that is a request that was lost. So it is given a socket that nobody calls, a moment before.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind("")
            deaf.listen()
            deaf.settimeout(0)
            heard = os.fstat(self._listening.fileno())
            for each in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
                # The one that was opened to list them is gone.
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.fstat(each), heard):
                        os.dup2(deaf.fileno(), each)


def _end_with(parent: int) -> None:
    # A main process that was killed cannot tell its workers to end; they would serve on, with nobody to look after
    # them, and keep the address from whoever comes next.
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
