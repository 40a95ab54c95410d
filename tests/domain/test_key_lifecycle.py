"""The schedule of signing keys: a table from states and moments to the step that is due."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.signing_keys import (
    Activate,
    Begin,
    Drop,
    KeyRecord,
    Publish,
    Schedule,
    Step,
    Withdraw,
    activation_is_safe_at,
    dropping_is_safe_at,
    due,
    timeline,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
RS256 = Schedule("RS256", 90 * DAY, timedelta(minutes=5), timedelta(hours=1), timedelta(seconds=5))
ES256 = dataclasses.replace(RS256, kind="ES256")
# 2 x max-age, and a minute for clocks that differ.
AHEAD = timedelta(seconds=660)
# A worker that has not read the keys for twice 5 s, a token of an hour, a minute of leeway, and a minute of skew.
AFTER = timedelta(seconds=2 * 5 + 3600 + 120)


def key(state, kid="", *, published=timedelta(), kind="RS256", **moments):
    """A key in a state, published so long after the start, with other moments counted from there, too."""
    counted = {name: START + moment for name, moment in moments.items()}
    return KeyRecord(kid or state, kind, state, START + published, **counted)


ACTIVE = key("active", activated_at=timedelta())
STANDBY = key("standby")
OLD = key("retired", retired_at=timedelta(), verify_until=AFTER)
GONE = key("revoked", revoked_at=timedelta())


@pytest.mark.parametrize(
    ("keys", "after", "steps"),
    [
        # Nobody signs: whatever there is must, at once.
        ([], timedelta(), [Begin()]),
        ([GONE], timedelta(), [Begin()]),
        ([STANDBY], timedelta(), [Activate("standby")]),
        ([key("standby", kind="ES256")], timedelta(), [Activate("standby")]),
        ([OLD], timedelta(), [Begin()]),
        # Nobody waits: the next key is published long before it is needed.
        ([ACTIVE], timedelta(), [Publish()]),
        ([ACTIVE], 91 * DAY, [Publish()]),
        ([ACTIVE, GONE], DAY, [Publish()]),
        # All is well, until the active key is over.
        ([ACTIVE, STANDBY], timedelta(), []),
        ([ACTIVE, STANDBY], 90 * DAY - TICK, []),
        ([ACTIVE, STANDBY], 90 * DAY, [Activate("standby")]),
        ([ACTIVE, STANDBY, GONE], 900 * DAY, [Activate("standby")]),
        # Overdue, but verifiers may not have seen the standby: twice the max-age, and a minute.
        ([ACTIVE, key("standby", published=90 * DAY)], 90 * DAY, []),
        ([ACTIVE, key("standby", published=90 * DAY)], 90 * DAY + AHEAD - TICK, []),
        ([ACTIVE, key("standby", published=90 * DAY)], 90 * DAY + AHEAD, [Activate("standby")]),
        # What was retired goes when its last token is over, whatever else is due.
        ([ACTIVE, STANDBY, OLD], AFTER - TICK, []),
        ([ACTIVE, STANDBY, OLD], AFTER, [Drop("retired")]),
        ([ACTIVE, OLD], AFTER, [Drop("retired"), Publish()]),
        ([ACTIVE, STANDBY, OLD], 90 * DAY, [Drop("retired"), Activate("standby")]),
        ([OLD], AFTER, [Drop("retired"), Begin()]),
        ([ACTIVE, STANDBY, OLD, dataclasses.replace(OLD, kid="older")], DAY, [Drop("retired"), Drop("older")]),
        # A clock that was put back, or another host's: nothing happens before its time, and nothing is undone.
        ([ACTIVE, STANDBY, OLD], -DAY, []),
        ([ACTIVE, STANDBY, OLD], -900 * DAY, []),
        ([ACTIVE], -DAY, [Publish()]),
        ([STANDBY], -DAY, [Activate("standby")]),
    ],
)
def test_each_state_and_moment_has_its_step(keys, after, steps):
    """
    CONTRACT 7: what must happen next follows from the keys and the time alone, to the microsecond.
    """
    assert due(keys, RS256, START + after) == steps
    assert sorted(map(str, due(keys[::-1], RS256, START + after))) == sorted(map(str, steps))


def test_the_margins_are_the_promised_ones():
    """
    CONTRACT 7, E2: published for 2 x max-age + 60 s; verified for 2 x keyring age + token's life + 120 s, with
    any settings.
    """
    schedule = Schedule("RS256", DAY, timedelta(seconds=86_400), timedelta(seconds=30), timedelta(seconds=60))

    assert activation_is_safe_at(STANDBY, RS256) == START + AHEAD
    assert activation_is_safe_at(STANDBY, schedule) == START + timedelta(seconds=2 * 86_400 + 60)
    assert dropping_is_safe_at(ACTIVE, RS256, START + DAY) == START + DAY + AFTER
    assert dropping_is_safe_at(ACTIVE, schedule, START) == START + timedelta(seconds=2 * 60 + 30 + 120)
    assert dropping_is_safe_at(OLD, RS256, START + DAY) == START + AFTER
    assert dropping_is_safe_at(STANDBY, RS256, START) == START


@pytest.mark.parametrize("schedule", [RS256, dataclasses.replace(RS256, jwks_max_age=DAY, rotate_after=DAY)])
def test_a_rotation_that_is_due_more_often_than_is_safe_waits(schedule):
    """
    CONTRACT 7: no setting makes a key sign before it was published for twice the max-age.
    """
    waiting = key("standby", published=DAY)
    safe_at = activation_is_safe_at(waiting, schedule)

    assert due([ACTIVE, waiting], schedule, safe_at - TICK) == []


@pytest.mark.parametrize(("published", "withdrawn"), [(timedelta(), True), (DAY - AHEAD, True), (DAY, False)])
def test_a_change_of_algorithm_is_a_rotation(published, withdrawn):
    """
    D11: the standby of the old kind is taken back, one of the new is published, waits its time, and signs.

    One that was published a moment ago stays until it would be safe: hosts may differ during a deployment.
    """
    standby, now = key("standby", published=published), START + DAY
    if not withdrawn:
        assert due([ACTIVE, standby], ES256, now) == []
        now += AHEAD
    assert due([ACTIVE, standby], ES256, now) == [Withdraw("standby")]
    assert due([ACTIVE], ES256, now) == [Publish()]

    new = KeyRecord("new", "ES256", "standby", now)
    assert due([ACTIVE, new], ES256, now + AHEAD - TICK) == []
    assert due([ACTIVE, new], ES256, now + AHEAD) == [Activate("new")]


def test_a_change_of_algorithm_that_is_taken_back_keeps_the_key_that_signs():
    """
    D11: a standby of a kind that is not wanted any more never signs, however overdue the rotation is.
    """
    unwanted = key("standby", kind="ES256")

    assert due([ACTIVE, unwanted], RS256, START + AHEAD) == [Withdraw("standby")]
    assert due([ACTIVE, unwanted], RS256, START + 91 * DAY) == [Withdraw("standby")]


def test_keys_of_one_type_and_another_size_are_other_kinds():
    """
    D11: RS256 with 3072 bits replaces RS256 with 2048 as any other kind would.
    """
    larger = dataclasses.replace(RS256, kind="RS256-3072")

    assert due([ACTIVE, key("standby", kind="RS256-3072")], larger, START + AHEAD) == [Activate("standby")]
    assert due([ACTIVE, STANDBY], larger, START + AHEAD) == [Withdraw("standby")]


def apply(keys: list[KeyRecord], step: Step, schedule: Schedule, now: datetime, number: int) -> list[KeyRecord]:
    """Do a step in memory, as its docstring says."""

    def change(kid: str, **values: Any) -> list[KeyRecord]:
        return [dataclasses.replace(each, **values) if each.kid == kid else each for each in keys]

    match step:
        case Begin():
            return [*keys, KeyRecord(f"{number}", schedule.kind, "active", now, activated_at=now)]
        case Publish():
            return [*keys, KeyRecord(f"{number}", schedule.kind, "standby", now)]
        case Activate(kid=kid):
            for each in filter(lambda each: each.state == "active", keys):
                until = now + schedule.keep_after
                keys = change(each.kid, state="retired", retired_at=now, verify_until=until)
            return change(kid, state="active", activated_at=now)
        case Withdraw(kid=kid) | Drop(kid=kid):
            return change(kid, state="revoked", revoked_at=now)


def test_hosts_with_different_settings_do_not_undo_each_other_by_the_second():
    """
    E2, E3: during a deployment that changes the algorithm, whichever host comes first, nothing is done more often than
    verifiers can follow, each key waits its time before it signs, and one key signs at any moment.
    """
    keys = [ACTIVE, STANDBY]
    done = []
    for second in range(0, 6 * 3600, 7):
        now = START + 10 * DAY + timedelta(seconds=second)
        schedule = (RS256, ES256)[second // 7 % 2]
        for step in due(keys, schedule, now):
            if isinstance(step, Activate):
                (chosen,) = [each for each in keys if each.kid == step.kid]
                assert now - chosen.published_at >= AHEAD
            keys = apply(keys, step, schedule, now, len(keys))
            done.append(step)
        assert [each.state for each in keys].count("active") == 1

    # Every eleven minutes the standby is changed once, or signs.
    assert len([step for step in done if isinstance(step, Activate | Withdraw)]) <= 1 + 6 * 3600 / 660
    # When the deployment is over, one more rotation brings peace.
    now = START + 11 * DAY
    for hour in range(48):
        for step in due(keys, ES256, now + timedelta(hours=hour)):
            keys = apply(keys, step, ES256, now + timedelta(hours=hour), len(keys))
    assert [each.kind for each in keys if each.state in {"active", "standby"}] == ["ES256", "ES256"]
    assert not any(each.state == "retired" for each in keys)


def test_whatever_is_due_comes_to_rest():
    """
    E3: from any mixture of keys, at any moment, a few rounds lead to one that signs, one that waits, and nothing due.
    """
    mixtures = [[], [ACTIVE], [STANDBY], [OLD], [ACTIVE, STANDBY, OLD], [key("standby", kind="ES256"), OLD, GONE]]
    for keys in mixtures:
        for after in (-DAY, timedelta(), AHEAD, AFTER, 90 * DAY, 400 * DAY):
            now, held = START + after, list(keys)
            for _ in range(4):
                for step in due(held, RS256, now):
                    held = apply(held, step, RS256, now, len(held))
            assert due(held, RS256, now) == []
            assert sorted(each.state for each in held if each.state in {"active", "standby"}) == ["active", "standby"]


def test_the_plan_that_is_drawn_is_the_one_that_is_followed():
    """
    CONTRACT 7: what an operator reads (signs from, until, verifies until) are the moments at which the steps fall due.
    """
    late = key("standby", published=90 * DAY - timedelta(seconds=60))
    for standby, signs_from in ((STANDBY, START + 90 * DAY), (late, late.published_at + AHEAD)):
        active, waiting, old, gone = timeline([ACTIVE, standby, OLD, GONE], RS256, START + DAY)

        assert waiting.signs_from == signs_from
        assert due([ACTIVE, standby], RS256, signs_from) == [Activate("standby")]
        assert due([ACTIVE, standby], RS256, signs_from - TICK) == []
        assert (active.signs_from, active.signs_until) == (START, START + 90 * DAY)
        assert active.verifies_until == START + 90 * DAY + AFTER
        assert (old.verifies_until, gone.verifies_until) == (START + AFTER, None)
