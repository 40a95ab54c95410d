"""Every request is timed, counted, and logged in one line: never with a secret."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from app.entrypoints.headers import is_of
from app.entrypoints.wiring import wired
from app.flows.refusals import ServiceError
from app.foundation import logs
from app.foundation.environment import Network

if TYPE_CHECKING:
    from app.foundation.tracing import Tracing

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


def trace(app: Flask, tracing: "Tracing", proxies: Sequence[Network]) -> None:
    """
    Let every request be a span, which says what its line of the log does, and nothing of its path, headers or body.

    Args:
        app: without other hooks yet: the span is the first to begin and the last to be told.
        tracing: where spans go.
        proxies: ours; what anybody else says of a trace is made up.
    """

    def begin() -> None:
        caller = request.headers.get("traceparent") if is_of(request.remote_addr, proxies) else None
        g.span = tracing.request(caller)

    def end(_: BaseException | None) -> None:
        g.span.end()

    app.before_request(begin)
    app.after_request(_tell_span)
    app.teardown_request(end)


def _tell_span(response: Response) -> Response:
    method = request.method if request.method in _METHODS else "other"
    told: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": response.status_code}
    if request.url_rule is not None:
        told["http.route"] = request.url_rule.rule
    told |= {f"chalk.{name}": value for name, value in logs.known().items()}
    g.span.tell(f"{method} {told.get('http.route', 'none')}", told, failed=response.status_code >= 500)
    return response
