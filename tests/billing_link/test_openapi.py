"""billing-link's OpenAPI: a stranger can generate a client from it; nothing is answered that it does not tell of."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from billing_link import rules
from billing_link.main import service
from shared.refusals import Refusal
from tests.openapi import Case, document_of, met, operations, told_codes

from .conftest import House

EXAMPLES_PER_ROUTE = 15


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(service)


def test_every_code_that_is_refused_with_is_told(document: dict[str, Any]) -> None:
    told = told_codes(document)
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


async def test_generated_requests_get_no_answer_that_is_not_told_of(known: House) -> None:
    """Well-formed and malformed ones, of somebody who is signed in; every status stands with the route by number."""
    user_id: UUID = uuid4()
    await known.ask_and_work(user_id)

    found = await met(known.running, lambda: known.running.bearer(user_id), EXAMPLES_PER_ROUTE, without_waiting)

    assert {"GET /v1/accounts 2xx", "GET /v1/link-requests 2xx", "POST /v1/link-requests 4xx"} <= found
    assert {"PATCH /v1/accounts/{account_number} 4xx", "GET /v1/accounts/{account_number}/holders 4xx"} <= found


def without_waiting(case: Case) -> None:
    """Nobody decides here: it would only pass the time."""
    if case.query:
        case.query.pop("wait", None)
