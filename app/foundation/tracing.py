"""
Spans of requests and statements, sent to a collector (docs/decisions/0027-traces.md).

OpenTelemetry is an extra: nobody imports this file but the factory, and it only where traces are wanted.
"""

import threading
from collections.abc import Callable, Mapping
from multiprocessing import util

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
# At the end of a process, for a collector that may be away.
_PATIENCE_SECONDS = 2


class RequestSpan:
    """The span of a request; what is begun in its thread until it ends is a part of it."""

    def __init__(self, tracer: trace.Tracer, traceparent: str | None) -> None:
        carrier = {} if traceparent is None else {"traceparent": traceparent}
        # In an empty context: whatever else this thread is part of is not ours.
        caller = _PROPAGATOR.extract(carrier, context.Context())
        self._span = tracer.start_span("request", caller, SpanKind.SERVER)
        self._token = context.attach(trace.set_span_in_context(self._span))

    def tell(self, name: str, told: Mapping[str, str | int], *, failed: bool) -> None:
        """Name it, and say what is known of the request: ids and numbers only."""
        self._span.update_name(name)
        self._span.set_attributes(told)
        if failed:
            self._span.set_status(StatusCode.ERROR)

    def drop(self) -> None:
        """Let go of it, and send nothing: somebody else makes the request a span."""
        context.detach(self._token)

    def end(self) -> None:
        """End it."""
        context.detach(self._token)
        self._span.end()


class Tracing:
    """
    Spans of this process, sent in batches from a thread of their own.

    Args:
        exporter: makes what sends them; OTLP over HTTP by default, to where OpenTelemetry's own variables say.
    """

    def __init__(self, exporter: Callable[[], SpanExporter] = OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._tracer: trace.Tracer | None = None
        self._beginning = threading.Lock()

    def request(self, traceparent: str | None) -> RequestSpan:
        """Begin the span of a request, within the caller's if it is known (W3C Trace Context section 3.2)."""
        return RequestSpan(self._tracer or self._begin(), traceparent)

    def statement(self, system: str, text: str) -> Callable[[], object]:
        """Begin the span of a statement, without its parameters, if it is part of a request; gives what ends it."""
        if self._tracer is None or not trace.get_current_span().is_recording():
            return _nothing
        told = {"db.system.name": system, "db.query.text": text}
        return self._tracer.start_span(text.partition(" ")[0], kind=SpanKind.CLIENT, attributes=told).end

    def _begin(self) -> trace.Tracer:
        # By the first request, and not before: a thread does not outlive a fork.
        with self._beginning:
            if self._tracer is None:
                provider = TracerProvider(
                    resource=Resource({"service.name": "chalk-auth"}).merge(OTELResourceDetector().detect()),
                    shutdown_on_exit=False,
                )
                provider.add_span_processor(BatchSpanProcessor(self._exporter()))
                # `atexit` is not asked in a process that was forked.
                util.Finalize(None, _flush, args=(provider,), exitpriority=0)
                self._tracer = provider.get_tracer("chalk-auth")
            return self._tracer


def _flush(provider: TracerProvider) -> None:
    # With an eye on the clock: its own waits for as long as the exporter tries again.
    flushing = threading.Thread(target=provider.force_flush, daemon=True)
    flushing.start()
    flushing.join(_PATIENCE_SECONDS)


def _nothing() -> None:
    return
