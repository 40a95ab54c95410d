"""
Counters and timings of this server, added up over its worker processes where there are several.

Labels come from closed lists: whoever sends requests cannot make a new one.
"""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

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
        # To find what a set of labels counts takes longer than to count it.
        self._of_requests = functools.cache(self._requests.labels)
        self._of_seconds = functools.cache(self._seconds.labels)
        self._of_tokens = functools.cache(self._tokens.labels)

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

    def exposition(self, computed: Sequence[Collector]) -> bytes:
        """Print everything in the text format of Prometheus, with what is computed when it is asked for."""
        registry = self._registry
        if self._directory is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + b"".join(_print(each) for each in computed)


def _print(computed: Collector) -> bytes:
    registry = CollectorRegistry()
    registry.register(computed)
    return generate_latest(registry)
