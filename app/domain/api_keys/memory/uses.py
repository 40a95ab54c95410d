"""When, from where and how often keys were used: noted in memory, and written aside of requests."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.api_keys.details import lock_name
from app.domain.api_keys.tables import ApiKeyRow, HourRow
from app.foundation.database import have_alone

_AT_MOST_EVERY = timedelta(minutes=1)
_HOURS_KEPT_FOR = timedelta(days=31)
_HOURS_SHOWN = timedelta(days=7)
# Both have the same upsert, and SQLAlchemy a class for each.
_INSERT: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True)
class Use:
    """A use of a key; `address` is None when it did not come over the network."""

    at: datetime
    address: str | None


@dataclass(frozen=True)
class Noted:
    """What was noted of a key: its last use, and how often it was used in each hour, by when that begins."""

    last: Use
    hours: dict[datetime, int]


@dataclass(frozen=True)
class Hour:
    """An hour, by when it begins, and how often a key was used in it."""

    at: datetime
    uses: int


class Uses:
    """What this process has seen of each key and not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[str, Noted] = {}

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self._noted)

    def note(self, key_id: str, use: Use) -> None:
        """Note a use; of the last one only if no later one is noted already."""
        hour = _hour(use.at)
        with self._lock:
            known = self._noted.get(key_id)
            # Usually it was noted in this hour before: counted where it stands, no value is made anew.
            if known is not None and hour in known.hours and known.last.at <= use.at:
                self._noted[key_id] = Noted(use, known.hours)
                known.hours[hour] += 1
                return
        self.note_again(key_id, Noted(use, {hour: 1}))

    def note_again(self, key_id: str, noted: Noted) -> None:
        """Note what was taken and could not be written, or anything beside what is noted already."""
        with self._lock:
            known = self._noted.get(key_id)
            if known is not None:
                last = noted.last if known.last.at < noted.last.at else known.last
                noted = Noted(last, Counter(known.hours) + Counter(noted.hours))
            self._noted[key_id] = noted

    def take(self) -> Mapping[str, Noted]:
        """Give what is to be written, and forget it."""
        with self._lock:
            taken, self._noted = self._noted, {}
        return taken


def write_uses(connection: Connection, key_id: str, noted: Noted) -> None:
    """
    Keep the last use of a key, at most once a minute of it, whoever writes, and add to its hours.

    A last use that is older than what is kept says nothing new; the hours are added to what other workers saw.
    """
    # In line: exchanges share the row's lock, and later ones join those that hold it, past whoever waits for it.
    have_alone(connection, lock_name(key_id))
    last = noted.last
    earlier = ApiKeyRow.last_used_at.is_(None) | (ApiKeyRow.last_used_at <= last.at - _AT_MOST_EVERY)
    kept = update(ApiKeyRow).where(ApiKeyRow.id == key_id, earlier)
    connection.execute(kept.values(last_used_at=last.at, last_used_address=last.address))

    # In one order, so that two workers never wait for each other's.
    rows = [{"key_id": key_id, "hour": hour, "uses": uses} for hour, uses in sorted(noted.hours.items())]
    added = _INSERT[connection.dialect.name](HourRow).values(rows)
    total = {"uses": HourRow.uses + added.excluded.uses}
    connection.execute(added.on_conflict_do_update(index_elements=["key_id", "hour"], set_=total))


def hours_of(connection: Connection, key_id: str, *, now: datetime) -> Sequence[Hour]:
    """List the hours of the last seven days in which a key was used, the present one first: 168 at the most."""
    since = HourRow.hour > now - _HOURS_SHOWN
    statement = select(HourRow).where(HourRow.key_id == key_id, since).order_by(HourRow.hour.desc())
    return [Hour(row.hour, row.uses) for row in connection.execute(statement)]


def forget_hours(connection: Connection, *, most: int, now: datetime) -> int:
    """Delete at most so many hours that are 31 days old, and give how many; none that another worker is deleting."""
    old = select(HourRow.key_id, HourRow.hour).where(HourRow.hour <= now - _HOURS_KEPT_FOR)
    old = old.order_by(HourRow.hour).limit(most).with_for_update(skip_locked=True)
    return connection.execute(delete(HourRow).where(tuple_(HourRow.key_id, HourRow.hour).in_(old))).rowcount


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
