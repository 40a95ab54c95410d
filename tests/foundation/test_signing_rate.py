"""How fast a machine signs, and when it is told that it could be faster."""

import pytest

from app.foundation.signing_rate import HIDING, UNSET, VARIABLE, choose, measure

NO_ADX, NO_IFMA = HIDING


def test_the_rate_of_this_machine_is_measured():
    """
    There is a rate, by the library that signs tokens; another way is named only where it is faster.
    """
    rate = measure(0.01)

    assert 10 < rate.a_second < 1_000_000
    assert (rate.better is None) == (rate.faster is None)


def test_on_another_kind_of_processor_nothing_is_compared(monkeypatch):
    """
    The variable is for x86 alone; elsewhere no process is started, and the rate is told all the same.
    """
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    rate = measure(0.01, machine="aarch64")

    assert rate.a_second > 10
    assert (rate.comparable, rate.better) == (False, None)


def test_a_process_that_fails_is_no_measurement(monkeypatch):
    """
    Where no process of ours can sign, the rate is that of this one.
    """
    monkeypatch.setattr("sys.executable", "/bin/false")
    rate = measure(0.01, machine="x86_64")

    assert (rate.a_second > 10, rate.comparable, rate.better) == (True, False, None)


@pytest.mark.parametrize(
    ("given", "rates", "better"),
    [
        (None, {"": 1000, NO_ADX: 1100, NO_IFMA: 900}, NO_ADX),
        (None, {"": 1000, NO_ADX: 900, NO_IFMA: 1100}, NO_IFMA),
        (None, {"": 1000, NO_ADX: 1000, NO_IFMA: 900}, None),
        (":~0x8", {":~0x8": 1000, NO_ADX: 1000, NO_IFMA: 900, "": 1100}, UNSET),
        (":~0x8", {":~0x8": 1000, NO_ADX: 1200, NO_IFMA: 900, "": 1100}, NO_ADX),
    ],
)
def test_each_way_is_tried_in_a_process_with_that_variable(tmp_path, monkeypatch, given, rates, better):
    """
    The processes are of a machine that is as fast as it says for each value; what it is set to now is the usual way.
    """
    machine = tmp_path / "python"
    cases = "".join(f"'{value}') echo {rate};;\n" for value, rate in rates.items())
    machine.write_text(f'#!/bin/sh\ncase "${VARIABLE}" in\n{cases}esac\n')
    machine.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(machine))
    if given is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, given)

    rate = measure(0.01, machine="x86_64")

    assert (rate.a_second, rate.comparable, rate.better) == (1000, True, better)


@pytest.mark.parametrize(
    ("others", "better"),
    [
        ({NO_ADX: [1200, 1190, 1210], NO_IFMA: [500, 510, 490]}, NO_ADX),
        ({NO_ADX: [1200, 1190, 1210], NO_IFMA: [1300, 1310, 1290]}, NO_IFMA),
        ({NO_ADX: [1200, 1060, 1210]}, None),  # one round was not clearly faster
        ({NO_ADX: [1040, 1040, 1040]}, None),
        ({NO_ADX: [900, 900, 900]}, None),
        ({}, None),
    ],
)
def test_only_what_is_clearly_faster_is_told(others, better):
    """
    Faster by more than a twentieth in every round than the usual way in any; of several, the fastest.
    """
    rate = choose([1000, 990, 1010], others)

    assert rate.a_second == 1000
    assert rate.better == better
    assert rate.faster == (sorted(others[better])[1] if better else None)
