"""When and from where keys were used last: noted in memory, and written aside of requests."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from app.domain.api_keys.tables import ApiKeyRow

_AT_MOST_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Use:
    """A use of a key; `address` is None when it did not come over the network."""

    at: datetime
    address: str | None


class Uses:
    """The last use of each key that this process has seen and not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[str, Use] = {}

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self._uses)

    def note(self, key_id: str, use: Use) -> None:
        """Note a use, unless a later one is noted already."""
        with self._lock:
            known = self._uses.get(key_id)
            if known is None or known.at < use.at:
                self._uses[key_id] = use

    def take(self) -> Mapping[str, Use]:
        """Give what is to be written, and forget it."""
        with self._lock:
            taken, self._uses = self._uses, {}
        return taken


def write_use(connection: Connection, key_id: str, use: Use) -> None:
    """
    Keep the last use of a key, at most once a minute of it, whoever writes: one statement.

    One that is older than what is kept says nothing new.
    """
    earlier = ApiKeyRow.last_used_at.is_(None) | (ApiKeyRow.last_used_at <= use.at - _AT_MOST_EVERY)
    kept = update(ApiKeyRow).where(ApiKeyRow.id == key_id, earlier)
    connection.execute(kept.values(last_used_at=use.at, last_used_address=use.address))
