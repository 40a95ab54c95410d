"""Counters in this process's memory, by our clock."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from app.domain.rate_limits.limits import Window
from app.foundation.clock import Clock

_MOST = 100_000


class _Window(NamedTuple):
    """How many hits there were; when it is over, in seconds since the epoch; and how long it is."""

    hits: int
    ends_at: float
    seconds: float

    def is_open(self, now: float) -> bool:
        """Tell whether it counts; one that a clock put back would draw out does not: nobody waits longer."""
        return now < self.ends_at <= now + self.seconds


_NONE = _Window(0, 0.0, 0.0)


class Counters:
    """
    Counts each name from its first hit until its window is over.

    The `limits` library's own storage in memory asks the machine for the time and grows without bound; here the oldest
    windows go first, should anybody open so many.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they were opened.
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def hit(self, name: str, seconds: float) -> Window:
        """Count a hit, and give the window with it; `seconds` is the length of one that begins."""
        now = self._clock.now().timestamp()
        with self._lock:
            window = self._windows.get(name, _NONE)
            if not window.is_open(now):
                window = _Window(0, now + seconds, seconds)
                self._windows.pop(name, None)
            window = _Window(window.hits + 1, window.ends_at, window.seconds)
            self._keep(name, window)
        return Window(window.hits, window.ends_at - now)

    def look(self, name: str) -> Window:
        """Give the window that is open; an empty one when none is."""
        now = self._clock.now().timestamp()
        window = self._windows.get(name, _NONE)
        return Window(window.hits, window.ends_at - now) if window.is_open(now) else Window(0, 0.0)

    def learn(self, name: str, heard: Window, seconds: float) -> None:
        """Go on from a window that was counted elsewhere, unless more is known here."""
        now = self._clock.now().timestamp()
        # Of a millisecond too many, a window would never be open.
        window = _Window(heard.count, now + min(heard.left_seconds, seconds), seconds)
        with self._lock:
            known = self._windows.get(name, _NONE)
            if not known.is_open(now) or known.hits <= window.hits:
                self._windows.pop(name, None)
                self._keep(name, window)

    def __len__(self) -> int:
        """Tell how many names are kept, at most 100,000."""
        return len(self._windows)

    def _keep(self, name: str, window: _Window) -> None:
        self._windows[name] = window
        while len(self._windows) > _MOST:
            self._windows.popitem(last=False)
