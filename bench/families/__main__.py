"""Fill, measure, print, judge."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence

from bench.families.beside import BACKLOG, Beside, forget_beside
from bench.families.costs import WORKS, Cost, measure
from bench.families.filling import filled
from tests.databases import postgres_server

Sizes = tuple[int, int]

SIZES = (10_000, 1_000_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it; 1 when something did not keep its cost, or went wrong beside the forgetting."""
    parser = argparse.ArgumentParser(prog="python -m bench.families", description="What sessions cost in large tables.")
    parser.add_argument("--sizes", nargs=2, type=int, default=SIZES, metavar=("SMALL", "LARGE"), help="families")
    small, large = parser.parse_args(arguments).sizes
    logging.disable(logging.WARNING)
    with postgres_server() as server:
        databases = []
        for rows in (small, large):
            begun = time.perf_counter()
            databases.append(filled(server, rows))
            print(f"{rows:>9,} families, made in {time.perf_counter() - begun:.0f} s", flush=True)
        try:
            costs = [cost for work in WORKS for cost in measure(work, databases)]
            _print_costs(costs, (small, large))
            beside = forget_beside(databases[-1])
            _print_beside(beside, large)
        finally:
            for each in databases:
                each.tools.database.close()
    return _judge(costs, beside)


def _judge(costs: Sequence[Cost], beside: Beside) -> int:
    dear = [cost for cost in costs if cost.is_dear]
    for cost in dear:
        print(f"More than {cost.largest_ratio} times as much in the large table: {cost.name}", file=sys.stderr)
    failed = beside.errors > 0 or beside.left > 0 or beside.forgotten < BACKLOG
    if failed:
        print("The backlog was not forgotten, or something failed beside it.", file=sys.stderr)
    return 1 if dear or failed else 0


def _print_costs(costs: Sequence[Cost], sizes: Sizes) -> None:
    print(f"\n| a call | {sizes[0]:,} families | {sizes[1]:,} families | ratio |")
    print("|---|--:|--:|--:|")
    for cost in costs:
        small, large = cost.values
        print(f"| {cost.name} | {small:.2f} | {large:.2f} | {cost.ratio:.2f} |")


def _print_beside(beside: Beside, rows: int) -> None:
    print(f"\n| rotations a second, in {rows:,} families | |")
    print("|---|--:|")
    print(f"| alone | {beside.alone:.0f} |")
    print(f"| while {beside.forgotten:,} others are forgotten, {beside.forgotten_a_second:,.0f} a second |", end="")
    print(f" {beside.beside:.0f} |")
    print(f"| ratio | {beside.beside / beside.alone:.2f} |")
    print(f"| refusals and failures | {beside.errors} |")
    print(f"| left of the backlog | {beside.left} |")


if __name__ == "__main__":
    sys.exit(main())
