"""What was measured, as a table."""

from collections.abc import Iterator, Sequence

from bench.requests.results import Run, medians, spread

_HEADINGS = (
    *("request", "server", "database", "way", "ratio", "of runs"),
    *("server µs", "database µs", "nginx µs", "a second", "median ms", "p99 ms"),
)
_KINDS = ("server", "database", "nginx")


def table(runs: Sequence[Run]) -> Iterator[str]:
    """Print all cells as a table in Markdown."""
    signatures = ", ".join(f"{run.signature:.0f}" for run in runs)
    yield f"one bare signature: {signatures} µs"
    yield ""
    yield f"| {' | '.join(_HEADINGS)} |"
    yield f"|{'---|' * 4}{'--:|' * (len(_HEADINGS) - 4)}"
    for cell, result in medians(runs).items():
        lowest, highest = spread(runs, cell)
        kinds = [f"{result.microseconds[kind]:.0f}" if kind in result.microseconds else "" for kind in _KINDS]
        cells = [cell.work, cell.server, cell.database, cell.way, f"**{result.ratio:.2f}**"]
        cells += [f"{lowest:.2f}-{highest:.2f}", *kinds]
        cells += [f"{result.a_second:.0f}", f"{result.median:.2f}", f"{result.p99:.2f}"]
        yield f"| {' | '.join(cells)} |"
