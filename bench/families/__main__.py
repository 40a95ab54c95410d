"""Fill, measure, print, judge."""

import logging
import sys
import time
from collections.abc import Sequence

from bench.families.beside import BACKLOG, Beside, forget_beside
from bench.families.costs import WORKS, Cost, measure
from bench.families.filling import filled
from tests.databases import postgres_server

SMALL, LARGE = 10_000, 1_000_000
# A call may cost so much more in the large table: an index of a hundred times as many rows has a step or two more.
LARGEST_RATIO = 1.5


def main() -> int:
    """Run all of it; 1 when something did not keep its cost, or went wrong beside the forgetting."""
    logging.disable(logging.WARNING)
    with postgres_server() as server:
        databases = []
        for rows in (SMALL, LARGE):
            begun = time.perf_counter()
            databases.append(filled(server, rows))
            print(f"{rows:>9,} families, made in {time.perf_counter() - begun:.0f} s", flush=True)
        try:
            costs = [cost for work in WORKS for cost in measure(work, databases)]
            _print_costs(costs)
            beside = forget_beside(databases[-1])
            _print_beside(beside)
        finally:
            for each in databases:
                each.tools.database.close()
    return _judge(costs, beside)


def _judge(costs: Sequence[Cost], beside: Beside) -> int:
    dear = [cost.name for cost in costs if cost.judged and cost.ratio > LARGEST_RATIO]
    for name in dear:
        print(f"More than {LARGEST_RATIO} times as much in the large table: {name}", file=sys.stderr)
    failed = beside.errors > 0 or beside.left > 0 or beside.forgotten < BACKLOG
    if failed:
        print("The backlog was not forgotten, or something failed beside it.", file=sys.stderr)
    return 1 if dear or failed else 0


def _print_costs(costs: Sequence[Cost]) -> None:
    print(f"\n| a call | {SMALL:,} families | {LARGE:,} families | ratio |")
    print("|---|--:|--:|--:|")
    for cost in costs:
        small, large = cost.values
        print(f"| {cost.name} | {small:.2f} | {large:.2f} | {cost.ratio:.2f} |")


def _print_beside(beside: Beside) -> None:
    print(f"\n| rotations a second, in {LARGE:,} families | |")
    print("|---|--:|")
    print(f"| alone | {beside.alone:.0f} |")
    print(f"| while {beside.forgotten:,} others are forgotten, {beside.forgotten_a_second:,.0f} a second |", end="")
    print(f" {beside.beside:.0f} |")
    print(f"| ratio | {beside.beside / beside.alone:.2f} |")
    print(f"| refusals and failures | {beside.errors} |")
    print(f"| left of the backlog | {beside.left} |")


if __name__ == "__main__":
    sys.exit(main())
