"""A receiver of OTLP/HTTP that keeps the spans it gets, to look at one trace without a collector."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from deploy.embedded.ports import HOST


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty where it is the first of its trace."""
    kind: str
    began: float
    ended: float
    """Seconds since 1970."""
    failed: bool
    attributes: Mapping[str, str]


class Received:
    """Every export as it came, and the spans that were in them."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.bodies: list[bytes] = []
        self.spans: list[Span] = []

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _read(resource.resource.attributes)["service.name"].removeprefix("kabinet-")
            self.spans += [_span(service, one) for scope in resource.scope_spans for one in scope.spans]

    def trace(self, trace_id: str) -> list[Span]:
        """In the order in which they began."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.began)


@contextmanager
def receiver() -> Iterator[Received]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    received = Received(f"http://{HOST}:{server.server_port}/v1/traces")
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _span(service: str, one: trace_pb2.Span) -> Span:
    return Span(
        service,
        one.name,
        one.trace_id.hex(),
        one.span_id.hex(),
        one.parent_span_id.hex(),
        trace_pb2.Span.SpanKind.Name(one.kind).removeprefix("SPAN_KIND_").lower(),
        one.start_time_unix_nano / 1e9,
        one.end_time_unix_nano / 1e9,
        one.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        _read(one.attributes),
    )


def _read(attributes: "list[KeyValue]") -> dict[str, str]:
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value") or "string_value")) for one in attributes}
