"""How many keys there are, and for how long they have been what they are: for whoever watches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.signing_keys.lifecycle import KeyRecord, Schedule, State, over_at

# Those of a key that is there; one that is gone has no age.
_STATES: tuple[State, ...] = ("standby", "active", "retired")


@dataclass(frozen=True)
class KeyAges:
    """
    How things stand with the keys that a process holds.

    Args:
        counts: how many keys are in each state but `revoked`, zeros included.
        oldest: since when the first of them is in it; without the states that no key is in.
        rotation_due: how long the active key still signs; negative when it should have been replaced that long ago,
            zero when it is of another kind than it should be, None when no key is active.
        read: how long ago the keys were read; None when they never were.
    """

    counts: Mapping[State, int]
    oldest: Mapping[State, timedelta]
    rotation_due: timedelta | None
    read: timedelta | None


def ages(keys: Sequence[KeyRecord], schedule: Schedule, read_at: datetime | None, now: datetime) -> KeyAges:
    """Tell how old the keys are that were read then."""
    since = {state: [_entered(key) for key in keys if key.state == state] for state in _STATES}
    active = next((key for key in keys if key.state == "active"), None)
    return KeyAges(
        counts={state: len(moments) for state, moments in since.items()},
        oldest={state: now - min(moments) for state, moments in since.items() if moments},
        rotation_due=None if active is None else over_at(active, schedule, now) - now,
        read=None if read_at is None else now - read_at,
    )


def _entered(key: KeyRecord) -> datetime:
    return key.retired_at or key.activated_at or key.published_at
