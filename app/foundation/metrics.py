"""
Counters and timings of this server, added up over its worker processes where there are several.

Labels come from closed lists: whoever sends requests cannot make a new one.
"""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.foundation.database import Fault, Pool

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
# When a counter began, whoever reads it can tell from its values.
disable_created_metrics()  # type: ignore[no-untyped-call]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """
    Let the processes that are started in the block count together, in files that are gone with it.

    A worker that ended stays counted. Where the operator has named a directory, that one is used, and stays.
    """
    with tempfile.TemporaryDirectory(prefix="chalk-metrics-") as directory:
        os.environ.setdefault(_DIRECTORY, directory)
        # The library chose when it was imported; whatever is counted from now on lies in the files.
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        yield


class Metrics:
    """What is counted of this application."""

    def __init__(self) -> None:
        self._directory = os.environ.get(_DIRECTORY)
        # In files, the names are the same in every process, and each process may have several applications.
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "chalk_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "chalk_request_seconds", "How long requests took.", ["route"], buckets=_BUCKETS, registry=self._registry
        )
        self._refusals = Counter("chalk_refusals", "Requests refused, by why.", ["code"], registry=self._registry)
        self._tokens = Counter(
            "chalk_tokens_issued", "Access tokens minted.", ["subject", "by"], registry=self._registry
        )
        self._events = Counter("chalk_events", "Events logged.", ["event"], registry=self._registry)
        self._database_errors = Counter(
            "chalk_database_errors", "Faults of the database, by kind.", ["kind"], registry=self._registry
        )
        # As `expect` does.
        for kind in get_args(Fault):
            self._database_errors.labels(kind)
        self._connections = Gauge(
            "chalk_database_connections",
            "Connections to the database.",
            ["state"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._most_connections = Gauge(
            "chalk_database_connections_most",
            "How many connections to the database there may be.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        # To find what a set of labels counts takes longer than to count it.
        self._of_requests = functools.cache(self._requests.labels)
        self._of_seconds = functools.cache(self._seconds.labels)
        self._of_tokens = functools.cache(self._tokens.labels)

    def expect(self, codes: Iterable[str], events: Iterable[str]) -> None:
        """Count these from nothing: of a series that begins with its first refusal or event, no rate shows that one."""
        for code in codes:
            self._refusals.labels(code)
        for event in events:
            self._events.labels(event)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._of_requests(method, route, str(status)).inc()
        self._of_seconds(route).observe(seconds)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.labels(code).inc()

    def minted(self, subject: str, by: str) -> None:
        """Count an access token."""
        self._of_tokens(subject, by).inc()

    def happened(self, event: str) -> None:
        """Count an event of the log."""
        self._events.labels(event).inc()

    def failed(self, kind: Fault) -> None:
        """Count a fault of the database."""
        self._database_errors.labels(kind).inc()

    def note_pool(self, pool: Pool) -> None:
        """Say what this process holds of the database now; whichever process is asked tells the sum."""
        self._connections.labels("in_use").set(pool.in_use)
        self._connections.labels("idle").set(pool.idle)
        self._most_connections.set(pool.most)

    def exposition(self, computed: Sequence[Collector]) -> bytes:
        """Print everything in the text format of Prometheus, with what is computed when it is asked for."""
        counted = generate_latest(self._registry) if self._directory is None else _print(_Files(Path(self._directory)))
        return counted + b"".join(_print(each) for each in computed)


class _Files(Collector):
    # What all processes have counted, and what those that live hold.
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        _forget_the_dead(self._directory)
        # A process that begins makes its files before it writes into them, and the library cannot read an empty one.
        files = [str(file) for file in self._directory.glob("*.db") if _size(file)]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]


def _forget_the_dead(directory: Path) -> None:
    # Of a process that was killed nobody else takes leave. What it has counted stays, what it held goes.
    for file in directory.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _lives(pid):
            # Another process may have been quicker.
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def _size(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _print(computed: Collector) -> bytes:
    registry = CollectorRegistry()
    registry.register(computed)
    return generate_latest(registry)
