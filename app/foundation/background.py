"""Work that requests are the occasion for, and that none of them waits for."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from app.foundation.clock import Clock
from app.foundation.errors import ConfigurationError, ServiceError

_LOG = logging.getLogger(__name__)


class Occasionally:
    """
    Does a piece of work at most every so often, in a thread of its own, one at a time.

    Without a request nothing is done; there is no daemon to look after. A failure is logged, and the next occasion
    tries again.
    """

    def __init__(self, work: Callable[[], object], every: timedelta, clock: Clock) -> None:
        self._work = work
        self._every = every
        self._clock = clock
        self._last: datetime | None = None
        self._busy = threading.Lock()

    def nudge(self) -> None:
        """Begin the work if it is time; returns at once, whatever happens to it."""
        if not self._is_time() or not self._busy.acquire(blocking=False):
            return
        if not self._is_time():
            self._busy.release()
            return

        self._last = self._clock.now()
        try:
            threading.Thread(target=self._run, name="occasionally", daemon=True).start()
        except RuntimeError:
            self._busy.release()
            _LOG.warning("work in the background did not begin: this machine has no thread left")

    def _is_time(self) -> bool:
        return self._last is None or not timedelta() <= self._clock.now() - self._last < self._every

    def _run(self) -> None:
        try:
            _do(self._work)
        finally:
            self._busy.release()


class Soon:
    """
    Does a piece of work some time after the first request that gave occasion to it, once for all until then.

    So it is done also when no other request comes. It is lost when the process ends before.
    """

    def __init__(self, work: Callable[[], object], after_seconds: float) -> None:
        self._work = work
        self._after_seconds = after_seconds
        self._pending = threading.Lock()

    def nudge(self) -> None:
        """See to it that the work is done; returns at once."""
        if not self._pending.acquire(blocking=False):
            return
        timer = threading.Timer(self._after_seconds, self._run)
        timer.name, timer.daemon = "soon", True
        try:
            timer.start()
        except RuntimeError:
            self._pending.release()
            _LOG.warning("work in the background did not begin: this machine has no thread left")

    def _run(self) -> None:
        # From now on, what comes is for the next time: this one may have looked already.
        self._pending.release()
        _do(self._work)


def _do(work: Callable[[], object]) -> None:
    try:
        work()
    except (ServiceError, ConfigurationError) as error:
        _LOG.warning("work in the background failed: %s", error)
    except Exception:  # noqa: BLE001  a thread has nobody above it who would log this
        _LOG.exception("work in the background failed")
