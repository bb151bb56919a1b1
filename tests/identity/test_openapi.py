"""identity's OpenAPI: a stranger can generate a client from it, and nothing is answered that it does not tell of."""

from typing import Any
from uuid import UUID

import pytest

from identity import rules
from identity.main import service
from shared.refusals import Refusal
from tests.identity.conftest import Identity
from tests.openapi import document_of, met, operations, told_codes

EXAMPLES_PER_ROUTE = 6


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(service)


def test_every_code_that_is_refused_with_is_told(document: dict[str, Any]) -> None:
    told = told_codes(document)
    found = [one for one in vars(rules).values() if isinstance(one, type) and issubclass(one, Refusal)]
    raised = {one.code for one in found if one is not Refusal}

    assert raised - told == set()


def test_every_field_of_a_body_is_shown_by_example(document: dict[str, Any]) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        if name.endswith("Body")
        for field, told in schema["properties"].items()
        if not ({"examples", "enum"} & told.keys() or field == "locale")
    ]

    assert bare == []


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]

    assert len(set(names)) == len(names)
    assert {"register", "sign_in", "refresh", "change_email", "erase"} <= set(names)


def test_guarded_routes_name_their_scheme_and_others_do_not(document: dict[str, Any]) -> None:
    guarded = {name for name, operation in operations(document) if "security" in operation}

    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert {name for name, operation in operations(document) if "401" in operation["responses"]} == guarded | {
        "POST /v1/sessions",
        "POST /v1/legacy-sessions",
        "POST /v1/sessions/refresh",
    }
    assert guarded == {name for name, _ in operations(document) if "/v1/me" in name} | {
        "GET /v1/sessions",
        "DELETE /v1/sessions",
        "DELETE /v1/sessions/current",
        "DELETE /v1/sessions/{session_id}",
    }


async def test_generated_requests_get_no_answer_that_is_not_told_of(identity: Identity) -> None:
    """Well-formed and malformed ones, of somebody who is signed in; every status stands with the route by number."""
    user_id = UUID(await identity.registered())

    # A session of its own each time: one call may end it.
    found = await met(identity.running, lambda: identity.running.bearer(user_id), EXAMPLES_PER_ROUTE)

    assert {"GET /v1/me 2xx", "PATCH /v1/me 2xx", "POST /v1/password-recoveries 2xx"} <= found
    assert {"POST /v1/registrations 4xx", "PUT /v1/me/password 4xx", "GET /v1/me/history 2xx"} <= found
