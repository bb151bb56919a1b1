"""The traces' recorder, loaded only where they are on: which traces are kept, and what of a span leaves the process."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes

SECONDS = 2.0
"""For one export: at the end of the process too, which must not wait for a collector that is away."""
LEAVES = frozenset(
    "db.name db.statement db.system error.type http.request.method http.response.status_code http.route"
    " kabinet.event kabinet.kind kabinet.outcome kabinet.channel kabinet.provider kabinet.asked"
    " messaging.destination.name messaging.system".split()
)
"""The attributes that leave. No paths and queries (a link's token, an account's number), no hosts, no parameters."""


def begin(service: str, endpoint: str, ratio: float) -> trace.TracerProvider:
    provider = TracerProvider(sampler=ByCause(ratio), resource=Resource.create({"service.name": f"kabinet-{service}"}))
    exporter = Bare(OTLPSpanExporter(endpoint=endpoint, timeout=SECONDS))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)
    AsyncPGInstrumentor(capture_parameters=False).instrument(tracer_provider=provider)  # type: ignore[no-untyped-call]
    return provider


class ByCause(Sampler):
    """Traces are kept by their ids, so that every program keeps the same ones whatever a caller's header asks for.

    What nothing outside has caused, as a loop's own statements every second, is left out.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            kept = parent.trace_flags.sampled
        elif parent.is_valid or kind is SpanKind.SERVER:
            kept = self._ratio.should_sample(None, trace_id, name).decision is Decision.RECORD_AND_SAMPLE
        else:
            kept = False
        return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes, parent.trace_state)

    def get_description(self) -> str:
        return f"ByCause({self._ratio.get_description()})"


class Bare(SpanExporter):
    """Spans without anything that an instrumentation may add: other attributes, and the texts of exceptions."""

    def __init__(self, to: SpanExporter) -> None:
        self._to = to

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._to.export([bare(span) for span in spans])

    def shutdown(self) -> None:
        self._to.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._to.force_flush(timeout_millis)


def bare(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in LEAVES},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
