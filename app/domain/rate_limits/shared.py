"""Counters that all workers and hosts share, in a server that speaks the protocol of Redis: Redis itself, or Valkey."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from limits import errors
from limits.storage import RedisStorage

from app.domain.rate_limits.limits import Window
from app.foundation import logs
from app.foundation.clock import Clock
from app.foundation.errors import ConfigurationError

# In one place, or a machine room: who takes longer than this to connect, or to answer, is away.
_PATIENCE_SECONDS = 0.25
# Whoever was away is not asked again before that: an outage costs one wait in a while, and not one a request.
_PAUSE = timedelta(seconds=5)
_PREFIX = "chalk"

# One question a hit, where the library would ask a second time for the end of the window. A name without an end, which
# nothing should leave behind, gets one.
_HIT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = redis.call('PTTL', KEYS[1])
end
return {count, left}
"""
_LOOK = "return {redis.call('GET', KEYS[1]) or '0', redis.call('PTTL', KEYS[1])}"
_KEEP = "redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) return {1, 0}"
_DROP = "return {redis.call('DEL', KEYS[1]), 0}"


class Shared:
    """
    Windows by name, counted by everybody who has the same store. Its clock decides when one is over.

    While it is away, nobody waits for it: `None` says that it did not answer. What to do then, the caller knows.

    Args:
        url: `redis://`, `rediss://` or `redis+unix://`, or `valkey` in place of `redis`; a secret.
        clock: tells when it may be asked again.

    Raises:
        ConfigurationError: there is nothing to talk to it with, or the URL cannot be read.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        try:
            # One protocol, and one client for it.
            storage = RedisStorage(
                url.replace("valkey", "redis", 1),
                protocol=2,
                socket_connect_timeout=_PATIENCE_SECONDS,
                socket_timeout=_PATIENCE_SECONDS,
            )
        except errors.ConfigurationError as error:
            raise ConfigurationError("CHALK_LIMITS_URL needs the package `redis`: pip install redis") from error
        except ValueError as error:
            raise ConfigurationError(
                "CHALK_LIMITS_URL cannot be read as the URL of a Redis or Valkey server"
            ) from error
        connection: Any = storage.get_connection()
        self._hit, self._look, self._keep, self._drop = (
            connection.register_script(script) for script in (_HIT, _LOOK, _KEEP, _DROP)
        )
        faults = storage.base_exceptions
        self._faults: tuple[type[Exception], ...] = (OSError, *(faults if isinstance(faults, tuple) else (faults,)))
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: datetime | None = None
        self._failures = 0

    @property
    def away(self) -> bool:
        """Tell whether it did not answer when it was last asked."""
        return self._failed_at is not None

    @property
    def failures(self) -> int:
        """Count how often it was asked and did not answer."""
        return self._failures

    def hit(self, name: str, seconds: int) -> Window | None:
        """Count a hit, and give the window with it; `seconds` is the length of one that begins."""
        return self._ask(self._hit, name, [seconds * 1000])

    def look(self, name: str) -> Window | None:
        """Give the window that is open; an empty one when none is."""
        return self._ask(self._look, name)

    def keep(self, name: str, seconds: int) -> None:
        """Remember a name for so long."""
        self._ask(self._keep, name, [seconds * 1000])

    def keeps(self, name: str) -> bool:
        """Tell whether a name is remembered; False when nobody can tell."""
        found = self._ask(self._look, name)
        return found is not None and found.count > 0

    def drop(self, name: str) -> None:
        """Forget a name."""
        self._ask(self._drop, name)

    def _ask(self, script: Any, name: str, arguments: Sequence[int] = ()) -> Window | None:
        if not self._may_be_asked():
            return None
        try:
            count, left = script([f"{_PREFIX}/{name}"], arguments)
        except self._faults as error:
            self._was_away(error)
            return None
        self._answered()
        return Window(int(count), max(0, left) / 1000)

    def _may_be_asked(self) -> bool:
        if not self.away:
            return True
        with self._lock:
            now = self._clock.now()
            if self._failed_at is not None and timedelta() <= now - self._failed_at < _PAUSE:
                return False
            # One asks in the name of all, who meanwhile go on without an answer.
            self._failed_at = now
        return True

    def _was_away(self, error: Exception) -> None:
        with self._lock:
            first = self._failed_at is None
            self._failed_at = self._clock.now()
            self._failures += 1
        if first:
            logs.event("limits.away", reason=f"{type(error).__name__}: {error}")

    def _answered(self) -> None:
        if not self.away:
            return
        with self._lock:
            first, self._failed_at = self.away, None
        if first:
            logs.event("limits.back")
