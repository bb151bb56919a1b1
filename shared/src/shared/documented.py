"""What the OpenAPI says of answers: every status of a route, with an example of each code that it may bring."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.idempotency import IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight
from shared.problems import DETAILS, FIELD_DETAILS, PROBLEM, InvalidJson, NotAuthenticated, NotFound
from shared.refusals import Refusal

Responses = dict[int | str, dict[str, Any]]
Refusals = tuple[type[Refusal], ...]
KEYED: Refusals = (IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)
"""What a route that takes an Idempotency-Key may refuse."""
SIGNED_IN: Refusals = (NotAuthenticated,)
OWN: Refusals = (NotAuthenticated, NotFound)
"""Of what belongs to somebody: else it is not there."""
_RETRY_AFTER = {"Retry-After": {"description": "seconds until it may go", "schema": {"type": "integer", "minimum": 1}}}
_WWW_AUTHENTICATE = {"WWW-Authenticate": {"description": "the scheme", "schema": {"type": "string"}}}


def problems(
    *refusals: type[Refusal],
    body: str = "",
    path: str = "",
    query: str = "",
    members: Mapping[str, Mapping[str, Any]] | None = None,
    headers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Responses:
    """The refusals of a route and the kernel's own.

    `body`, `path`, `query` name a field there that a malformed request is refused for; without `body` it takes none.
    `members` are further ones of a code's example, `headers` further ones of the answer that a code may come in.
    """
    found: dict[int, dict[str, Any]] = {}
    for refusal in (*refusals, *((InvalidJson,) if body else ())):
        if refusal.field is not None:
            _add(found, 422, refusal.code, _invalid_fields(refusal.field, refusal.code, refusal.detail))
        else:
            own = (members or {}).get(refusal.code, {})
            _add(found, refusal.status, refusal.code, {**_problem(refusal.status, refusal.code, refusal.detail), **own})
    for status in (*((408, 413, 415) if body else ()), *((400,) if query else ()), 500, 503):
        _add(found, status, DETAILS[status][0], _problem(status, *DETAILS[status]))
    if field := body or path or query:
        _add(found, 422, "invalid-fields", _invalid_fields(field, "invalid", FIELD_DETAILS["invalid"]))
    return {status: _response(status, examples, headers or {}) for status, examples in sorted(found.items())}


def _add(found: dict[int, dict[str, Any]], status: int, code: str, example: Mapping[str, Any]) -> None:
    found.setdefault(status, {}).setdefault(code, {"value": example})


def _response(status: int, examples: dict[str, Any], headers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    content = PROBLEM["content"]["application/problem+json"]  # type: ignore[index]
    told = {"application/problem+json": {**content, "examples": examples}}
    own = {name: header for code in examples for name, header in headers.get(code, {}).items()}
    if "not-authenticated" in examples:
        own |= _WWW_AUTHENTICATE
    if status in (429, 503) or "request-in-flight" in examples:
        own |= _RETRY_AFTER
    response = {"description": f"{HTTPStatus(status).phrase}: {', '.join(examples)}", "content": told}
    return response | ({"headers": own} if own else {})


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    return {"type": f"urn:kabinet:problem:{code}", "title": phrase, "status": status, "code": code, "detail": detail}


def _invalid_fields(field: str, code: str, detail: str) -> dict[str, Any]:
    errors = [{"field": field, "code": code, "detail": detail}]
    return _problem(422, *DETAILS[422]) | {"errors": errors}
