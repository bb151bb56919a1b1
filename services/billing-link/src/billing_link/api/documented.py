"""What the OpenAPI says of answers: every status of a route, with an example of each code that it may bring."""

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
_BODY_STATUSES = (408, 413, 415)
_RETRY_AFTER = {"Retry-After": {"description": "seconds until it may go", "schema": {"type": "integer", "minimum": 1}}}
_LOCATION: dict[str, Any] = {
    "Location": {"description": "of the request that is pending", "schema": {"type": "string"}}
}
_WWW_AUTHENTICATE = {"WWW-Authenticate": {"description": "the scheme", "schema": {"type": "string"}}}


def problems(*refusals: type[Refusal], field: str = "") -> Responses:
    """The refusals of a route and the kernel's own. `field`: one that a malformed request is refused for, if any;
    of a path's or query's field nothing can be wrong with a body."""
    found: dict[int, dict[str, Any]] = {}
    with_body = bool(field) and not field.startswith((".", "?"))
    told: list[type[Refusal]] = [*refusals, *([InvalidJson] if with_body else [])]
    for refusal in told:
        if refusal.field is not None:
            _add(found, 422, refusal.code, _invalid_fields(refusal.field, refusal.code, refusal.detail))
        else:
            example = _problem(refusal.status, refusal.code, refusal.detail)
            _add(found, refusal.status, refusal.code, example)
    for status in (*(_BODY_STATUSES if with_body else ()), 500, 503):
        _add(found, status, DETAILS[status][0], _problem(status, *DETAILS[status]))
    if field.startswith("?"):
        _add(found, 400, DETAILS[400][0], _problem(400, *DETAILS[400]))
    if field:
        _add(found, 422, "invalid-fields", _invalid_fields(field.lstrip(".?"), "invalid", FIELD_DETAILS["invalid"]))
    return {status: _response(status, examples) for status, examples in sorted(found.items())}


def _add(found: dict[int, dict[str, Any]], status: int, code: str, example: dict[str, Any]) -> None:
    found.setdefault(status, {}).setdefault(code, {"value": example})


def _response(status: int, examples: dict[str, Any]) -> dict[str, Any]:
    content = PROBLEM["content"]["application/problem+json"]  # type: ignore[index]
    told = {"application/problem+json": {**content, "examples": examples}}
    response: dict[str, Any] = {"description": f"{HTTPStatus(status).phrase}: {', '.join(examples)}", "content": told}
    if status == 401 and "not-authenticated" in examples:
        response["headers"] = _WWW_AUTHENTICATE
    if status in (429, 503) or "request-in-flight" in examples:
        response["headers"] = _RETRY_AFTER
    if "link-pending" in examples:
        response["headers"] = {**response.get("headers", {}), **_LOCATION}
    return response


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    return {"type": f"urn:kabinet:problem:{code}", "title": phrase, "status": status, "code": code, "detail": detail}


def _invalid_fields(field: str, code: str, detail: str) -> dict[str, Any]:
    errors = [{"field": field, "code": code, "detail": detail}]
    return _problem(422, *DETAILS[422]) | {"errors": errors}
