"""How often workers may die before it is not worth while to replace them."""

from collections import deque

_WINDOW_SECONDS = 60.0
_DEATHS_A_WORKER = 30
_FAILED_STARTS_A_WORKER = 5
_PAUSE_SECONDS = 1.0
_LONG_PAUSE_SECONDS = 5.0


class Brake:
    """
    The bound on replacements, so that a fault which no replacement mends does not keep a processor busy.

    A worker that was at work is replaced at once. One that died before it was, and so would its successor, waits for
    its turn: a second after its birth, and five when that went on for a while. Replacing ends when nobody is at work
    and several starts of each worker have failed in a row, or when so many died in a minute that it helps nobody.

    Args:
        workers: how many there are to be.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._deaths: deque[float] = deque()
        self._failed_starts = 0

    def died(self, born: float, now: float, *, started: bool) -> float:
        """
        Count a worker that died, and give the moment at which another may be born.

        Args:
            born: the moment of its own birth; moments are seconds of one clock that is never put back.
            now: this moment.
            started: it had been at work.
        """
        self._deaths.append(now)
        if started:
            return now
        self._failed_starts += 1
        usual = self._failed_starts <= _FAILED_STARTS_A_WORKER * self._workers
        return born + (_PAUSE_SECONDS if usual else _LONG_PAUSE_SECONDS)

    def reason_to_end(self, now: float, *, at_work: int) -> str | None:
        """
        Say why replacing workers is of no use any more; None while it is.

        Args:
            now: this moment.
            at_work: how many workers are.
        """
        while self._deaths and self._deaths[0] <= now - _WINDOW_SECONDS:
            self._deaths.popleft()
        if at_work == 0 and self._failed_starts >= _FAILED_STARTS_A_WORKER * self._workers:
            return f"No worker could start, {self._failed_starts} times in a row."
        if len(self._deaths) > _DEATHS_A_WORKER * self._workers:
            return f"Workers died {len(self._deaths)} times within a minute."
        return None

    def started(self) -> None:
        """Forget the starts that failed: one has succeeded."""
        self._failed_starts = 0
