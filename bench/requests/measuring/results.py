"""From accounts to ratios."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.requests.client.driving import Driven
from bench.requests.measuring.accounts import Spent
from bench.requests.measuring.signature import Signed


@dataclass(frozen=True)
class Cell:
    """What is measured: one kind of request to one server on one database, one way."""

    work: str
    server: str
    database: str
    way: str

    def __str__(self) -> str:
        return f"{self.work} | {self.server} | {self.database} | {self.way}"


@dataclass
class Tally:
    """All that was measured of a cell in one run."""

    requests: int = 0
    seconds: float = 0.0
    spent: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    slices: list[float] = field(default_factory=list)

    def add(self, driven: Driven, spent: Spent) -> None:
        """Add a slice."""
        self.requests += driven.requests
        self.seconds += driven.seconds
        self.latencies += driven.latencies
        self.slices.append(sum(spent.values()) / driven.requests / 1000)
        for kind, nanoseconds in spent.items():
            self.spent[kind] = self.spent.get(kind, 0) + nanoseconds


@dataclass(frozen=True)
class Result:
    """
    What a request of a cell cost in one run, or the medians of several.

    Args:
        ratio: processor time of all processes of the server over that of one bare signature.
        quiet: the same of a slice that a quarter of them stayed below, as on a machine that nobody else uses.
        microseconds: processor time by the kind of process.
        a_second: requests that were answered in a second.
        median: milliseconds from a request to its answer; 99 of 100 took no longer than `p99`.
    """

    ratio: float
    quiet: float
    microseconds: Mapping[str, float]
    a_second: float
    median: float
    p99: float


@dataclass(frozen=True)
class Run:
    """
    One run.

    Args:
        signature: microseconds of processor time of a bare one.
        results: what each cell cost.
        requests: how many were answered, and counted.
        verified: how many tokens had their signature verified.
    """

    signature: float
    results: Mapping[Cell, Result]
    requests: int
    verified: int


def run_of(tallies: Mapping[Cell, Tally], signed: Sequence[Signed], verified: int) -> Run:
    """Add up a run."""
    signature = sum(each.nanoseconds for each in signed) / sum(each.many for each in signed) / 1000
    results = {cell: _result(tally, signature) for cell, tally in tallies.items()}
    return Run(signature, results, sum(tally.requests for tally in tallies.values()), verified)


def _result(tally: Tally, signature: float) -> Result:
    microseconds = {kind: spent / tally.requests / 1000 for kind, spent in tally.spent.items()}
    ordered = sorted(tally.latencies)
    return Result(
        ratio=sum(microseconds.values()) / signature,
        quiet=sorted(tally.slices)[len(tally.slices) // 4] / signature,
        microseconds=microseconds,
        a_second=tally.requests / tally.seconds,
        median=statistics.median(ordered) * 1000,
        p99=ordered[len(ordered) * 99 // 100] * 1000,
    )


def medians(runs: Sequence[Run]) -> Mapping[Cell, Result]:
    """Give the median of each number over several runs."""
    return {cell: _median([run.results[cell] for run in runs]) for cell in runs[0].results}


def _median(results: Sequence[Result]) -> Result:
    kinds = results[0].microseconds
    return Result(
        ratio=statistics.median(each.ratio for each in results),
        quiet=statistics.median(each.quiet for each in results),
        microseconds={kind: statistics.median(each.microseconds[kind] for each in results) for kind in kinds},
        a_second=statistics.median(each.a_second for each in results),
        median=statistics.median(each.median for each in results),
        p99=statistics.median(each.p99 for each in results),
    )


def spread(runs: Sequence[Run], cell: Cell) -> tuple[float, float]:
    """Give the smallest and the largest ratio of a cell."""
    ratios = [run.results[cell].ratio for run in runs]
    return min(ratios), max(ratios)
