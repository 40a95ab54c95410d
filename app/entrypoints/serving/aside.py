"""Work that requests are the occasion for, in a process that has nothing else to do: none of them waits for it."""

import contextlib
import threading
from datetime import timedelta
from multiprocessing import util

from flask import Flask, Response

from app.entrypoints.serving.express import Express
from app.flows.forget_expired import BATCH, forget_expired
from app.flows.note_connections import note_connections
from app.flows.note_uses import note_uses
from app.flows.refusals import DatabaseAwayError
from app.flows.tend_signing_keys import tend_signing_keys
from app.flows.tools import Tools
from app.foundation.background import Occasionally, Soon

_CLEANING_EVERY = timedelta(minutes=1)
_MOST_BATCHES = 100
_USES_AFTER_SECONDS = 60
_BREATH_SECONDS = 0.05


def work_aside(app: Flask, express: Express, tools: Tools, *, every: timedelta) -> None:
    """
    Let the requests of a process be the occasion for work that none of them waits for.

    `every` so long the signing keys are tended, and the connections to the database noted.
    """
    for occasion in (
        Occasionally(lambda: _tend(tools, watcher), every, tools.clock),
        Occasionally(lambda: clean(tools), _CLEANING_EVERY, tools.clock),
    ):
        app.before_request(occasion.nudge)
        express.before.append(occasion.nudge)
    watcher = Soon(lambda: _watch(tools, watcher), every.total_seconds())
    writer = Soon(lambda: note_uses(tools), _USES_AFTER_SECONDS)

    def note() -> None:
        if tools.uses:
            writer.nudge()

    def note_behind(response: Response) -> Response:
        note()
        return response

    app.after_request(note_behind)
    express.after.append(note)
    # What came since, when the worker ends; `atexit` is not asked in a process that was forked.
    util.Finalize(None, _note_the_last_uses, args=(tools,), exitpriority=0)


def clean(tools: Tools) -> None:
    """Forget what a minute has left behind, batch by batch."""
    # With a breath between two of them: on SQLite, others write meanwhile.
    breath = threading.Event()
    for _ in range(_MOST_BATCHES):
        if forget_expired(tools) < BATCH:
            return
        breath.wait(_BREATH_SECONDS)


def _tend(tools: Tools, watcher: Soon) -> None:
    note_connections(tools)
    watcher.nudge()
    tend_signing_keys(tools)


def _watch(tools: Tools, watcher: Soon) -> None:
    note_connections(tools)
    # Also if no request comes: whoever has hung since is seen, and what was in use is not so for ever.
    if tools.database.pool.in_use:
        watcher.nudge()


def _note_the_last_uses(tools: Tools) -> None:
    with contextlib.suppress(DatabaseAwayError):
        note_uses(tools)
