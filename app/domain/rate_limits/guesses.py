"""
Guesses at credentials: how many a source, and everybody at one credential, may make.

Nobody can lock a tenant out with them. Only a source that guesses is refused unheard; a credential at which everybody
guesses goes on working for whoever has it. And what has worked here lately is no guess, whoever shares its address.
"""

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from app.domain.rate_limits.counters import Counters
from app.foundation import opaque
from app.foundation.clock import Clock

_WINDOW_SECONDS = 60
_REMEMBERED_FOR = timedelta(hours=1)
_MOST_REMEMBERED = 10_000
# Who has an IPv6 address has all of the network that a provider gives to one customer.
_IPV6_PREFIX = 64


@dataclass(frozen=True)
class Guess:
    """
    A credential that may turn out to be wrong.

    Args:
        source: the address that it comes from; None when it does not come over the network, and nothing is counted.
        name: whose credential it claims to be, if it can be told: a key's id, or a client's.
        presented: what is shown, or what it stands for; untrusted, never stored, never logged.
    """

    source: str | None
    name: str | None = None
    presented: str = field(default="", repr=False)


@dataclass(frozen=True)
class Limit:
    """What may be done how often, as clients are told: `quota` times in `window_seconds`, by `policy`."""

    policy: str
    quota: int
    window_seconds: int = _WINDOW_SECONDS


@dataclass(frozen=True)
class Spent:
    """A limit that is used up, and after how many whole seconds it is not any more."""

    limit: Limit
    retry_after_seconds: int


@dataclass(frozen=True)
class Counted:
    """A guess was counted: the limit that it went beyond, if any, and those that it has just used up."""

    spent: Spent | None
    reached: Sequence[Limit] = ()


class Guesses:
    """
    What this process knows of guesses, in memory; each worker counts for itself.

    Args:
        per_source: how many wrong credentials a source may present in a minute.
        per_credential: how many may be presented, by everybody, for one key or client in a minute.
        clock: tells when a minute is over.
    """

    def __init__(self, per_source: int, per_credential: int, clock: Clock) -> None:
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(Counters(clock))
        self._source = Limit("source", per_source)
        self._credential = Limit("credential", per_credential)
        # Codes of what worked lately, under a key that nobody else has: no secret is kept.
        self._code_key = opaque.random_bytes(32)
        self._recognised: OrderedDict[bytes, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def is_unheard(self, guess: Guess) -> Spent | None:
        """Tell whether this must be refused without a look at it: its source has guessed too often."""
        if guess.source is None or self._is_recognised(guess):
            return None
        source = network_of(guess.source)
        if self._limiter.test(_item(self._source), self._source.policy, source):
            return None
        return self._spent(self._source, source)

    def was_wrong(self, guess: Guess) -> Counted:
        """Count a credential that was wrong."""
        with self._lock:
            self._recognised.pop(self._code(guess), None)
        if guess.source is None:
            return Counted(None)

        names = {self._source: network_of(guess.source)}
        if guess.name is not None:
            names[self._credential] = guess.name
        beyond = [limit for limit, name in names.items() if not self._limiter.hit(_item(limit), limit.policy, name)]
        reached = [limit for limit, name in names.items() if self._left(limit, name) == 0 and limit not in beyond]
        return Counted(self._spent(beyond[-1], names[beyond[-1]]) if beyond else None, reached)

    def was_right(self, guess: Guess) -> None:
        """Remember for an hour that this is no guess, without keeping it."""
        with self._lock:
            code = self._code(guess)
            self._recognised[code] = self._clock.now()
            self._recognised.move_to_end(code)
            while len(self._recognised) > _MOST_REMEMBERED:
                self._recognised.popitem(last=False)

    def _is_recognised(self, guess: Guess) -> bool:
        seen = self._recognised.get(self._code(guess))
        return seen is not None and timedelta() <= self._clock.now() - seen < _REMEMBERED_FOR

    def _code(self, guess: Guess) -> bytes:
        return opaque.mac(self._code_key, guess.presented)

    def _left(self, limit: Limit, name: str) -> int:
        return self._limiter.get_window_stats(_item(limit), limit.policy, name).remaining

    def _spent(self, limit: Limit, name: str) -> Spent:
        ends_at = self._limiter.get_window_stats(_item(limit), limit.policy, name).reset_time
        wait = math.ceil(ends_at - self._clock.now().timestamp())
        return Spent(limit, max(1, wait))


def network_of(address: str) -> str:
    """Give what counts as one source: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def _item(limit: Limit) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(limit.quota)
