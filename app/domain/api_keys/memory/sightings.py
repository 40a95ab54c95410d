"""Keys that a browser sent: noted in memory, once an hour each, however often it does."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.foundation.sender import Sender

SIGHTED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Sighting:
    """A key of a tenant that a browser sent, though it may not."""

    key_id: str
    tenant_id: UUID
    sender: Sender
    at: datetime


class Sightings:
    """What this process has seen and not written yet, and of which keys it needs no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, datetime] = {}
        self._noted: list[Sighting] = []

    def is_new(self, key_id: str, now: datetime) -> bool:
        """Tell whether this is the first time in an hour that a browser sent this key, and remember it."""
        with self._lock:
            last = self._last.get(key_id)
            if last is not None and timedelta() <= now - last < SIGHTED_FOR:
                return False
            self._last = {each: at for each, at in self._last.items() if now - at < SIGHTED_FOR}
            self._last[key_id] = now
            return True

    def note(self, sighting: Sighting) -> None:
        """Note a sighting, to be written."""
        with self._lock:
            self._noted.append(sighting)

    def take(self) -> Sequence[Sighting]:
        """Give what is to be written, and forget it."""
        with self._lock:
            taken, self._noted = self._noted, []
        return taken
