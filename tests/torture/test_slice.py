"""A short slice of the torture, on SQLite; `make torture` has all of it."""

from app import settings
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.audit_store import audit_store
from bench.torture.clients.honest import Habits
from bench.torture.hosts.chalk import chalk
from bench.torture.hosts.faults import chalk_faults
from bench.torture.run import Plan, torture
from tests import log_watch

FAULTS = ("drop answers between clients and server", "kill -9 of a worker")
PLAN = Plan(
    "1",
    seconds=3,
    sessions={"honest": 24, "contested": 8, "ending": 2},
    habits=Habits(rest_seconds=0.6),
    clients=6,
    gap_seconds=0.3,
    longest_fault=0.8,
)


def test_rotation_holds_while_a_worker_dies_and_answers_are_lost(tmp_path):
    """
    I1, I2, I3, I4, I5, I6, I7, I8, I9, I10: no rule is broken, no honest session lost, and the store is as it must be.
    """
    with chalk("sqlite", tmp_path, "1", workers=2) as system:
        faults = chalk_faults(system, window=False)
        result = torture(system.target, {name: faults[name] for name in FAULTS}, PLAN)
        tools = wiring_of(create_app(settings.read(system.environment), warm=False)).tools
        audit = audit_store(tools)
        tools.database.close()

    # Without what servers say at DEBUG: it would be written while faults are timed.
    log_watch.look_at(tmp_path)
    assert result.violations == []
    assert list(result.problems) == list(result.lost) == []
    assert audit.findings == []
    assert {each.name for each in result.history.disturbances} == set(FAULTS)
    assert any(each.outcome == "unknown" for each in result.history.operations)
