"""What was measured, in words and as a table."""

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from bench.requests.client.lines import NGINX
from bench.requests.measuring.results import Cell, Result, Run, medians, spread

_HEADINGS = (
    *("request", "server", "database", "way", "ratio", "from, to", "quiet"),
    *("all µs", "server µs", "database µs", "nginx µs", "a second", "median ms", "p99 ms"),
)
_WORDS = 4
_MASK = "OPENSSL_ia32cap"


def report(runs: Sequence[Run]) -> Iterator[str]:
    """Tell all of it in Markdown: the machine, the signature, every cell."""
    today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    yield f"{today}. {_machine()}; {len(runs)} run{'s' if len(runs) > 1 else ''}."
    signatures = ", ".join(f"{run.signature:.0f}" for run in runs)
    requests, verified = sum(run.requests for run in runs), sum(run.verified for run in runs)
    yield f"One bare signature: {signatures} µs of processor time."
    yield f"{requests:,} requests were answered as they must be, {verified:,} signatures of tokens verified."
    yield ""
    yield f"| {' | '.join(_HEADINGS)} |"
    yield f"|{'---|' * _WORDS}{'--:|' * (len(_HEADINGS) - _WORDS)}"
    for cell, result in medians(runs).items():
        yield f"| {' | '.join(_row(cell, result, *spread(runs, cell)))} |"


def _row(cell: Cell, result: Result, lowest: float, highest: float) -> Iterator[str]:
    yield from (cell.work, cell.server, cell.database, cell.way, f"**{result.ratio:.2f}**")
    yield from (f"{lowest:.2f}, {highest:.2f}", f"{result.quiet:.2f}")
    yield f"{sum(result.microseconds.values()):.0f}"
    for kind in ("server", "database", "nginx"):
        takes_part = kind in result.microseconds and (kind != "nginx" or cell.way == NGINX)
        yield f"{result.microseconds[kind]:.0f}" if takes_part else ""
    yield from (f"{result.a_second:.0f}", f"{result.median:.2f}", f"{result.p99:.2f}")


def _machine() -> str:
    mask = f" with `{_MASK}={os.environ[_MASK]}`" if _MASK in os.environ else ""
    python = f"Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {python}, {backend.openssl_version_text()}{mask}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
