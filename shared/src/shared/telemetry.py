"""Traces: what was done because of which request, through HTTP, outbox, Kafka, inbox and hand-over; off by default.

Where they are off nothing of this costs more than a look at one name, and the SDK is never imported (15 MiB, 0.2 s).
The ids go with events and into log lines also then: a trace that is not recorded is still one word to search for.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import context

CLIENT, CONSUMER, PRODUCER = SpanKind.CLIENT, SpanKind.CONSUMER, SpanKind.PRODUCER
_NOTHING = trace.INVALID_SPAN
_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer | None = None

Attribute = str | int | bool


def configure(service: str, endpoint: str | None, ratio: float = 1.0) -> None:
    """Record a share of `ratio` of all traces, and send them to the OTLP/HTTP `endpoint`; none: telemetry is off."""
    global _tracer
    if endpoint is None:
        return
    from shared import tracing

    _tracer = tracing.begin(service, endpoint, ratio).get_tracer("kabinet")


def is_on() -> bool:
    return _tracer is not None


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute) -> Iterator[Span]:
    """A part of what is going on; nothing where nothing is recorded. Names and attributes hold no values of people's.

    An exception is told by its kind alone: its text may quote what was worked on.
    """
    if _tracer is None:
        yield _NOTHING
        return
    with _tracer.start_as_current_span(
        name, None, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except Exception as problem:
            failed(begun, type(problem).__name__)
            raise


@contextmanager
def because(cause: str | None, name: str, kind: SpanKind, **attributes: Attribute) -> Iterator[Span]:
    """What is done because of `cause`, the traceparent of a request or event: logs and events of it name that trace."""
    token = context.traceparent.set(cause)
    try:
        if _tracer is None or cause is None:
            yield _NOTHING
            return
        with trace.use_span(_parent(cause)), span(name, kind, **attributes) as begun:
            yield begun
    finally:
        context.traceparent.reset(token)


def note(**attributes: Attribute) -> None:
    """Of what is going on."""
    if _tracer is not None:
        trace.get_current_span().set_attributes(attributes)


def failed(begun: Span, kind: str) -> None:
    begun.set_attribute("error.type", kind)
    begun.set_status(Status(StatusCode.ERROR))


def current() -> str | None:
    """The traceparent of what is going on: of its span where traces are on, else as it came."""
    return _of_span() or context.traceparent.get()


def begun_by(given: str | None) -> str:
    """The traceparent under which a request is served that came with this one; its trace is the same."""
    return _of_span() or given or f"00-{token_hex(16)}-{token_hex(8)}-00"


def _of_span() -> str | None:
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def sent(row: Mapping[str, Any], headers: Mapping[str, str], began: float, ended: float) -> None:
    """An event's way from the outbox to Kafka, after it is done; its times are seconds since 1970."""
    cause = headers.get("ce_traceparent")
    if _tracer is None or cause is None:
        return
    attributes = {"messaging.system": "kafka", "messaging.destination.name": row["topic"], "kabinet.event": row["type"]}
    parent = trace.set_span_in_context(_parent(cause))
    begun = _tracer.start_span(f"send {row['type']}", parent, PRODUCER, attributes, start_time=int(began * 1e9))
    begun.end(int(ended * 1e9))


def _parent(cause: str) -> Span:
    return trace.get_current_span(_propagator.extract({"traceparent": cause}))
