"""Every request is timed, counted, and logged in one line: never with a secret."""

import logging
import time
from collections.abc import Mapping
from typing import Protocol

from app.flows.refusals import ServiceError
from app.foundation import logs
from app.foundation.metrics import Metrics

_LOG = logging.getLogger("chalk.requests")
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class Watched(Protocol):
    """A request while it is worked on: `began` on the clock that `begin` reads."""

    request_id: str
    began: float


def begin(state: Watched) -> None:
    """Start the clock of a request."""
    state.began = time.perf_counter()
    logs.begin(state.request_id)


def refused(error: ServiceError, metrics: Metrics) -> None:
    """Count a refusal."""
    metrics.refused(error.code)
    logs.about(refused=error.code)


def finish(state: Watched, method: str, route: str | None, status: int, metrics: Metrics) -> None:
    """
    Count and log a request that is answered now.

    `route` is the one that is declared: what stands in its place in a path is of the client. None when there is none.
    """
    route = route or "none"
    seconds = time.perf_counter() - state.began
    method = method if method in _METHODS else "other"
    metrics.answered(method, route, status, seconds)
    # Whoever watches asks every few seconds, and would drown the rest.
    level = logging.DEBUG if route in _PROBES else logging.INFO
    if _LOG.isEnabledFor(level):
        told: Mapping[str, object] = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        _LOG.log(level, "request", extra={"fields": told})
