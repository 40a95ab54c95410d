"""
How much a key may ask, and how many tokens may be minted for a tenant.

Nobody can lock a tenant out with them: each is spent only by who shows the right credential, and what sessions bring
about (a participant's refresh, a host's admission) is counted apart from what the tenant's own keys ask for.
"""

import functools
import threading
from datetime import datetime, timedelta

from app.domain.rate_limits.limits import Limit, Standing
from app.domain.rate_limits.shared import Shared
from app.domain.rate_limits.windows import Windows
from app.foundation.clock import Clock


@functools.lru_cache(maxsize=1024)
def _limit_of_key(per_minute: int) -> Limit:
    return Limit("key", per_minute)


class _OfThisThread(threading.local):
    """What was counted for the request that this thread works on."""

    nearest: Standing | None = None


class Quotas:
    """
    Counts uses of keys, and tokens; in memory only, but for the shared store.

    Args:
        per_key: how many requests a key may make in a minute, unless it has a limit of its own; 0 for no limit.
        per_tenant: how many tokens may be minted in a minute for the keys of a tenant, and again as many for its
            sessions; 0 for no limit.
        per_session: how many tokens one session may bring about in a minute; 0 for no limit.
        clock: tells when a minute is over.
        shared: where all workers count; None to count here.
    """

    def __init__(
        self, per_key: int, per_tenant: int, per_session: int, clock: Clock, shared: Shared | None = None
    ) -> None:
        self._per_key = per_key
        self._tenant = Limit("tenant", per_tenant)
        self._sessions = Limit("sessions", per_tenant)
        self._session = Limit("session", per_session)
        self._clock = clock
        self._windows = Windows(clock, shared)
        self._here = _OfThisThread()
        self._spent_until: datetime | None = None

    def begin(self) -> None:
        """Begin with a request: nothing was counted for it."""
        self._here.nearest = None

    @property
    def nearest(self) -> Standing | None:
        """Give the limit nearest to its end of those that this request was counted against; None when there is none."""
        return self._here.nearest

    def limit_of_key(self, own: int | None) -> int | None:
        """Give how many requests a key may make in a minute, which has this limit of its own; None for no limit."""
        return own or self._per_key or None

    def use_key(self, key_id: str, per_minute: int | None) -> Standing | None:
        """Count a use of a key that was authenticated and may act, against a limit of its own or the usual one."""
        return self._count(_limit_of_key(self.limit_of_key(per_minute) or 0), key_id)

    def mint_for_key(self, tenant: str) -> Standing | None:
        """Count a token that a tenant's own key or assertion asks for."""
        return self._count(self._tenant, tenant)

    def mint_for_session(self, tenant: str) -> Standing | None:
        """Count a token that one of a tenant's sessions brings about."""
        standing = self._count(self._sessions, tenant)
        if standing is not None and standing.remaining == 0:
            self._spent_until = self._clock.now() + timedelta(seconds=standing.resets_in_seconds)
        return standing

    def use_session(self, session: str) -> Standing | None:
        """Count that a session is to bring about a token."""
        return self._count(self._session, session)

    def any_spent(self) -> bool:
        """Tell whether the sessions of some tenant, as far as this process knows, have used up their limit."""
        return self._spent_until is not None and self._clock.now() < self._spent_until

    def left_to_sessions(self, tenant: str) -> Standing | None:
        """Give how the limit of a tenant's sessions stands, without counting anything; None for no limit."""
        return self._look(self._sessions, tenant)

    def left_to_session(self, session: str) -> Standing | None:
        """Give how the limit of a session stands, without counting anything; None for no limit."""
        return self._look(self._session, session)

    def _look(self, limit: Limit, name: str) -> Standing | None:
        if limit.quota == 0:
            return None
        window = self._windows.look(limit, name)
        return Standing(limit, window.count, window.whole_seconds)

    def _count(self, limit: Limit, name: str) -> Standing | None:
        if limit.quota == 0:
            return None
        window = self._windows.hit(limit, name)
        standing = Standing(limit, window.count, window.whole_seconds)
        nearest = self._here.nearest
        if nearest is None or standing.remaining < nearest.remaining:
            self._here.nearest = standing
        return standing
