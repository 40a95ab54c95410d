"""Counters in this process's memory, by our clock, for the `limits` library."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from limits.storage import Storage

from app.foundation.clock import Clock

_MOST = 100_000


@dataclass(frozen=True)
class _Window:
    """How many hits there were; when it is over, in seconds since the epoch; and how long it is."""

    count: int
    ends_at: float
    seconds: float

    def is_open(self, now: float) -> bool:
        """Tell whether it counts; one that a clock put back would draw out does not: nobody waits longer."""
        return now < self.ends_at <= now + self.seconds


_NONE = _Window(0, 0.0, 0.0)


class Counters(Storage):
    """
    Counts each name from its first hit until its window is over.

    The library's own storage in memory asks the machine for the time and grows without bound; here the oldest windows
    go first, should anybody open so many.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they were opened.
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Name what the library would wrap; memory does not fail."""
        return MemoryError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count a hit, and give how many there are in this window; `expiry` is its length in seconds."""
        now = self._clock.now().timestamp()
        with self._lock:
            window = self._windows.get(key, _NONE)
            if not window.is_open(now):
                window = _Window(0, now + expiry, expiry)
                self._windows.pop(key, None)
            self._windows[key] = replace(window, count=window.count + amount)
            while len(self._windows) > _MOST:
                self._windows.popitem(last=False)
            return window.count + amount

    def get(self, key: str) -> int:
        """Give how many hits there are in the window that is open; 0 when none is."""
        window = self._windows.get(key, _NONE)
        return window.count if window.is_open(self._clock.now().timestamp()) else 0

    def get_expiry(self, key: str) -> float:
        """Give when the window is over, in seconds since the epoch; now, when none is open."""
        window, now = self._windows.get(key, _NONE), self._clock.now().timestamp()
        return window.ends_at if window.is_open(now) else now

    def check(self) -> bool:
        """Tell that memory is there."""
        return True

    def reset(self) -> int:
        """Forget everything, and give how much it was."""
        with self._lock:
            forgotten = len(self._windows)
            self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one name."""
        with self._lock:
            self._windows.pop(key, None)
