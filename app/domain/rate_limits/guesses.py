"""
Guesses at credentials: how many a source, and everybody at one credential, may make.

Nobody can lock a tenant out with them. Only a source that guesses is refused unheard; a credential at which everybody
guesses goes on working for whoever has it. And what has worked here lately is no guess, whoever shares its address.
"""

import functools
import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.rate_limits.limits import Limit, Spent
from app.domain.rate_limits.shared import Shared
from app.domain.rate_limits.windows import Windows
from app.foundation import opaque
from app.foundation.clock import Clock

_REMEMBERED_FOR = timedelta(hours=1)
# The other workers are told so often of what works here all the time.
_TOLD_EVERY = timedelta(minutes=30)
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
class Counted:
    """A guess was counted: the limit that it went beyond, if any, and those that it has just used up."""

    spent: Spent | None
    reached: Sequence[Limit] = ()


@dataclass(frozen=True)
class _Seen:
    """When something worked here last, and when the shared store was told."""

    at: datetime
    told_at: datetime | None


class Guesses:
    """
    What is known of guesses: by this process, in memory, and by all that share a store.

    Args:
        per_source: how many wrong credentials a source may present in a minute.
        per_credential: how many may be presented, by everybody, for one key or client in a minute.
        clock: tells when a minute is over.
        shared: where all workers count, and tell each other what works; None for this process alone.
        code_key: gives the key, which all workers have, of the codes that they tell; needed with `shared`.
    """

    def __init__(
        self,
        per_source: int,
        per_credential: int,
        clock: Clock,
        shared: Shared | None = None,
        code_key: Callable[[], bytes] | None = None,
    ) -> None:
        self._clock = clock
        self._shared = shared
        self._windows = Windows(clock, shared)
        self._source = Limit("source", per_source)
        self._credential = Limit("credential", per_credential)
        # Codes of what worked lately, under a key that nobody else has, unless they are shared: no secret is kept.
        own_key = opaque.random_bytes(32)
        self._code_key = code_key or (lambda: own_key)
        self._recognised: OrderedDict[bytes, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def is_unheard(self, guess: Guess) -> Spent | None:
        """Tell whether this must be refused without a look at it: its source has guessed too often."""
        if guess.source is None:
            return None
        network = network_of(guess.source)
        # What is known here is asked first: that nobody has guessed from there, for most; the store is asked last.
        if self._shared is None and self._windows.look(self._source, network).count < self._source.quota:
            return None
        if self._is_recognised(guess):
            return None
        window = self._windows.look(self._source, network)
        if window.count < self._source.quota or self._worked_elsewhere(guess):
            return None
        return Spent(self._source, window.whole_seconds)

    def was_wrong(self, guess: Guess) -> Counted:
        """Count a credential that was wrong."""
        if guess.presented is not None:
            # It worked once, and does not any more. Of a name this tells nothing: a neighbour may have used it.
            self._forget(guess)
        if guess.source is None:
            return Counted(None)

        names = {self._source: network_of(guess.source)}
        if guess.name is not None:
            names[self._credential] = guess.name
        windows = {limit: self._windows.hit(limit, name) for limit, name in names.items()}
        beyond = [limit for limit, window in windows.items() if window.count > limit.quota]
        reached = [limit for limit, window in windows.items() if window.count == limit.quota]
        spent = Spent(beyond[-1], windows[beyond[-1]].whole_seconds) if beyond else None
        return Counted(spent, reached)

    def was_right(self, guess: Guess) -> None:
        """Remember for an hour that this is no guess, without keeping it."""
        code, now = self._code(guess), self._clock.now()
        with self._lock:
            known = self._recognised.get(code)
            told_at = None if known is None else known.told_at
            tell = self._shared is not None and (told_at is None or not timedelta() <= now - told_at < _TOLD_EVERY)
            self._remember(code, _Seen(now, now if tell else told_at))
        if self._shared is not None and tell:
            self._shared.keep(_name(code), int(_REMEMBERED_FOR.total_seconds()))

    def _is_recognised(self, guess: Guess) -> bool:
        seen = self._recognised.get(self._code(guess))
        return seen is not None and timedelta() <= self._clock.now() - seen.at < _REMEMBERED_FOR

    def _worked_elsewhere(self, guess: Guess) -> bool:
        code = self._code(guess)
        if self._shared is None or not self._shared.keeps(_name(code)):
            return False
        # Known here as well from now on, so that it is forgotten everywhere should it be wrong by now.
        with self._lock:
            self._remember(code, _Seen(self._clock.now(), None))
        return True

    def _remember(self, code: bytes, seen: _Seen) -> None:
        self._recognised[code] = seen
        self._recognised.move_to_end(code)
        while len(self._recognised) > _MOST_REMEMBERED:
            self._recognised.popitem(last=False)

    def _forget(self, guess: Guess) -> None:
        code = self._code(guess)
        with self._lock:
            known = self._recognised.pop(code, None)
        if known is not None and self._shared is not None:
            self._shared.drop(_name(code))

    def _code(self, guess: Guess) -> bytes:
        if guess.presented is None:
            return opaque.mac(self._code_key(), guess.name or "", network_of(guess.source or ""))
        return opaque.mac(self._code_key(), guess.presented)


@functools.lru_cache(maxsize=4096)
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


def _name(code: bytes) -> str:
    return f"worked/{code.hex()}"
