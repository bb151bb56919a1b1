"""billing-link's OpenAPI: a stranger can generate a client from it; nothing is answered that it does not tell of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
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

from billing_link import rules
from billing_link.main import service
from deploy.embedded.ports import free_port
from shared.refusals import Refusal
from shared.serving import serve_http
from tests.kit import Running, eventually

from .conftest import House

CHECKS = [not_a_server_error, content_type_conformance, response_headers_conformance, response_schema_conformance]
EXAMPLES_PER_ROUTE = 15


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = FastAPI()
    for router in service.routers:
        app.include_router(router)
    told: dict[str, Any] = app.openapi()
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_code_that_is_refused_with_is_told(document: dict[str, Any]) -> None:
    told = {
        code
        for _, operation in operations(document)
        for answer in operation["responses"].values()
        for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    found = [one for one in vars(rules).values() if isinstance(one, type) and issubclass(one, Refusal)]

    assert {one.code for one in found if one is not Refusal} - told == set()


def test_every_field_is_shown_by_example(document: dict[str, Any]) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        if name.endswith("Body")
        for field, told in schema["properties"].items()
        if not {"examples", "enum"} & told.keys()
    ]

    assert bare == []


def test_every_route_is_guarded_and_says_so(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for name, operation in operations(document):
        assert "security" in operation, name
        assert "401" in operation["responses"], name
        assert ("404" in operation["responses"]) == ("{" in name), name


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


async def test_generated_requests_get_no_answer_that_is_not_told_of(known: House) -> None:
    """Well-formed and malformed ones, of somebody who is signed in; every status stands with the route by number."""
    user_id: UUID = uuid4()
    await known.ask_and_work(user_id)
    met: set[str] = set()

    def ask(url: str) -> None:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()

            @settings(
                max_examples=EXAMPLES_PER_ROUTE,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def each(case: "schemathesis.Case[Any]") -> None:
                if "wait" in (case.query or {}):
                    case.query.pop("wait")  # nobody decides here: it would only pass the time
                answer = case.call(headers=known.running.bearer(user_id), timeout=30)
                told = set(case.operation.definition.raw["responses"]) - {"default"}
                assert str(answer.status_code) in told, f"{case.operation.label} answered {answer.status_code}, {told}"
                case.validate_response(answer, checks=CHECKS)
                met.add(f"{case.operation.label} {answer.status_code // 100}xx")

            each()

    async with served(known.running) as url:
        await asyncio.wait_for(asyncio.to_thread(ask, url), 120)

    assert {"GET /v1/accounts 2xx", "GET /v1/link-requests 2xx", "POST /v1/link-requests 4xx"} <= met
    assert {"PATCH /v1/accounts/{account_number} 4xx", "GET /v1/accounts/{account_number}/holders 4xx"} <= met
