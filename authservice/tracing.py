"""Traces: with the extra `otel`, a span of OpenTelemetry for each request, and below it for each hash and commit.

Owns what a span says, and when there are any: when OpenTelemetry's own environment names an exporter. How they are
sampled and sent is the SDK's, by its OTEL_ variables. Off, none of it is loaded.

Not the official instrumentation for Flask: it records path and query as guests write them, and ours carry codes, states
and tokens.
Source: OpenTelemetry's semantic conventions for HTTP servers and AWS calls; W3C Trace Context.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.util import Finalize

from authservice.contract import service
from authservice.watch import OTHER, Seen, trace_id

log = logging.getLogger(__name__)
ASKED_FOR_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")

CALLERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
"""The headers by which a caller says of which trace a request is a part, as WSGI names them."""


def open_tracer() -> "Tracer | None":
    """The process's tracer, if OpenTelemetry's environment asks for one and the extra `otel` is there."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not any(os.environ.get(name) for name in ASKED_FOR_BY):
        return None
    try:
        return Tracer()
    except ImportError:
        log.warning("traces are asked for, but OpenTelemetry is not installed: pip install 'authservice[otel]'")
        return None


class Tracer:
    """Makes the spans, and has them sent by OTLP over HTTP, beside the requests."""

    def __init__(self):
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "authservice"}
        provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        Finalize(None, provider.shutdown, exitpriority=0)  # what waits is sent; a worker's end runs no atexit
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._context, self._trace = context, trace
        self._callers = TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("authservice")

    def part(self, name: str) -> AbstractContextManager:
        """A span of a part of the request that is being answered; nothing where none is, or where it is not sampled."""
        if not self._trace.get_current_span().is_recording():
            return nullcontext()
        return self._tracer.start_as_current_span(name)

    def around(self, app: Callable) -> Callable:
        """A WSGI app that begins a span with each request, as a part of the caller's trace if there is one, and ends it
        when that is answered."""
        def traced(environ: dict, start_response: Callable) -> Iterable[bytes]:
            theirs = self._callers.extract({name: environ[header] for name, header in CALLERS.items() if header in environ})
            span = self._tracer.start_span("request", theirs, self._trace.SpanKind.SERVER)
            here = self._context.attach(self._trace.set_span_in_context(span, theirs))
            known = trace_id.set(self._trace.format_trace_id(span.get_span_context().trace_id))
            try:
                return app(environ, start_response)
            finally:
                trace_id.reset(known)
                self._context.detach(here)
                span.end()

        return traced

    def tell(self, seen: Seen) -> None:
        """What is seen of a request, on its span."""
        span = self._trace.get_current_span()
        if not span.is_recording():
            return
        span.update_name(seen.operation)
        told = {"http.request.method": "_OTHER" if seen.method == OTHER else seen.method, "http.route": seen.route,
                "http.response.status_code": seen.status, "authservice.pool": seen.pool,
                "authservice.client": seen.client, "authservice.outcome": str(seen.outcome)}
        if seen.operation in service().operations:
            told |= {"rpc.system": "aws-api", "rpc.service": "CognitoIdentityProvider", "rpc.method": seen.operation}
        if seen.status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        if seen.status >= 400:
            told["error.type"] = str(seen.outcome)
        span.set_attributes({name: value for name, value in told.items() if value is not None})
