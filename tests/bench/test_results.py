"""From accounts to a table, a picture and a page."""

import xml.etree.ElementTree as ET

import pytest

from bench.requests.client.driving import Driven
from bench.requests.measuring.memory import Held, Memory
from bench.requests.measuring.results import Cell, Run, Tally, medians, run_of, spread
from bench.requests.measuring.signature import Signed
from bench.requests.telling.pages import PAGE, put
from bench.requests.telling.picture import picture
from bench.requests.telling.report import report

CELL = Cell("issue, JSON", "Ours", "PostgreSQL", "direct")


def a_run(milliseconds: int) -> Run:
    """Give a run in which ten requests cost so much, and a signature 200 microseconds."""
    tally = Tally()
    tally.add(Driven(5, 1.0, [0.001] * 5), {"server": milliseconds * 500_000, "database": 1_000_000})
    tally.add(Driven(5, 1.0, [0.002] * 5), {"server": milliseconds * 500_000, "database": 0})
    return run_of({CELL: tally}, [Signed(100, 30_000_000), Signed(100, 10_000_000)], verified=3)


def test_a_ratio_is_all_processes_over_one_signature():
    """
    What a request costs is the time of every process of the server, divided by the requests and by one signature.
    """
    result = a_run(3).results[CELL]

    assert a_run(3).signature == pytest.approx(200)
    assert result.microseconds == pytest.approx({"server": 300, "database": 100})
    assert result.ratio == pytest.approx(2.0)
    assert result.a_second == pytest.approx(5)
    assert (result.median, result.p99) == pytest.approx((1.5, 2))


def test_several_runs_are_told_by_median_and_spread():
    """
    Three runs give the middle one, and the best and the worst beside it.
    """
    runs = [a_run(3), a_run(7), a_run(4)]

    assert medians(runs)[CELL].ratio == pytest.approx(2.5)
    assert spread(runs, CELL) == pytest.approx((2.0, 4.0))
    row = next(line for line in report(runs) if line.startswith("| issue"))
    assert row.startswith(
        "| issue, JSON | Ours | PostgreSQL | direct | **2.50** | 2.00, 4.00 | 2.00 | 500 | 400 | 100 |  |"
    )


def test_the_picture_has_a_bar_for_each_and_the_goals():
    """
    Whoever looks at the picture sees what was measured, and what it should have been.
    """
    drawn = ET.fromstring(picture([a_run(3)], ours="Ours"))

    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Ours, PostgreSQL, JSON", "2.00", "goal 1.60", "goal 1.65"} <= set(words)


def test_a_page_keeps_what_stands_beside_the_marks():
    """
    A new result takes the place of the old one, and nothing else.
    """
    page = "before\n<!-- begin x -->\nold\n<!-- end x -->\nafter\n"

    assert put(page, "x", ["new"]) == "before\n<!-- begin x -->\nnew\n<!-- end x -->\nafter\n"
    with pytest.raises(ValueError, match="y"):
        put(page, "y", [])


def test_the_page_has_a_place_for_every_result():
    """
    `make bench` finds where to write.
    """
    for name in ("requests", "memory"):
        assert put(PAGE.read_text(encoding="utf-8"), name, ["new"])


def test_growth_is_told():
    """
    A server that holds half as much again at the end is told to have grown by half.
    """
    assert Memory([Held(10, 100), Held(20, 200), Held(30, 150)]).growth == pytest.approx(1.5)
