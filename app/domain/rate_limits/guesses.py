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
        presented: what is shown; untrusted, never stored, never logged. None for what is shown only once: then what
            has worked lately is that name from that source.
    """

    source: str | None
    name: str | None = None
    presented: str | None = field(default=None, repr=False)


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
        if guess.presented is not None:
            # It worked once, and does not any more. Of a name this tells nothing: a neighbour may have used it.
            with self._lock:
                self._recognised.pop(self._code(guess), None)
        if guess.source is None:
            return Counted(None)

        names = {self._source: network_of(guess.source)}
        if guess.name is not None:
            names[self._credential] = guess.name
        counts = {limit: self._hit(limit, name) for limit, name in names.items()}
        beyond = [limit for limit, count in counts.items() if count > limit.quota]
        reached = [limit for limit, count in counts.items() if count == limit.quota]
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
        if guess.presented is None:
            return opaque.mac(self._code_key, guess.name or "", network_of(guess.source or ""))
        return opaque.mac(self._code_key, guess.presented)

    def _hit(self, limit: Limit, name: str) -> int:
        # The count itself, where the library tells only yes or no: of many at once, one reaches the limit.
        item = _item(limit)
        return self._limiter.storage.incr(item.key_for(limit.policy, name), item.get_expiry())

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
    # As a number, without the name of an interface that may stand behind it.
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))


def _item(limit: Limit) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(limit.quota)
