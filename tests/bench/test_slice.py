"""A short slice of the measurement, on SQLite; `make bench` has all of it."""

from bench.requests.hosts.chalk import chalk
from bench.requests.hosts.system import SQLITE
from bench.requests.measuring.rounds import Plan, measure
from bench.requests.telling.report import report
from tests import log_watch

WANTED = {("issue, JSON", "direct"), ("refresh, OAuth", "direct"), ("refresh, JSON", "nginx")}


def test_what_a_request_costs_is_measured(tmp_path):
    """
    A token costs at least the signature that is in it, nginx has its share, and nobody is charged for anybody else.
    """
    with chalk(SQLITE, tmp_path) as system:
        plan = Plan("1", seconds=0.2, rounds=1, connections=2)
        run = measure([system], lambda cell: (cell.work, cell.way) in WANTED, plan)

    log_watch.look_at(tmp_path)
    assert {(cell.work, cell.way) for cell in run.results} == WANTED
    for cell, result in run.results.items():
        assert result.ratio > 1
        assert result.microseconds["server"] > run.signature
        assert (result.microseconds["nginx"] > 20) is (cell.way == "nginx")
        assert 0 < result.median <= result.p99
        assert result.a_second > 1
    assert run.verified >= 2
    assert sum(line.startswith(("| issue", "| refresh")) for line in report([run])) == len(WANTED)
