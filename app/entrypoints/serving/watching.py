"""Every request is timed, counted, and logged in one line: never with a secret."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from flask import Flask, Response, g, request

from app.entrypoints.headers import Sent, is_of
from app.flows.refusals import ServiceError
from app.foundation import logs
from app.foundation.environment import Proxy
from app.foundation.metrics import Metrics

if TYPE_CHECKING:
    from app.foundation.tracing import RequestSpan, Tracing

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
    told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
    logs.of_request(_LOG, level, "request", told)


class Spans:
    """
    Makes every request a span, which says what its line of the log does, and nothing of its path, headers or body.

    Args:
        tracing: where spans go.
        proxies: ours; what anybody else says of a trace is made up.
    """

    def __init__(self, tracing: "Tracing", proxies: Sequence[Proxy]) -> None:
        self._tracing = tracing
        self._proxies = proxies

    def begin(self, headers: Sent, peer: str | None) -> "RequestSpan":
        """Begin the span of a request, first of all that is done for it."""
        return self._tracing.request(headers.get("traceparent") if is_of(peer, self._proxies) else None)

    def tell(self, span: "RequestSpan", method: str, route: str | None, status: int) -> None:
        """Say what became of it; not yet its end."""
        method = method if method in _METHODS else "other"
        told: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": status}
        if route is not None:
            told["http.route"] = route
        told |= {f"chalk.{name}": value for name, value in logs.known().items()}
        span.tell(f"{method} {route or 'none'}", told, failed=status >= 500)


def trace(app: Flask, spans: Spans) -> None:
    """Trace the requests of an application that has no other hooks yet: a span begins first, and is told last."""

    def begin() -> None:
        g.span = spans.begin(request.headers, request.remote_addr)

    def tell(response: Response) -> Response:
        route = None if request.url_rule is None else request.url_rule.rule
        spans.tell(g.span, request.method, route, response.status_code)
        return response

    app.before_request(begin)
    app.after_request(tell)
    app.teardown_request(lambda _: g.span.end())
