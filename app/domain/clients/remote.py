"""
Key sets that clients publish themselves: fetched aside of every request, kept for a while.

A stranger can ask for them, with an assertion that nobody signed; so nothing that they ask for may hold up a worker,
or reach a host at a rate that they choose.
"""

import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.clients.fetch import FetchError, fetch
from app.domain.clients.jwks import Keys, usable

_LOG = logging.getLogger(__name__)

_FRESH = timedelta(minutes=10)
# An unknown kid may ask for the set again, but no sooner than this.
_SOONEST = timedelta(seconds=30)
_AFTER_FAILURE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
# While a host is away its keys go on, but a key that was withdrawn must not do so for long.
_OLDEST = timedelta(hours=1)
_MOST_SETS = 1000

# A request waits for a host that answers quickly. For slow ones, all requests of a process together wait for a tenth
# of the time and no more.
_LONGEST_WAIT_SECONDS = 1.0
_FREE_SECONDS = 0.1
_PATIENCE_SECONDS = 1.0
_PATIENCE_REGAINED = 0.1
_THREADS = 16


@dataclass(frozen=True)
class _Kept:
    """What is known of a URL; without `fetched_at`, nothing yet."""

    keys: Keys
    fetched_at: datetime | None
    ask_again_at: datetime
    failures: int = 0


class RemoteKeys:
    """The key sets of this process that were fetched from clients' URLs; bounded in number, age, rate and patience."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._private_hosts = private_hosts
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._fetching: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._fetchers = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="client-keys")
        self._patience = _Patience()

    def find(self, url: str, kid: str, *, now: datetime) -> Keys | None:
        """
        Give the keys published at a URL, fetched anew when they are old, or lack this `kid`.

        None when nothing is known of them, because their host has not answered (yet): the client may try again.
        """
        with self._lock:
            kept = self._kept.get(url)
            if kept is not None and kept.fetched_at is not None and kid in kept.keys and now - kept.fetched_at < _FRESH:
                return kept.keys
            under_way = self._fetching.get(url) or self._begin(url, kept, now)
        if under_way is not None:
            self._patience.wait_for(under_way)

        with self._lock:
            kept = self._kept.get(url)
        if kept is None or kept.fetched_at is None or now - kept.fetched_at >= _OLDEST:
            return None
        return kept.keys

    def _begin(self, url: str, kept: _Kept | None, now: datetime) -> "Future[None] | None":
        if (kept is not None and now < kept.ask_again_at) or len(self._fetching) >= 2 * _THREADS:
            return None
        begun = self._fetchers.submit(self._fetch, url, now)
        self._fetching[url] = begun
        return begun

    def _fetch(self, url: str, now: datetime) -> None:
        try:
            keys, answered = self._ask(url)
        except Exception:  # noqa: BLE001  a thread has nobody above it who would log this
            # A URL that stayed among those being fetched would never be fetched again.
            _LOG.exception("a client's jwks_uri could not be fetched")
            keys, answered = None, False
        with self._lock:
            self._keep(url, keys, now, answered=answered)
            self._fetching.pop(url, None)

    def _ask(self, url: str) -> tuple[Keys | None, bool]:
        keys: Keys | None = None
        problem = "its document is no JWK Set"
        answered = True
        try:
            keys = usable(fetch(url, private_hosts=self._private_hosts).decode("utf-8", "replace"))
        except FetchError as error:
            problem, answered = str(error), error.kind != "away"
            if error.kind == "gone":
                keys = {}
        if not keys:
            _LOG.warning("a client's jwks_uri gave no keys: %s", problem if keys is None else "it names none")
        return keys, answered

    def _keep(self, url: str, keys: Keys | None, now: datetime, *, answered: bool) -> None:
        before = self._kept.get(url, _Kept({}, None, now))
        if keys is not None:
            after = _Kept(keys, now, now + _SOONEST)
        else:
            pause = min(_AFTER_FAILURE * 2 ** min(before.failures, 10), _LONGEST_PAUSE)
            # A host that answers, but with nothing to use, has no keys; one that is away may have.
            known_at = now if answered and before.fetched_at is None else before.fetched_at
            after = _Kept(before.keys, known_at, now + pause, before.failures + 1)
        self._kept[url] = after
        self._kept.move_to_end(url)
        while len(self._kept) > _MOST_SETS:
            self._kept.popitem(last=False)


class _Patience:
    """How long requests may still wait for slow hosts: a little at once, and a tenth of the time."""

    def __init__(self) -> None:
        self._left = _PATIENCE_SECONDS
        self._seen = time.monotonic()
        self._lock = threading.Lock()

    def wait_for(self, fetching: "Future[None]") -> None:
        with self._lock:
            now = time.monotonic()
            self._left = min(_PATIENCE_SECONDS, self._left + (now - self._seen) * _PATIENCE_REGAINED)
            self._seen = now
            allowed = min(_LONGEST_WAIT_SECONDS, self._left)
        done, _ = wait([fetching], timeout=max(allowed, 0))
        waited = time.monotonic() - now
        with self._lock:
            # Free is only the wait for a host that did answer.
            self._left -= max(waited - _FREE_SECONDS, 0) if done else waited
