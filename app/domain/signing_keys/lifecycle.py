"""
When a signing key is published, signs, only verifies, and is gone: a pure schedule, and the guards of steps by hand.

    standby  ->  active  ->  retired  ->  revoked
    published     signs      verifies     gone

Source: CONTRACT 7. A verifier that keeps the JWKS for as long as it may never meets an unknown `kid`, and never loses
a key whose tokens live; clocks of hosts may differ by a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["standby", "active", "retired", "revoked"]

SKEW = timedelta(seconds=60)
LEEWAY = timedelta(seconds=60)


@dataclass(frozen=True)
class KeyRecord:
    """What the schedule knows of a key. `verify_until` is when its last token is over, with all margins."""

    kid: str
    kind: str
    state: State
    published_at: datetime
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    verify_until: datetime | None = None
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Schedule:
    """
    The numbers of the schedule.

    Args:
        kind: what a new key shall be.
        rotate_after: how long a key signs.
        jwks_max_age: how long verifiers may keep the JWKS.
        access_ttl: how long a token lives.
        keyring_max_age: how long a worker may go on with what it last read.
    """

    kind: str
    rotate_after: timedelta
    jwks_max_age: timedelta
    access_ttl: timedelta
    keyring_max_age: timedelta

    @property
    def publish_ahead(self) -> timedelta:
        """Give how long a key is published before it signs."""
        return 2 * self.jwks_max_age + SKEW

    @property
    def keep_after(self) -> timedelta:
        """Give how long a key verifies after it was retired: a slow worker may sign with it for a little longer."""
        return self.stale_after + self.access_ttl + LEEWAY + SKEW

    @property
    def stale_after(self) -> timedelta:
        """
        Give the age at which a worker may not go on with the keys that it read. They are read anew in time, aside of
        requests, unless there were none: twice as long leaves that its time.
        """
        return 2 * self.keyring_max_age


@dataclass(frozen=True)
class Begin:
    """Make a key that signs at once: there is no other."""


@dataclass(frozen=True)
class Publish:
    """Make a standby key."""


@dataclass(frozen=True)
class Activate:
    """Let the standby sign, and retire the key that did."""

    kid: str


@dataclass(frozen=True)
class Withdraw:
    """Take back a standby that is of the wrong kind; it never signed."""

    kid: str


@dataclass(frozen=True)
class Drop:
    """Let a retired key go, whose last token is over."""

    kid: str


Step = Begin | Publish | Activate | Withdraw | Drop


def due(keys: Sequence[KeyRecord], schedule: Schedule, now: datetime) -> list[Step]:
    """
    Tell what must happen next, in this order; nothing, most of the time.

    Doing a step twice, or at the same time as another worker, does no harm: each is claimed by its first statement.
    """
    active = _one(keys, "active")
    standby = _one(keys, "standby")
    steps: list[Step] = [Drop(key.kid) for key in keys if key.state == "retired" and (key.verify_until or now) <= now]
    if active is None:
        # The first start, or an emergency: whatever there is must sign now.
        return [*steps, Begin() if standby is None else Activate(standby.kid)]
    if standby is None:
        return [*steps, Publish()]
    if now < activation_is_safe_at(standby, schedule):
        # Nor is one of another kind taken back yet: hosts whose settings differ for a while, during a deployment,
        # would take back each other's keys by the second.
        return steps
    if standby.kind != schedule.kind:
        return [*steps, Withdraw(standby.kid)]
    return [*steps, Activate(standby.kid)] if is_over(active, schedule, now) else steps


def activation_is_safe_at(standby: KeyRecord, schedule: Schedule) -> datetime:
    """Give the moment from which every verifier that obeys the cache headers knows the key."""
    return standby.published_at + schedule.publish_ahead


def dropping_is_safe_at(key: KeyRecord, schedule: Schedule, now: datetime) -> datetime:
    """Give the moment from which no token of the key can be alive; for one that still signs, if it stopped now."""
    if key.state == "standby":
        return now
    return key.verify_until or now + schedule.keep_after


def is_over(active: KeyRecord, schedule: Schedule, now: datetime) -> bool:
    """Tell whether a key has signed for long enough, or is of another kind than it should be."""
    return now >= over_at(active, schedule, now)


def over_at(active: KeyRecord, schedule: Schedule, now: datetime) -> datetime:
    """Give the moment from which a key has signed for long enough; now, if it is of another kind than it should be."""
    over = (active.activated_at or active.published_at) + schedule.rotate_after
    return over if active.kind == schedule.kind else min(over, now)


def _one(keys: Sequence[KeyRecord], state: State) -> KeyRecord | None:
    return next((key for key in keys if key.state == state), None)
