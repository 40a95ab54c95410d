"""Counters in this process's memory, by our clock, for the `limits` library."""

import threading
from collections import OrderedDict

from limits.storage import Storage

from app.foundation.clock import Clock

_MOST = 100_000


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
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Name what the library would wrap; memory does not fail."""
        return MemoryError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count a hit, and give how many there are in this window; `expiry` is its length in seconds."""
        now = self._clock.now().timestamp()
        with self._lock:
            count, ends_at = self._windows.get(key, (0, 0.0))
            # Also over when the clock was put back: nobody waits longer than a window.
            if not now < ends_at <= now + expiry:
                count, ends_at = 0, now + expiry
                self._windows.pop(key, None)
            self._windows[key] = (count + amount, ends_at)
            while len(self._windows) > _MOST:
                self._windows.popitem(last=False)
            return count + amount

    def get(self, key: str) -> int:
        """Give how many hits there are in the window that is open; 0 when none is."""
        count, ends_at = self._windows.get(key, (0, 0.0))
        return count if self._clock.now().timestamp() < ends_at else 0

    def get_expiry(self, key: str) -> float:
        """Give when the window is over, in seconds since the epoch; now, when none is open."""
        return max(self._windows.get(key, (0, 0.0))[1], self._clock.now().timestamp())

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
