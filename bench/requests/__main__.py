"""Start, measure, print, write."""

import argparse
import contextlib
import logging
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.requests.client.answers import AnswerError
from bench.requests.hosts.chalk import NAME, chalk
from bench.requests.hosts.offers import Offer, offers
from bench.requests.hosts.system import POSTGRESQL, System
from bench.requests.measuring.memory import LARGEST_GROWTH, remember, told
from bench.requests.measuring.results import Cell, Run
from bench.requests.measuring.rounds import Plan, measure
from bench.requests.telling.pages import PICTURE, write
from bench.requests.telling.picture import picture
from bench.requests.telling.report import report


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 when a server gave a wrong answer, or holds more and more memory."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.write and asked.only:
        parser.error("what is written is of everything: not --only together with --write")
    print(f"seed {asked.seed}", flush=True)
    try:
        return _memory(asked) if asked.memory else _costs(asked)
    except AnswerError as error:
        print(f"A wrong answer, so nothing was measured: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.requests", description="What a request costs.")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="the order of the slices")
    parser.add_argument("--seconds", type=float, default=0.8, help="how long a slice is")
    parser.add_argument("--rounds", type=int, default=12, help="slices of each kind in a run")
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
    parser.add_argument("--memory", type=int, default=0, metavar="REQUESTS", help="instead: what is held after so many")
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    return parser


def _costs(asked: argparse.Namespace) -> int:
    runs = [_run(asked, number) for number in range(asked.runs)]
    lines = list(report(runs))
    print("\n".join(["", *lines]))
    if asked.write:
        write("requests", lines)
        PICTURE.write_text(picture(runs, NAME), encoding="utf-8")
    return 0


def _run(asked: argparse.Namespace, number: int) -> Run:
    plan = Plan(f"{asked.seed}/{number}", asked.seconds, asked.rounds, asked.connections)
    only = [each.lower().split() for each in asked.only]

    def wanted(cell: Cell) -> bool:
        return not only or any(all(word in str(cell).lower() for word in words) for words in only)

    with _running(offers(with_floor=asked.floor, peers=asked.peers), wanted) as systems:
        return measure(systems, wanted, plan)


@contextlib.contextmanager
def _running(offered: Iterator[Offer], wanted: Callable[[Cell], bool]) -> Iterator[list[System]]:
    with tempfile.TemporaryDirectory(prefix="chalk-bench-") as name, contextlib.ExitStack() as stack:
        systems = []
        for position, offer in enumerate(offered):
            if any(wanted(cell) for cell in offer.cells):
                folder = Path(name) / str(position)
                folder.mkdir()
                systems.append(stack.enter_context(offer.start(folder)))
        yield systems


def _memory(asked: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="chalk-bench-") as name, chalk(POSTGRESQL, Path(name)) as system:
        memory = remember(system, asked.memory)
    lines = list(told(memory, system))
    print("\n".join(["", *lines]))
    if asked.write:
        write("memory", lines)
    return 0 if memory.growth <= LARGEST_GROWTH else 1


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    # What was started is stopped, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
