"""Traces: which are kept, what leaves the process, and that a collector that is away holds up nothing."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from shared import context, telemetry
from shared.tracing import Bare, ByCause

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
LOW, HIGH = 1 << 60, (1 << 128) - 1
"""Of the ids that are compared with a ratio, one near the beginning and the last."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What would leave the process, with traces on."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ByCause(1.0))
    provider.add_span_processor(SimpleSpanProcessor(Bare(exporter)))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def begun(ratio: float, trace_id: int | None, kind: SpanKind, *, sampled: bool = True, remote: bool = True) -> bool:
    """Whether a span of that parent is recorded."""
    parent = None
    if trace_id is not None:
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        parent = trace.set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 1, remote, flags)))
    tracer = TracerProvider(sampler=ByCause(ratio)).get_tracer("test")
    return tracer.start_span("x", parent, kind).is_recording()


def test_a_trace_is_kept_by_its_id_whatever_the_caller_asks_for() -> None:
    assert begun(0.5, LOW, SpanKind.SERVER, sampled=False)
    assert not begun(0.5, HIGH, SpanKind.SERVER, sampled=True)
    assert begun(1.0, HIGH, SpanKind.CONSUMER, sampled=False)


def test_a_part_goes_with_the_whole() -> None:
    assert begun(0.01, HIGH, SpanKind.CLIENT, sampled=True, remote=False)
    assert not begun(1.0, LOW, SpanKind.CLIENT, sampled=False, remote=False)


def test_what_nothing_has_caused_is_no_trace() -> None:
    assert begun(1.0, None, SpanKind.SERVER)
    assert not begun(1.0, None, SpanKind.CLIENT)


def test_only_what_is_listed_leaves(kept: InMemorySpanExporter) -> None:
    with telemetry.because(TRACE, "hear", telemetry.CONSUMER, **{"kabinet.event": "a.b.v1", "url.path": "/c/canary"}):
        trace.get_current_span().record_exception(ValueError("canary"))
        with pytest.raises(LookupError), telemetry.span("ask", telemetry.CLIENT):
            raise LookupError("canary")

    inner, outer = kept.get_finished_spans()
    assert outer.attributes == {"kabinet.event": "a.b.v1"}
    assert inner.attributes == {"error.type": "LookupError"}
    assert all("canary" not in span.to_json() for span in (inner, outer))


def test_what_is_done_belongs_to_its_cause(kept: InMemorySpanExporter) -> None:
    with telemetry.because(TRACE, "hear", telemetry.CONSUMER):
        said = telemetry.current()

    [span] = kept.get_finished_spans()
    assert _ids(span) == (TRACE[3:35], TRACE[36:52])
    assert said is not None
    assert said[3:35] == TRACE[3:35]
    assert said != TRACE
    assert context.traceparent.get() is None


def _ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    assert span.parent is not None
    return f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}"


def test_the_trace_goes_on_where_nothing_is_recorded() -> None:
    with telemetry.because(TRACE, "hear", telemetry.CONSUMER), telemetry.span("ask"):
        assert telemetry.current() == TRACE

    assert telemetry.current() is None


PROGRAM = """
import sys
from shared import telemetry
telemetry.configure("test", sys.argv[1])
with telemetry.because("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x", telemetry.CONSUMER) as span:
    assert span.is_recording()
"""


@pytest.mark.parametrize("answers", ["nobody", "a black hole"])
def test_a_collector_that_is_away_holds_up_no_stop(answers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1] if answers == "a black hole" else 1

        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}/v1/traces"], timeout=60)

    assert done.returncode == 0
    assert time.monotonic() - began < 9


def test_the_recorder_is_not_loaded_where_traces_are_off() -> None:
    program = "import sys; from shared import http, telemetry, worker; print('opentelemetry.sdk' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "False\n"
