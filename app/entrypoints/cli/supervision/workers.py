"""What runs in a worker before it serves: it loads the application, tells how far it got, and outlives nobody."""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from wsgiref.types import WSGIApplication

from flask import Flask

from app.entrypoints.wiring import wiring_of
from app.foundation.errors import ConfigurationError

_LOG = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 1.0


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
    """

    def __init__(self, load: Callable[[], WSGIApplication], report: Report) -> None:
        self._load = load
        self._report = report
        self._parent = os.getpid()

    def __call__(self) -> WSGIApplication:
        """Build the application; what keeps it from starting is said in a sentence, and ends the worker."""
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


def _end_with(parent: int) -> None:
    # A main process that was killed cannot tell its workers to end; they would serve on, with nobody to look after
    # them, and keep the address from whoever comes next.
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
