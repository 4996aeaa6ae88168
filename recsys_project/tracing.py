"""Optional OpenTelemetry traces of requests, tasks, SQL and Redis (OTEL_ENABLED).

The packages are those of requirements-tracing.txt. Nothing here is imported unless traces are on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_PROBES = "recsys_project.probes.ProbeMiddleware"


def start_tracing(processor: SpanProcessor | None = None) -> None:
    """Traces this process from now on. Call it before Django builds its middleware and opens connections.

    processor: takes the spans; by default they are sent in batches by OTLP to OTEL_EXPORTER_OTLP_ENDPOINT. Spans hold
    statements with placeholders, and no parameters, keys or values. Raises ImproperlyConfigured without the packages.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 -- optional packages.
        from opentelemetry.instrumentation.celery import CeleryInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.redis import RedisInstrumentor  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    except ImportError as error:
        message = f"OTEL_ENABLED needs the packages of requirements-tracing.txt: {error}."
        raise ImproperlyConfigured(message) from None
    provider = TracerProvider(resource=Resource.create({"service.name": settings.OTEL_SERVICE_NAME}))
    provider.add_span_processor(processor or _otlp_processor())
    trace.set_tracer_provider(provider)
    # After the probes, which answer whatever the Host is: it reads the address, for which Django refuses unknown hosts.
    position = settings.MIDDLEWARE.index(_PROBES) + 1
    DjangoInstrumentor().instrument(tracer_provider=provider, middleware_position=position)
    for instrumentor in (CeleryInstrumentor(), PsycopgInstrumentor(), RedisInstrumentor()):
        instrumentor.instrument(tracer_provider=provider)


def _otlp_processor() -> SpanProcessor:
    """Sends spans in batches; a collector that is away loses spans and stops no request."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter())
