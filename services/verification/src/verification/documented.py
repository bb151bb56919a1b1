"""What the OpenAPI says of answers: every status of a route, with an example of each code."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.idempotency import IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight
from shared.problems import DETAILS, FIELD_DETAILS, PROBLEM, InvalidJson
from shared.refusals import Refusal

Responses = dict[int | str, dict[str, Any]]
KEYED: tuple[type[Refusal], ...] = (IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)
"""What a route that takes an Idempotency-Key may refuse."""
_WAITING = {429, 503}
_RETRY_AFTER = {"Retry-After": {"description": "seconds until it may go", "schema": {"type": "integer", "minimum": 1}}}


def problems(*refusals: type[Refusal], body: bool = True, path: bool = False, **members: Any) -> Responses:
    """The refusals of a route and the kernel's own; `members`: further ones of a code's example (`_` for `-`)."""
    found: dict[int, dict[str, Any]] = {}
    told: list[type[Refusal]] = [*refusals, *([InvalidJson] if body else [])]
    for refusal in told:
        if refusal.field is not None:
            _add(found, 422, refusal.code, _invalid_fields(refusal.field, refusal.code, refusal.detail))
        else:
            own = members.get(refusal.code.replace("-", "_"), {})
            _add(found, refusal.status, refusal.code, _problem(refusal.status, refusal.code, refusal.detail) | own)
    for status in (*((408, 413, 415) if body else ()), *((404,) if path else ()), 500, 503):
        _add(found, status, DETAILS[status][0], _problem(status, *DETAILS[status]))
    if body or path:
        field = "code_id" if path else "phone"
        _add(found, 422, "invalid-fields", _invalid_fields(field, "invalid", FIELD_DETAILS["invalid"]))
    return {status: _response(status, examples) for status, examples in sorted(found.items())}


def _add(found: dict[int, dict[str, Any]], status: int, code: str, example: Mapping[str, Any]) -> None:
    found.setdefault(status, {}).setdefault(code, {"value": example})


def _response(status: int, examples: dict[str, Any]) -> dict[str, Any]:
    content = PROBLEM["content"]["application/problem+json"]  # type: ignore[index]
    told = {"application/problem+json": {**content, "examples": examples}}
    response = {"description": f"{HTTPStatus(status).phrase}: {', '.join(examples)}", "content": told}
    return response | ({"headers": _RETRY_AFTER} if status in _WAITING or "request-in-flight" in examples else {})


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    return {"type": f"urn:kabinet:problem:{code}", "title": phrase, "status": status, "code": code, "detail": detail}


def _invalid_fields(field: str, code: str, detail: str) -> dict[str, Any]:
    errors = [{"field": field, "code": code, "detail": detail}]
    return _problem(422, *DETAILS[422]) | {"errors": errors}
