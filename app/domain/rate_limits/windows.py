"""Windows counted in the shared store, and in memory where there is none or while it is away."""

from app.domain.rate_limits.counters import Counters
from app.domain.rate_limits.limits import Limit, Window
from app.domain.rate_limits.shared import Shared
from app.foundation.clock import Clock


class Windows:
    """
    Counts names against limits.

    Whatever the store tells is learnt: while it is away, this process goes on counting from there. So a name that had
    used up its limit has not got it back, and nothing is ever counted nowhere.
    """

    def __init__(self, clock: Clock, shared: Shared | None) -> None:
        self._own = Counters(clock)
        self._shared = shared

    def hit(self, limit: Limit, name: str) -> Window:
        """Count one more, and give the window with it."""
        key = f"{limit.policy}/{name}"
        window = None if self._shared is None else self._shared.hit(key, limit.window_seconds)
        if window is None:
            return self._own.hit(key, limit.window_seconds)
        self._own.learn(key, window, limit.window_seconds)
        return window

    def look(self, limit: Limit, name: str) -> Window:
        """Give the window that is open. One that is known to be used up is not asked for again."""
        key = f"{limit.policy}/{name}"
        own = self._own.look(key)
        window = None if self._shared is None or own.count >= limit.quota else self._shared.look(key)
        if window is None:
            return own
        if window.count > 0:
            self._own.learn(key, window, limit.window_seconds)
        return window
