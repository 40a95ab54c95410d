"""Start, measure, print."""

import argparse
import contextlib
import logging
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.requests.client.answers import AnswerError
from bench.requests.hosts.offers import offers
from bench.requests.report import table
from bench.requests.results import Cell, Run
from bench.requests.rounds import Plan, measure


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 when a server gave a wrong answer."""
    asked = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)
    print(f"seed {asked.seed}", flush=True)
    try:
        runs = [_run(asked, number) for number in range(asked.runs)]
    except AnswerError as error:
        print(f"A wrong answer, so nothing was measured: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(runs)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.requests", description="What a request costs.")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="the order of the slices")
    parser.add_argument("--seconds", type=float, default=0.8, help="how long a slice is")
    parser.add_argument("--rounds", type=int, default=10, help="slices of each kind in a run")
    parser.add_argument("--runs", type=int, default=1, help="runs, each with servers of its own")
    parser.add_argument("--connections", type=int, default=2, help="requests under way at once")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        help="words of what to measure, as 'refresh postgresql direct'; can be given again",
    )
    parser.add_argument("--floor", action="store_true", help="also the least that it can be made of")
    parser.add_argument("--peers", type=Path, help="also other servers, from where bench.requests.peers installed them")
    return parser


def _run(asked: argparse.Namespace, number: int) -> Run:
    plan = Plan(f"{asked.seed}/{number}", asked.seconds, asked.rounds, asked.connections)
    only = [each.lower().split() for each in asked.only]

    def wanted(cell: Cell) -> bool:
        return not only or any(all(word in str(cell).lower() for word in words) for words in only)

    with tempfile.TemporaryDirectory(prefix="chalk-bench-") as name, contextlib.ExitStack() as stack:
        systems = []
        for position, offer in enumerate(offers(with_floor=asked.floor, peers=asked.peers)):
            if any(wanted(cell) for cell in offer.cells):
                folder = Path(name) / str(position)
                folder.mkdir()
                systems.append(stack.enter_context(offer.start(folder)))
        return measure(systems, wanted, plan)


if __name__ == "__main__":
    # What was started is stopped, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
