"""How old signing keys are: a table from what is held and the moment to what is told."""

import dataclasses
from datetime import timedelta

import pytest

from app.domain.signing_keys.ages import KeyAges, ages
from tests.domain.test_key_lifecycle import ACTIVE, DAY, ES256, GONE, RS256, STANDBY, START, key

HOUR = timedelta(hours=1)


def test_a_process_that_never_read_its_keys_knows_of_none():
    """
    A server that never reached its database says so by zeros, and makes up no age.
    """
    assert ages([], RS256, None, START) == KeyAges({"standby": 0, "active": 0, "retired": 0}, {}, None, None)


def test_each_state_is_as_old_as_the_first_key_that_entered_it():
    """
    A standby counts from when it was published, an active key from when it began to sign, a retired one from when it
    ceased to: of several, the one that should be gone first is told. One that is gone is none.
    """
    first = key("retired", "first", activated_at=DAY, retired_at=3 * DAY)
    second = key("retired", "second", activated_at=3 * DAY, retired_at=4 * DAY)
    active = key("active", published=2 * DAY, activated_at=4 * DAY)
    standby = key("standby", published=4 * DAY + HOUR)

    told = ages([second, first, active, standby, GONE], RS256, START + 5 * DAY, START + 5 * DAY + 2 * HOUR)

    assert told == KeyAges(
        counts={"standby": 1, "active": 1, "retired": 2},
        oldest={"standby": DAY + HOUR, "active": DAY + 2 * HOUR, "retired": 2 * DAY + 2 * HOUR},
        rotation_due=89 * DAY - 2 * HOUR,
        read=2 * HOUR,
    )


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        (RS256, timedelta(), 90 * DAY),
        (RS256, 90 * DAY, timedelta()),
        (RS256, 91 * DAY, -DAY),
        # Of another kind than it should be: its time is over now, however long it has signed.
        (ES256, DAY, timedelta()),
        (ES256, 91 * DAY, -DAY),
        (dataclasses.replace(RS256, rotate_after=DAY), HOUR, 23 * HOUR),
    ],
)
def test_a_rotation_is_due_when_the_schedule_says_so(schedule, after, due):
    """
    CONTRACT 7: zero is the moment at which the active key should be replaced, and below zero it is late.
    """
    assert ages([ACTIVE, STANDBY], schedule, START, START + after).rotation_due == due
