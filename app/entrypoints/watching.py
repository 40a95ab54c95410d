"""Every request is timed, counted, and logged in one line: never with a secret."""

import logging
import time

from flask import Response, g, request

from app.entrypoints.wiring import wired
from app.flows.refusals import ServiceError
from app.foundation import logs

_LOG = logging.getLogger("chalk.requests")
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def begin() -> None:
    """Start the clock of a request."""
    g.began = time.perf_counter()
    logs.begin(g.request_id)


def refused(error: ServiceError) -> None:
    """Count a refusal."""
    wired().tools.metrics.refusals.labels(error.code).inc()
    logs.about(refused=error.code)


def finish(response: Response) -> None:
    """Count and log a request that is answered now."""
    # The route as it is declared: what stands in its place in a path is of the client.
    route = "none" if request.url_rule is None else request.url_rule.rule
    seconds = time.perf_counter() - g.began
    method = request.method if request.method in _METHODS else "other"
    metrics = wired().tools.metrics
    metrics.requests.labels(method, route, str(response.status_code)).inc()
    metrics.seconds.labels(route).observe(seconds)
    # Whoever watches asks every few seconds, and would drown the rest.
    level = logging.DEBUG if route in _PROBES else logging.INFO
    if _LOG.isEnabledFor(level):
        told = {"method": method, "route": route, "status": response.status_code, "ms": round(seconds * 1000, 2)}
        _LOG.log(level, "request", extra={"fields": told})
