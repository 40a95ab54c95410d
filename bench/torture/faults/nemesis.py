"""Does what the schedule says, and writes down when it began and when all was as before."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it ships no types

from bench.torture.faults.schedule import Planned
from bench.torture.history import Disturbance, History


@dataclass(frozen=True)
class Struck:
    """Whom a fault struck, what could not be relied on meanwhile (see Disturbance), and how to put it right."""

    detail: str
    away: str
    heal: Callable[[], float | None]
    hangs: bool = False


# Begins a fault; the number chooses whom it strikes. To heal it gives the seconds until service was back, if measured.
Fault = Callable[[float], Struck]


class Nemesis:
    """The one who disturbs."""

    def __init__(
        self, faults: Mapping[str, Fault], planned: Sequence[Planned], history: History, seconds: float
    ) -> None:
        self.over = threading.Event()
        self.problems: list[str] = []
        self._faults = faults
        self._planned = planned
        self._history = history
        self._seconds = seconds

    def run(self) -> None:
        """
        Go through the schedule; a fault that has begun is always healed.

        Where recoveries take long, what would begin after so many seconds is left out, but no kind of fault altogether.
        """
        begun = self._history.now()
        done: set[str] = set()
        for planned in self._planned:
            if planned.name in done and self._history.now() > begun + self._seconds:
                continue
            done.add(planned.name)
            if self.over.wait(max(0.0, begun + planned.at - self._history.now())):
                return
            try:
                self._do(planned)
            except psutil.NoSuchProcess:
                # Another fault was faster with the one that this one chose.
                continue
            except (OSError, RuntimeError) as error:
                self.problems.append(f"{planned.name}: {error}")
                return

    def _do(self, planned: Planned) -> None:
        began = self._history.now()
        struck = self._faults[planned.name](planned.draw)
        recovered = None
        try:
            self.over.wait(planned.seconds)
        finally:
            recovered = struck.heal()
        ended = self._history.now()
        self._history.disturbed(
            Disturbance(planned.name, struck.detail, began, ended, struck.away, struck.hangs, recovered)
        )
