"""The workers of a server, and what is done when one dies, is to be renewed, or does not end."""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Protocol

from app.entrypoints.cli.supervision.brake import Brake
from app.entrypoints.cli.supervision.workers import DEAFEN, Report, Stage

_LOG = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 0.02
_START_SECONDS = 60.0
_RENEW_AGAIN_AFTER_SECONDS = 60.0
# From connecting to sending a request, a proxy takes less.
DEAF_SECONDS = 0.2


class Process(Protocol):
    """A process of granian's, which notes whether it was us who ended it."""

    inner: BaseProcess

    def is_alive(self) -> bool:
        """Tell whether it has not ended yet."""
        ...

    def terminate(self) -> None:
        """Tell it to end, when it has finished what it has."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True)
class Worker:
    """A process that serves; `born` is a moment of `time.monotonic`, as all moments here are."""

    process: Process
    born: float
    report: Report

    @property
    def is_at_work(self) -> bool:
        """Tell whether it lives and has begun to serve."""
        return self.process.is_alive() and self.report.stage >= Stage.STARTED

    def deafen(self) -> None:
        """Let it accept nothing more, and finish what it has; one that has not started accepts nothing anyway."""
        pid = self.process.inner.pid
        if self.is_at_work and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, DEAFEN)


@dataclass
class _Leaving:
    """One that accepts nothing more: when it is told to end, and when the patience with it is over."""

    worker: Worker
    end_at: float
    until: float
    is_told: bool = False


@dataclass
class _Place:
    """The place of one worker: when it may be filled again, when it is to be renewed, and by whom."""

    worker: Worker
    vacant_until: float | None = None
    renew_at: float | None = None
    successor: Worker | None = None


@dataclass
class Crew:
    """
    All workers of a server.

    Args:
        first: those that were started with it.
        begin: starts another, for the place of this number.
        lifetime_seconds: how long one serves before it is renewed; None for as long as it lives.
        patience_seconds: how long one that is told to end may take to finish what it has.
        now: this moment.
    """

    first: Sequence[Worker]
    begin: Callable[[int], Worker]
    lifetime_seconds: float | None
    patience_seconds: float
    now: float
    _places: list[_Place] = field(init=False)
    _leaving: list[_Leaving] = field(init=False, default_factory=list)
    _brake: Brake = field(init=False)

    def __post_init__(self) -> None:
        self._places = [_Place(worker) for worker in self.first]
        self._brake = Brake(len(self.first))
        # The first ones live for a part of it, each another: so they are never renewed at the same time.
        for number, place in enumerate(self._places):
            self._settle(place, self.now, share=(number + 1) / len(self._places))

    def everyone(self) -> list[Worker]:
        """List every worker that lives, or may."""
        coming = [place.successor for place in self._places if place.successor is not None]
        return [*(place.worker for place in self._places), *coming, *(each.worker for each in self._leaving)]

    def deafen(self) -> None:
        """Let nobody accept anything more: the server is about to end."""
        for each in self.everyone():
            each.deafen()

    def renew(self, now: float) -> None:
        """Let others take the place of all workers, one after the other, each when it is ready."""
        for place in self._places:
            place.renew_at = now

    def pause(self, now: float) -> float | None:
        """Give the seconds until it is time to look again, if nothing happens; None if it never is."""
        moments = [place.renew_at for place in self._places if place.renew_at is not None]
        changing = any(place.vacant_until is not None or place.successor is not None for place in self._places)
        if changing or self._leaving:
            return _LOOK_EVERY_SECONDS
        return max(0.0, min(moments) - now) if moments else None

    def look(self, now: float) -> str | None:
        """Do what is to be done at this moment; gives the reason why the server should end, if there is one."""
        self._see_off(now)
        at_work = sum(place.worker.is_at_work for place in self._places)
        if at_work:
            self._brake.started()
        for number, place in enumerate(self._places):
            self._fill(number, place, now)
            self._finish_renewal(number, place, now)
        self._begin_renewal(now)
        return self._brake.reason_to_end(now, at_work=at_work)

    def _see_off(self, now: float) -> None:
        for each in self._leaving:
            if now >= each.end_at and not each.is_told:
                each.is_told = True
                each.worker.process.terminate()
            if now >= each.until and each.worker.process.is_alive():
                _say("a worker did not end, and was killed", each.worker)
                each.worker.process.kill()
        self._leaving = [each for each in self._leaving if each.worker.process.is_alive()]

    def _fill(self, number: int, place: _Place, now: float) -> None:
        if place.worker.process.is_alive():
            return
        if place.vacant_until is None:
            started = place.worker.report.stage >= Stage.STARTED
            place.vacant_until = self._brake.died(place.worker.born, now, started=started)
            _say("a worker died", place.worker, number, cause=_cause(place.worker))
        if now >= place.vacant_until and place.successor is None:
            place.worker = self.begin(number)
            self._settle(place, now)

    def _settle(self, place: _Place, now: float, share: float = 1.0) -> None:
        place.vacant_until = None
        place.renew_at = None if self.lifetime_seconds is None else now + share * self.lifetime_seconds

    def _begin_renewal(self, now: float) -> None:
        # One at a time, and none where somebody is missing: a renewal must not cost a worker more.
        if any(place.successor is not None or place.vacant_until is not None for place in self._places):
            return
        for number, place in enumerate(self._places):
            if place.renew_at is not None and now >= place.renew_at:
                place.successor = self.begin(number)
                return

    def _finish_renewal(self, number: int, place: _Place, now: float) -> None:
        successor = place.successor
        if successor is None:
            return
        if successor.report.stage is Stage.READY:
            place.successor, old, place.worker = None, place.worker, successor
            self._settle(place, now)
            self._dismiss(old, now)
        elif _is_in_vain(successor, now):
            place.successor = None
            self._dismiss(successor, now)
            _say("a worker could not be renewed, and stays", place.worker, number, cause=_cause(successor))
            for each in self._places:
                each.renew_at = None if self.lifetime_seconds is None else now + _RENEW_AGAIN_AFTER_SECONDS

    def _dismiss(self, worker: Worker, now: float) -> None:
        worker.deafen()
        self._leaving.append(_Leaving(worker, now + DEAF_SECONDS, now + DEAF_SECONDS + self.patience_seconds))


def _is_in_vain(successor: Worker, now: float) -> bool:
    has_no_keys = successor.report.stage is Stage.STARTED
    return has_no_keys or not successor.process.is_alive() or now >= successor.born + _START_SECONDS


def _cause(worker: Worker) -> str:
    match worker.process.inner.exitcode:
        case None if worker.report.stage is Stage.STARTED:
            return "it has no signing keys"
        case None:
            return "it takes too long"
        case int(code) if code < 0:
            return signal.Signals(-code).name
        case code:
            return f"exit status {code}"


def _say(message: str, worker: Worker, number: int | None = None, cause: str | None = None) -> None:
    fields = {"worker": None if number is None else number + 1, "pid": worker.process.inner.pid, "cause": cause}
    _LOG.error(message, extra={"fields": {name: value for name, value in fields.items() if value is not None}})
