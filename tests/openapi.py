"""What the tests of every OpenAPI share: the document, its operations, and requests made from it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from deploy.embedded.ports import free_port
from shared.service import Service
from shared.serving import serve_http
from tests.kit import Running, eventually

CHECKS = [not_a_server_error, content_type_conformance, response_headers_conformance, response_schema_conformance]
REQUEST_SECONDS = 15  # the contract says that every request is answered within 10
Case = schemathesis.Case[Any]


def document_of(service: Service) -> dict[str, Any]:
    app = FastAPI()
    for router in service.routers:
        app.include_router(router)
    told: dict[str, Any] = app.openapi()
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def told_codes(document: dict[str, Any]) -> set[str]:
    """Every code of a refusal that some answer shows by example."""
    return {
        code
        for _, operation in operations(document)
        for answer in operation["responses"].values()
        for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }


async def met(
    running: Running,
    bearer: Callable[[], dict[str, str]],
    examples: int,
    adjust: Callable[[Case], None] = lambda _: None,
) -> set[str]:
    """Send well-formed and malformed requests to every route, each with a `bearer` of its own: `GET /v1/me 2xx`, …

    Fails where an answer is a 5xx bug, of another form than the document's, or of a status that does not stand with the
    route by number (`default` does not count).
    """
    found: set[str] = set()

    def ask(url: str) -> None:
        for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()

            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def each(case: Case) -> None:
                adjust(case)
                answer = case.call(headers=bearer(), timeout=REQUEST_SECONDS)
                told = set(case.operation.definition.raw["responses"]) - {"default"}
                assert str(answer.status_code) in told, f"{case.operation.label} answered {answer.status_code}, {told}"
                case.validate_response(answer, checks=CHECKS)
                found.add(f"{case.operation.label} {answer.status_code // 100}xx")

            each()

    async with served(running) as url:
        await asyncio.wait_for(asyncio.to_thread(ask, url), 120)
    return found


@asynccontextmanager
async def served(running: Running) -> AsyncIterator[str]:
    """The service's application behind a real HTTP server, so that a generator of requests may run in a thread."""
    port, stop = free_port(), asyncio.Event()
    app = running.service.app(running.kernel, running.wired)
    server = asyncio.create_task(serve_http(app, "127.0.0.1", port, stop))
    try:
        await eventually(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await server


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
