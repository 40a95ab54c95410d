"""How often workers are replaced, and when not any more."""

import pytest

from app.entrypoints.cli.supervision.brake import Brake

BORN = 1000.0


def test_a_worker_that_was_at_work_is_replaced_at_once():
    """
    N: also the fiftieth time within seconds, of two workers.
    """
    brake = Brake(2)
    for number in range(50):
        now = BORN + number / 10
        assert brake.died(now - 0.1, now, started=True) == now
        assert brake.reason_to_end(now, at_work=0) is None


def test_a_worker_that_could_not_start_waits_for_its_turn():
    """
    N: a second after its birth, and five once that went on for a while; as before, as soon as one has started.
    """
    brake = Brake(1)
    turns = [brake.died(BORN, BORN + 0.1, started=False) - BORN for _ in range(8)]
    assert turns == [1.0] * 5 + [5.0] * 3

    brake.started()
    assert brake.died(BORN, BORN + 0.1, started=False) - BORN == 1.0


@pytest.mark.parametrize("workers", [1, 4])
def test_replacing_ends_when_nobody_can_start(workers):
    """
    N: five starts of each worker in a row. While one of the others serves, the server stays.
    """
    brake = Brake(workers)
    for _ in range(5 * workers - 1):
        brake.died(BORN, BORN, started=False)
    assert brake.reason_to_end(BORN, at_work=0) is None

    brake.died(BORN, BORN, started=False)
    reason = brake.reason_to_end(BORN, at_work=0)
    assert reason is not None
    assert str(5 * workers) in reason
    assert brake.reason_to_end(BORN, at_work=1) is None


def test_replacing_ends_when_workers_die_all_the_time():
    """
    N: more than thirty of each in a minute, whatever they had done until then; what is longer ago does not count.
    """
    brake = Brake(1)
    for second in range(30):
        brake.died(BORN, BORN + second, started=True)
    assert brake.reason_to_end(BORN + 30, at_work=1) is None

    brake.died(BORN, BORN + 30, started=True)
    assert brake.reason_to_end(BORN + 30, at_work=1) is not None
    assert brake.reason_to_end(BORN + 61, at_work=1) is None
