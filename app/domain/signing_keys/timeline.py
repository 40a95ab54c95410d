"""What became of each key, and what will: for the operator who looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.signing_keys.lifecycle import KeyRecord, Schedule, State, activation_is_safe_at, over_at


@dataclass(frozen=True)
class KeyTimeline:
    """
    The life of a key; what lies after `now` is the plan.

    A revoked key has neither plan nor `verifies_until`: it is gone.
    """

    kid: str
    kind: str
    state: State
    published_at: datetime
    signs_from: datetime | None
    signs_until: datetime | None
    verifies_until: datetime | None
    reason: str | None
    now: datetime

    @property
    def ends_at(self) -> datetime:
        """Give the last moment that is known of it."""
        return self.verifies_until or self.signs_from or self.published_at


def timeline(keys: Sequence[KeyRecord], schedule: Schedule, now: datetime) -> list[KeyTimeline]:
    """Lay the life of every key out, oldest first."""
    active = next((key for key in keys if key.state == "active"), None)
    over = now if active is None else max(now, over_at(active, schedule, now))
    return [_line(key, over, schedule, now) for key in keys]


def _line(key: KeyRecord, over: datetime, schedule: Schedule, now: datetime) -> KeyTimeline:
    signs_from, signs_until, verifies_until = key.activated_at, key.retired_at, key.verify_until
    if key.state == "standby":
        signs_from = max(over, activation_is_safe_at(key, schedule))
    if key.state == "active":
        signs_until, verifies_until = over, over + schedule.keep_after
    if key.state == "revoked":
        verifies_until = None
    return KeyTimeline(
        key.kid, key.kind, key.state, key.published_at, signs_from, signs_until, verifies_until, key.reason, now
    )
