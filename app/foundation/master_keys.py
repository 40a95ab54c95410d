"""
The master keys that this process knows: the current one, under which things are made, and older or newer ones, which
verify and unwrap what was made under them.

They are read anew at a bounded age, and when one is missed, so that a new one needs no restart where it lies in a file.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from app.foundation.errors import ConfigurationError
from app.foundation.master_key import MasterKey

_LOG = logging.getLogger(__name__)


class MasterKeys:
    """
    Args:
        read: gives the keys, the current one first; raises ConfigurationError when they cannot be used.
        stamp: gives something that differs when they may have changed; cheap, since strangers can ask for it.
        max_age_seconds: how long this process goes on with what it read.
    """

    def __init__(
        self, read: Callable[[], Sequence[MasterKey]], stamp: Callable[[], object], max_age_seconds: float
    ) -> None:
        self._read = read
        self._stamp = stamp
        self._max_age = max_age_seconds
        self._lock = threading.Lock()
        self._stamped = stamp()
        self._held = tuple(read())
        self._failed = False
        self._read_at = time.monotonic()

    @property
    def all(self) -> Sequence[MasterKey]:
        """Give every key, the current one first."""
        if time.monotonic() - self._read_at > self._max_age:
            if self._failed:
                # Nothing need change for it to succeed now: the disk was away, or is.
                self._stamped = None
            self._read_if_changed()
        return self._held

    @property
    def current(self) -> MasterKey:
        """Give the key under which things are made."""
        return self.all[0]

    def find(self, key_id: str) -> MasterKey | None:
        """Find a key by its id; one that is not known may have come a moment ago, so they are looked at anew."""
        found = self._named(key_id)
        if found is None:
            self._read_if_changed()
            found = self._named(key_id)
        return found

    def read_again(self) -> None:
        """Read them now, for whoever has just changed them."""
        self._stamped = None
        self._read_if_changed()

    def _named(self, key_id: str) -> MasterKey | None:
        return next((key for key in self._held if key.id == key_id), None)

    def _read_if_changed(self) -> None:
        with self._lock:
            # Taken before they are read: what changes meanwhile is seen the next time.
            stamp = self._stamp()
            if stamp != self._stamped:
                try:
                    self._held, self._failed = tuple(self._read()), False
                except ConfigurationError as error:
                    # What is known goes on: a file that is just being copied must not stop a server.
                    _LOG.error("the master keys could not be read again: %s", error)
                    self._failed = True
                self._stamped = stamp
            self._read_at = time.monotonic()
